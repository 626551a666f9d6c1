"""Requests of the host (PS-5 to PS-7): hello, load, run, cancel, drain, shutdown."""

import asyncio
import contextvars
import inspect
import logging
import os
import re
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn

import polystep_runner
from polystep_runner.adapters.functions import Function, caught
from polystep_runner.adapters.inputs import readable
from polystep_runner.adapters.outgoing import Outgoing
from polystep_runner.adapters.records import Records
from polystep_runner.attempt import CURRENT_ATTEMPT, Attempt
from polystep_runner.channel import FRAME_BYTES_MAX, Channel, take_descriptors
from polystep_runner.codec import plain
from polystep_runner.context import Context
from polystep_runner.errors import PolystepError, safe_text
from polystep_runner.features import FEATURES
from polystep_runner.features.access import answer_of, call_of, can_run
from polystep_runner.features.answers import Answers
from polystep_runner.features.checks import checked
from polystep_runner.features.durable import step_failure, suspend
from polystep_runner.features.heartbeat import Lingering
from polystep_runner.features.responses import is_streamed, stream
from polystep_runner.loader import LoadedStep, Loader
from polystep_runner.output import Output

PROTOCOL: Final = "1.0"
RUNS_MAX: Final = 128  # more at once only waits longer on one core; streamed answers wait anyway (PS-7.12)
_EXIT_GRACE_S: Final = 1.5  # for atexit functions and threads after `shutdown` (PS-7.10)
_WORDS: Final = {str: "text", int: "a number", list: "an array", dict: "a map"}


def main() -> NoReturn:
    """Serve the channel that `POLYSTEP_CHANNEL` names; exits with status 0 after `shutdown` or when the host goes."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        channel = Channel(loop, *take_descriptors(os.environ.pop("POLYSTEP_CHANNEL", "stdio")))  # PS-2.6
    except OSError as error:
        sys.exit(f"polystep runner: no channel to the host ({error}). This program is started by `polystep dev`.")
    runner = Runner(loop, channel)
    while not runner.stopped:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            continue  # a task of user code raised it; who awaits the task gets it too (PS-7.3)
    timer = threading.Timer(_EXIT_GRACE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
    channel.drain()
    runner.output.give_back()
    logging.disable()  # tasks that are cut off here are no news
    sys.exit(0)


class Runner:
    """Runner that answers the host on the event loop's thread; plain `def` handlers run in threads of their own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: Channel) -> None:
        self.stopped = False
        self._loop, self._channel = loop, channel
        self._steps: dict[str, LoadedStep] = {}
        self._runs: dict[str, Attempt] = {}
        self._cancelled: set[asyncio.Task[None]] = set()  # their handlers may go on
        self._drains: list[int] = []
        self._features = set[str]()  # of both sides (PS-5.5)
        # No limit: an open run takes one, and a cancelled one keeps its own until its code returns.
        self._threads = ThreadPoolExecutor(1_000_000, "polystep-handler")
        self._lingering, self._answers = Lingering(channel), Answers(channel)
        self._methods: dict[object, Callable[[int, dict[str, Any]], None]] = {
            "hello": self._hello, "step.load": self._load, "step.run": self._run, "drain": self._drain,
            "shutdown": self._shutdown, "ping": self._lingering.ping,
        }  # fmt: skip
        channel.on_request, channel.on_cancel = self._request, self._cancel

    def _request(self, id: int, method: object, params: object) -> None:
        if self._channel.is_open == (method == "hello"):
            raise PolystepError("invalid_params", "hello is the first request, and there is only one.")  # PS-5.4
        if not isinstance(method, str) or method not in self._methods:
            raise PolystepError("method_not_found", f"This runner has no method {safe_text(method)}.")
        if not isinstance(params, dict):
            raise PolystepError("invalid_params", f"The params of {safe_text(method)} must be a map.")
        self._methods[method](id, params)

    def _hello(self, id: int, params: dict[str, Any]) -> None:
        theirs = re.fullmatch(r"(\d{1,9})\.\d{1,9}", safe_text(params.get("protocol")))
        if theirs is None or theirs[1] != PROTOCOL.partition(".")[0]:
            older = "this runner" if theirs and float(theirs[0]) > float(PROTOCOL) else "the host"
            message = f"The host speaks protocol {theirs and theirs[0]}, this runner {PROTOCOL}: update {older}."
            raise PolystepError("protocol_mismatch", message, data={"protocol": PROTOCOL})
        _require(params, host=dict, project=str, frame_bytes_max=int, features=list)
        if params["frame_bytes_max"] < 1024:
            raise PolystepError("invalid_params", "frame_bytes_max must be at least 1024.")
        self._loader = Loader(params["project"])
        self._channel.answer(id, {
            "protocol": PROTOCOL, "runner": {"name": "polystep-python", "version": polystep_runner.__version__},
            "language": "python", "pid": os.getpid(), "runs_max": RUNS_MAX, "streams_max": 16 * RUNS_MAX,
            "frame_bytes_max": FRAME_BYTES_MAX, "features": FEATURES,
        })  # fmt: skip
        self._channel.open(params["frame_bytes_max"])
        self._features = {each for each in FEATURES if each in params["features"]}
        self.output = Output(self._channel)
        Outgoing(CURRENT_ATTEMPT.get, self._channel.loop)
        Records(lambda level, text, fields: self._channel.log(CURRENT_ATTEMPT.get(), level, text, fields, "logger"))

    def _load(self, id: int, params: dict[str, Any]) -> None:
        _require(params, file=str, kind=str)
        try:
            step = self._steps[params["file"]] = self._loader.load(params["file"], params["kind"])
        finally:
            self.output.finish(None)
        answer = {"config": step.config.members, "handler": step.has_handler}
        more = {"contracts": [*step.config.checks], "warnings": step.config.warnings}
        self._channel.answer(id, answer | {name: texts for name, texts in more.items() if texts})

    def _run(self, id: int, params: dict[str, Any]) -> None:
        _require(params, run=str, file=str, step=str, type=str, trace_id=str, attempt=int)
        attempt, step = Attempt(id, params, self._channel, self._features), self._steps.get(params["file"])
        if step is None or not can_run(step, params["type"]):
            raise PolystepError("invalid_params", f"{params['file']} is not loaded, or has no handler.")
        if attempt.id in self._runs:
            raise PolystepError("invalid_params", f"Run {attempt.id} is open already.")
        self._runs[attempt.id] = attempt
        attempt.task = self._loop.create_task(self._attempt(attempt, step))

    def _cancel(self, id: str, reason: str) -> None:
        attempt = self._runs.get(id)
        if attempt is not None and attempt.task is not None:
            # Answered now, not when the handler ends: it may swallow the cancellation, or be a thread.
            self._finish(attempt, None, PolystepError("cancelled", f"The run was cancelled: {reason}."))
            suspend(attempt, reason)
            self._cancelled.add(attempt.task)
            attempt.task.add_done_callback(self._cancelled.discard)
            attempt.task.cancel()

    def _drain(self, id: int, _params: dict[str, Any]) -> None:
        self._drains.append(id)
        self._answer_drains()

    def _shutdown(self, id: int, _params: dict[str, Any]) -> None:
        self._channel.answer(id, None)
        self.stopped = True
        self._loop.stop()

    async def _attempt(self, attempt: Attempt, step: LoadedStep) -> None:
        CURRENT_ATTEMPT.set(attempt)
        value, result, error = attempt.params.get("input"), None, None
        is_ours = True  # what is raised now
        try:
            value = checked(step.config.checks, attempt.type, value) if "contracts" in self._features else value
            is_ours = False
            result = await self._call(*call_of(step, attempt, value, Context))
            if attempt.type == "api" and "response.stream" in self._features and is_streamed(result):
                await stream(attempt, result, self._in_thread)
                result = None
            is_ours = True
            called = attempt.params.get("wants_value") is True
            result = plain(result if called else answer_of(attempt.type, result), "result")
        except BaseException as raised:  # user code may raise anything, SystemExit included (PS-7.3)
            if self.stopped:
                raise  # the interpreter closes what a shutdown cut off
            error = raised if is_ours and isinstance(raised, PolystepError) else step_failure(raised)
        unnoticed = await attempt.settle()
        self._finish(attempt, result, error or (unnoticed and step_failure(unnoticed)))

    def _call(self, functions: list[Function], attempt: Attempt, context: Any, value: object) -> Awaitable[object]:
        """Call the first function: the handler, or a middleware, whose `next()` or `next(other_request)` goes on."""
        function, *inner = functions
        value = readable(attempt.type, value)

        def go_on(other: object = value) -> Awaitable[object]:
            return self._call(inner, attempt, context, other)

        is_alone = attempt.type == "cron" and not inner and function.requires < 2  # PS-7.2
        args = ((context,) if is_alone else (value, context, go_on))[: function.takes]
        return function.call(*args) if function.is_async else self._in_thread(function.call, *args)

    async def _in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        context = contextvars.copy_context()
        value, error = await self._lingering.call(self._threads, context.run, caught, call, args)
        if error is not None:
            raise error
        return await value if inspect.isawaitable(value) else value

    def _finish(self, attempt: Attempt, result: object, error: PolystepError | None) -> None:
        if not attempt.answered:
            self.output.finish(attempt)
            attempt.answered = True
            del self._runs[attempt.id]
            self._answers.give(result, lambda: self._answer(attempt.request_id, result, error))

    def _answer(self, id: int, result: object, error: PolystepError | None) -> None:
        self._channel.answer(id, result, error)
        self._answer_drains()

    def _answer_drains(self) -> None:
        while self._drains and not self._runs and not self._answers:
            self._channel.answer(self._drains.pop(), None)


def _require(params: dict[str, Any], **kinds: type) -> None:
    for name, kind in kinds.items():
        if type(params.get(name)) is not kind:
            found = type(params.get(name)).__name__
            raise PolystepError("invalid_params", f"{name} must be {_WORDS[kind]}, it is {found}.")
