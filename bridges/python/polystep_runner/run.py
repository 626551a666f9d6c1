"""What the host asks of a runner (PS-5 to PS-7): hello, load, run, cancel, drain, shutdown."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import polystep_runner
from polystep_runner.calls import CURRENT_RUN, Run
from polystep_runner.channel import FRAME_BYTES_MAX
from polystep_runner.context import Context, Request
from polystep_runner.errors import PolystepError, describe
from polystep_runner.loader import Function, LoadedStep, Loader
from polystep_runner.outgoing import OutgoingCalls
from polystep_runner.output import Output
from polystep_runner.peer import Peer

PROTOCOL: Final = "1.0"
RUNS_MAX: Final = 128
"""More at once only waits longer on one core."""


class Runner:
    """Answers the host's requests on the event loop's thread; plain `def` handlers run in threads of their own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: Peer, output: Output, outgoing: OutgoingCalls) -> None:
        self.stopped = False
        self._loop = loop
        self._peer = peer
        self._output = output
        self._outgoing = outgoing
        self._loader: Loader | None = None
        self._steps: dict[str, LoadedStep] = {}
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Every handler that has not returned, those included that were cancelled and already answered for."""
        self._drains: list[int] = []
        self._threads = ThreadPoolExecutor(RUNS_MAX, "polystep-handler")

    def serve(self) -> None:
        """Take `hello`; everything else after it."""
        self._peer.requests["hello"] = self._hello

    def _hello(self, id: int, params: dict[str, Any]) -> None:
        theirs = str(params.get("protocol", ""))
        if theirs.partition(".")[0] != PROTOCOL.partition(".")[0]:
            older = "the host" if theirs < PROTOCOL else "this runner"
            message = f"The host speaks protocol {theirs or '?'}, this runner {PROTOCOL}: update {older}."
            raise PolystepError("protocol_mismatch", message)
        bytes_max = params.get("frame_bytes_max")
        self._peer.respond(
            id,
            {
                "protocol": PROTOCOL,
                "runner": {"name": "polystep-python", "version": polystep_runner.__version__},
                "language": "python",
                "pid": os.getpid(),
                "runs_max": RUNS_MAX,
                "frame_bytes_max": FRAME_BYTES_MAX,
                "features": [],
            },
        )
        if self._loader is not None:
            return
        self._peer.open(bytes_max if isinstance(bytes_max, int) else FRAME_BYTES_MAX)
        self._loader = Loader(str(params.get("project") or os.getcwd()))  # noqa: PTH109 - text is what is needed
        self._output.install()
        self._outgoing.install()
        self._peer.requests |= {
            "step.load": self._load,
            "step.run": self._run,
            "drain": self._drain,
            "shutdown": self._shutdown,
        }
        self._peer.notifications["cancel"] = self._cancel

    def _load(self, id: int, params: dict[str, Any]) -> None:
        file = _text(params, "file")
        assert self._loader is not None  # set before this method is reachable
        try:
            step = self._loader.load(file)
        finally:
            self._output.finish(None)
        self._steps[file] = step
        answer: dict[str, Any] = {"config": step.config, "handler": step.handler is not None}
        if step.warnings:
            answer["warnings"] = step.warnings
        self._peer.respond(id, answer)

    def _run(self, id: int, params: dict[str, Any]) -> None:
        run = Run(_text(params, "run"), id)
        file = _text(params, "file")
        step = self._steps.get(file)
        if step is None or step.handler is None:
            raise PolystepError("invalid_params", f"{file} is not loaded, or has no handler: send step.load first.")
        if run.id in self._runs:
            raise PolystepError("invalid_params", f"Run {run.id} is open already.")
        self._runs[run.id] = run
        run.task = self._loop.create_task(self._attempt(run, step, step.handler, params))
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)

    def _cancel(self, params: dict[str, Any]) -> None:
        run = self._runs.get(str(params.get("run")))
        if run is None or run.task is None:
            return
        # Answered now, not when the handler ends: it may swallow the cancellation, or be a thread.
        reason = params.get("reason") or "no reason was given"
        self._finish(run, None, PolystepError("cancelled", f"The run was cancelled: {reason}."))
        run.task.cancel()

    def _drain(self, id: int, _params: dict[str, Any]) -> None:
        self._drains.append(id)
        self._answer_drains()

    def _shutdown(self, id: int, _params: dict[str, Any]) -> None:
        self._peer.respond(id, None)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.stopped = True
        self._loop.stop()

    async def _attempt(self, run: Run, step: LoadedStep, handler: Function, params: dict[str, Any]) -> None:
        CURRENT_RUN.set(run)
        result: object = None
        error: BaseException | None = None
        try:
            result = await self._handle(run, step, handler, params)
        except BaseException as raised:  # user code may raise anything, SystemExit included (PS-7.2)
            if self.stopped:
                raise  # the interpreter closes what a shutdown cut off
            error = raised
        if run.open and not run.answered:
            await run.settle()
        if error is None:
            error = run.unnoticed_error()
        self._finish(run, result, None if error is None else _step_failed(error))

    def _handle(self, run: Run, step: LoadedStep, handler: Function, params: dict[str, Any]) -> Awaitable[object]:
        context = Context(self._peer, run, params)
        kind = params.get("type")
        value = params.get("input")
        if kind == "api" and isinstance(value, dict):
            value = Request(value)

        def call_handler(value: object) -> Awaitable[object]:
            if kind == "cron" and handler.required < 2:
                return self._invoke(handler, context)
            return self._invoke(handler, value, context)

        if not step.middleware:
            return call_handler(value)
        call: Callable[[object], Awaitable[object]] = call_handler
        for middleware in reversed(step.middleware):
            call = self._around(middleware, call, context)
        return call(value)

    def _around(
        self, middleware: Function, inner: Callable[[object], Awaitable[object]], context: Context
    ) -> Callable[[object], Awaitable[object]]:
        """`inner` with `middleware` before and after it: `await next()`, or `await next(other_request)`."""

        def call(value: object) -> Awaitable[object]:
            def go_on(*other: Any) -> Awaitable[object]:
                replaced = other[0] if other else value
                return inner(Request(replaced) if type(value) is Request and type(replaced) is dict else replaced)

            return self._invoke(middleware, value, context, go_on)

        return call

    async def _invoke(self, function: Function, *args: Any) -> object:
        if function.is_async:
            return await function.call(*args[: function.takes])
        ran = self._loop.run_in_executor(
            self._threads, contextvars.copy_context().run, _caught, function.call, args[: function.takes]
        )
        try:
            value, error = await ran
        except asyncio.CancelledError:
            # The thread goes on until its code returns, so it must not count against those that come.
            self._threads.shutdown(wait=False)
            self._threads = ThreadPoolExecutor(RUNS_MAX, "polystep-handler")
            raise
        if error is not None:
            raise error
        return await value if inspect.isawaitable(value) else value

    def _finish(self, run: Run, result: object, error: PolystepError | None) -> None:
        if run.answered:
            return
        self._output.finish(run)
        run.answered = True
        del self._runs[run.id]
        if error is None:
            self._peer.respond(run.request_id, result)
        else:
            self._peer.fail(run.request_id, error)
        self._answer_drains()

    def _answer_drains(self) -> None:
        while self._drains and not self._runs:
            self._peer.respond(self._drains.pop(), None)


def _caught(call: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
    # As a value: a future refuses StopIteration, and SystemExit would end the thread's pool.
    try:
        return call(*args), None
    except BaseException as error:  # noqa: BLE001 - raised again where the handler is awaited
        return None, error


def _step_failed(error: BaseException) -> PolystepError:
    data = describe(error)
    retryable = error.retryable if isinstance(error, PolystepError) else True
    return PolystepError("step_failed", f"{data['name']}: {data['message']}", retryable=retryable, data=data)


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise PolystepError("invalid_params", f"{name} must be text, it is {type(value).__name__}.")
    return value
