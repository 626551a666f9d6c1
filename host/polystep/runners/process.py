"""Runner process: start, handshake, load, run, stop.

Stopping escalates and every wait is bounded: `shutdown`, then the channel closed, then TERM, then KILL to the whole
group. Whatever way it ends, the group is killed at the end, so nothing that a step started outlives its runner.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polystep import __version__
from polystep.contracts.errors import LoadFailed, PolystepError, RunnerGone
from polystep.contracts.limits import FRAME_BYTES_MAX, HELLO_TIMEOUT_S, RUNS_PER_RUNNER
from polystep.contracts.steps import SourceFile
from polystep.contracts.values import JSONObject, JSONValue
from polystep.runners.failures import Failures
from polystep.runners.guard import Guard
from polystep.runners.hello import FEATURES, PROTOCOL, read_hello
from polystep.runners.kinds import Launch, RunnerKind
from polystep.runners.output import OutputLines, read_lines, stray_text
from polystep.runners.spawn import Child, pipe, spawn
from polystep.wire import Peer, connect_pipes, pack_request_message

_STEP_S: Final = 1.0
"""Time for the answer to `shutdown`, and after each signal."""
_EXIT_S: Final = 2.0
"""Time to exit after the answer to `shutdown`, and after the end of input (PS-7.10, PS-2.5)."""
_TAIL_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Blocked:
    """Report of a handler that keeps its process from everything else."""

    runner: str
    step: str | None
    """Step whose code it is; `None` when that is unknown."""
    run: str | None
    stack: str
    """Stack of the code, when the bridge knows it; else empty."""
    waiting: int
    """Runs in the process that wait behind it."""
    for_s: float
    others: tuple[str, ...]
    """Steps of the open runs, when it is unknown whose code it is."""


def _nobody(_: object) -> None:
    """Ignore the report."""


async def _at_once(_: object) -> None:
    """Nothing is waited for."""


@dataclass(frozen=True, slots=True)
class RunnerCalls:
    """Ports of a runner to the host: its calls, its notifications, its printed lines."""

    methods: Mapping[str, Callable[[JSONObject], object]]
    notifications: Mapping[str, Callable[[JSONObject], None]]
    output: Callable[[str, str, str], None]
    """`(runner, "stdout" or "stderr", line)`: a line that belongs to no known run."""
    blocked: Callable[[Blocked], None] = _nobody
    """Takes the report of a handler that keeps its process from everything else."""
    retire: Callable[[Collection[str]], None] = _nobody
    """Takes runs that go on in a process which newer code has replaced."""
    let_units_end: Callable[[Collection[str]], Awaitable[None]] = _at_once
    """Waits until none of these runs is in something that must not be cut."""


class RunnerProcess:
    """Process that speaks the protocol."""

    def __init__(
        self,
        kind: RunnerKind,
        launch: Launch,
        project: Path,
        environment: Mapping[str, str],
        calls: RunnerCalls,
        guard: Guard,
    ) -> None:
        self.kind = kind
        self._launch = launch
        self._project = project
        self._given = dict(environment)
        self._calls = calls
        self._guard = guard
        self._peer = Peer(calls.methods, {**calls.notifications, "blocked": self._note_blocked})
        self._peer.on_close = self._channel_closed
        self._child: Child | None = None
        self._outputs: list[OutputLines] = []
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self.runs_max = RUNS_PER_RUNNER
        self._features: frozenset[str] = frozenset()
        self.streams_max = 0
        """Streamed answers it takes beside its runs; 0: they count like other runs."""
        self.slots_taken = 0
        """Slots that runs hold in it, also runs that are about to start."""
        self.requests_taken = 0
        """Slots of requests, for which a client waits."""
        self.streams_open = 0
        self.runs: dict[str, str] = {}
        """Open runs and their steps, in the order of their starts."""
        self.suspects: frozenset[str] = frozenset()
        """Runs that were open when its channel closed."""
        self.is_leaving = False
        """It takes no more runs, and ends with those it has."""
        self.blocked_since_s: float | None = None
        """Start of the time without an answer, by the loop's clock."""
        self.lingering_since_s: float | None = None
        """Start of the time in which handlers of cancelled runs go on, or may go on."""
        self.is_replaced = False
        """Another process is starting, because handlers linger in this one."""
        self.blocker_stack = ""
        self._blocker: str | None = None
        self.memory_limit_mb: int | None = None
        """Most memory that it and what it has started may use."""
        self.memory_mb = 0
        """Memory that it uses, as it was measured last; 0 without a limit."""
        self.outgrown = ""
        """Reason of its end, when the host ended it because of its memory."""
        self.is_judged = False
        """Its suspects have been divided into groups."""
        self.stopping = False
        self.condemned: str | None = None
        """Run for which the host kills the process; its neighbours are not to blame."""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Description of the end of the process."""

    @property
    def pid(self) -> int | None:
        """Return the process that was started; `None` before."""
        return None if self._child is None else self._child.pid

    @property
    def usable(self) -> bool:
        """Report whether it can take runs."""
        return not self._peer.closed and not self.ended.done() and self.condemned is None

    @property
    def is_blocked(self) -> bool:
        """Report whether it fails to answer pings."""
        return self.blocked_since_s is not None

    @property
    def has_heartbeat(self) -> bool:
        """Report whether it answers `ping`; one that takes a single run is blocked by each."""
        return "heartbeat" in self._features and self.runs_max > 1

    @property
    def blocker(self) -> str | None:
        """Return the run that blocks it, when that is known."""
        if self.blocked_since_s is None:
            return None
        if self._blocker in self.runs:
            return self._blocker
        return next(iter(self.runs)) if len(self.runs) == 1 else None

    @property
    def blocking_step(self) -> str | None:
        """Return the step of that run."""
        return None if self.blocker is None else self.runs.get(self.blocker)

    def ping(self) -> asyncio.Future[JSONValue]:
        """Ask for a sign of life (PS-10.3)."""
        return self._peer.call("ping", {})

    def read_ping(self, answer: JSONValue) -> int:
        """Read the number of cancelled handlers that still run from an answer to `ping` (PS-7.13)."""
        lingering = answer.get("lingering") if isinstance(answer, dict) else None
        return lingering if type(lingering) is int else 0

    def freed(self) -> None:
        """Note that it answers again."""
        self.blocked_since_s, self._blocker, self.blocker_stack = None, None, ""

    def _note_blocked(self, params: JSONObject) -> None:
        """Keep the bridge's report of user code that keeps it from reading (PS-10.4)."""
        run, stack = params.get("run"), params.get("stack")
        self._blocker = run if isinstance(run, str) else None
        self.blocker_stack = stack if isinstance(stack, str) else ""

    def matches(self, launch: Launch, environment: Mapping[str, str]) -> bool:
        """Report whether a new process with this command and these variables would be like this one."""
        return launch == self._launch and dict(environment) == self._given

    async def start(self) -> None:
        """Spawn and shake hands; a standby has done so already.

        Raises:
            LoadFailed: It did not start, with what it printed, or it speaks another protocol.
        """
        if self._child is not None:
            return
        hello: JSONObject = {
            "protocol": PROTOCOL,
            "host": {"name": "polystep", "version": __version__},
            "project": str(self._project),
            "frame_bytes_max": FRAME_BYTES_MAX,
            "features": list(FEATURES),
        }
        try:
            await self._spawn()
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                self._accept(await self._peer.call("hello", hello))
        except TimeoutError:
            raise await self._give_up(f"it sent nothing for {HELLO_TIMEOUT_S:g} s") from None
        except PolystepError as error:
            raise await self._give_up(self.ended.result() if self.ended.done() else error.message) from error
        except BaseException:
            # Cancelled: nobody else knows of the process yet.
            await self.kill()
            raise

    async def load(self, source: SourceFile) -> JSONObject:
        """Load one file; returns `{config, handler, warnings?}`.

        Raises:
            LoadFailed: The file cannot be loaded; the message says why in the words of its language.
            RunnerGone: The process ended meanwhile.
        """
        if source.kind == "access" and "access" not in self._features:
            raise LoadFailed(f"The {self.kind.name} runner cannot ask an access rule, so {source.path} is not loaded.")
        try:
            answer = await self._peer.call("step.load", {"file": source.path, "kind": source.kind})
        except LoadFailed as error:
            if not error.data:
                raise
            raise self._explained(source, error) from error
        if not isinstance(answer, dict) or not isinstance(config := answer.get("config"), dict):
            raise LoadFailed(f"The {self.kind.name} runner answered step.load with {str(answer)[:200]}.")
        if config.get("middleware") and "middleware" not in self._features:
            # It may be what keeps strangers out (PS-6.2).
            raise LoadFailed(
                f"{source.path} has middleware, which the {self.kind.name} runner does not call, so the step is not "
                "run. Do in its handler what the middleware does."
            )
        if config.get("canAccess") and "access" not in self._features:
            raise LoadFailed(
                f"{source.path} has canAccess, which the {self.kind.name} runner cannot ask, so the stream is not "
                "served (PS-6.7). Declare the stream in TypeScript, JavaScript or Python."
            )
        return answer

    def _explained(self, source: SourceFile, error: LoadFailed) -> LoadFailed:
        text = self.kind.explain(self._project, source.path, error.data)
        failures = Failures(self._project)
        location = failures.of_load(source.path, error.data)
        if location is None:
            return LoadFailed(text, error.data)
        # A text that names no line gets one.
        header = "" if f"{location.file}:{location.line}" in text else f"{location}\n"
        frame = f"{header}{failures.frame(location)}".rstrip()
        return LoadFailed(f"{text}\n{frame}" if frame else text, {**error.data, "place": location.to_json()})

    def call_run(self, params: JSONObject) -> asyncio.Future[JSONValue]:
        """Start an attempt; the future gets the handler's value."""
        if params.get("type") != "api":
            return self._peer.call("step.run", params)
        pack = functools.partial(pack_request_message, takes_integers="integers" in self._features)
        return self._peer.call("step.run", params, pack)

    def cancel_run(self, run: str, reason: str) -> None:
        """Ask for the end of a run."""
        if self.lingering_since_s is None:
            # Until a ping says that nothing goes on.
            self.lingering_since_s = asyncio.get_running_loop().time()
        self._peer.notify("cancel", {"run": run, "reason": reason})

    async def drained(self) -> None:
        """Return when no run is open in it, or when it is gone."""
        with contextlib.suppress(PolystepError):
            await self._peer.call("drain", {})

    async def stop(self, grace_s: float) -> None:
        """End it in order; its open runs get `grace_s` seconds."""
        child = self._child
        if child is None:
            return
        self.stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self.drained()
        with contextlib.suppress(PolystepError, TimeoutError):
            async with asyncio.timeout(_STEP_S):
                await self._peer.call("shutdown", {})
            await asyncio.wait([self.ended], timeout=_EXIT_S)
        for act, wait_s in (
            (self._close, _EXIT_S),
            (lambda: child.kill_group(signal.SIGTERM), _STEP_S),
            (lambda: child.kill_group(signal.SIGKILL), _STEP_S),
        ):
            if self.ended.done():
                break
            act()
            await asyncio.wait([self.ended], timeout=wait_s)
        await self._finish()

    async def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill_group(signal.SIGKILL)
            await asyncio.wait([self.ended], timeout=_STEP_S)
        elif not self.ended.done():
            self.ended.set_result("it was never started")
        await self._finish()

    async def end_outgrown(self) -> None:
        """End it at once because of its memory."""
        self.outgrown = (
            f"it used {self.memory_mb} MB, and its limit is {self.memory_limit_mb} MB (memory_mb of "
            f"[runners.{self.kind.name}])"
        )
        await self.kill()

    def kill_now(self) -> None:
        """End it without waiting for anything, when the host itself ends at once."""
        if self._child is not None:
            self._child.kill_group(signal.SIGKILL)

    async def _finish(self) -> None:
        """Close the channel and read the last printed lines: often they explain the end."""
        self._close()
        await asyncio.gather(*(output.finish(_STEP_S) for output in self._outputs))

    async def _spawn(self) -> None:
        private = self.kind.channel == "private"
        reads = 3 if private else 0
        ours: dict[int, int] = {}
        theirs: dict[int, int] = {}
        try:
            for number in (3, 4, 1, 2) if private else (0, 1, 2):
                read, write = pipe()
                ours[number], theirs[number] = (write, read) if number == reads else (read, write)
            variables = {**self._given, **self._launch.environment, "POLYSTEP_CHANNEL": self.kind.channel}
            self._child = spawn(self._launch.command, self._project, variables, theirs)
        except (OSError, ValueError) as error:
            _close_all(ours)
            raise LoadFailed(str(error)) from error
        finally:
            _close_all(theirs)
        self._guard.add(self._child.pid)
        self._child.ended.add_done_callback(self._exited)
        try:
            await self._listen(ours, private)
        except BaseException:
            _close_all(ours)
            raise

    async def _listen(self, ours: dict[int, int], private: bool) -> None:
        """Give our pipe ends to their readers; each one belongs to its reader as soon as it leaves `ours`."""
        for number, name in ((1, "stdout"), (2, "stderr")) if private else ((2, "stderr"),):
            self._outputs.append(await read_lines(ours.pop(number), functools.partial(self._line, name)))
        reads, writes = (3, 4) if private else (0, 1)
        await connect_pipes(self._peer, ours.pop(writes), ours.pop(reads), on_end=self._channel_ended)

    def _accept(self, answer: JSONValue) -> None:
        hello = read_hello(answer)
        self.runs_max, self.streams_max, self._features = hello.runs_max, hello.streams_max, hello.features
        self._peer.agree(hello.frame_bytes_max)

    async def _give_up(self, why: str) -> LoadFailed:
        await self.kill()
        printed = "\n".join(self._tail)
        stray = stray_text(self._peer.stray)
        return LoadFailed(
            f"The {self.kind.name} runner did not start: {why.rstrip('.')}."
            + (f"\nIt printed:\n{printed}" if printed else "")
            + (f"\nOn its channel, where nothing but frames may be, it wrote:\n{stray}" if stray else "")
        )

    def _line(self, stream: str, line: str) -> None:
        self._tail.append(line)
        self._calls.output(self.kind.name, stream, line)

    def _exited(self, ended: asyncio.Future[int]) -> None:
        assert self._child is not None
        self._guard.remove(self._child.pid)
        code = ended.result()
        how = f"it was killed by signal {_signal_name(-code)}" if code < 0 else f"it exited with status {code}"
        how = self.outgrown or how
        if not self.ended.done():
            self.ended.set_result(how)
        # Answers may still be in the pipe: the peer hears of the end when it has read them.
        asyncio.get_running_loop().call_later(_STEP_S, self._close)

    def _channel_ended(self) -> None:
        """Wait a moment for the exit status, so that the waiters get it."""
        if self.ended.done():
            self._close()
        else:
            self.ended.add_done_callback(lambda _: self._close())
            asyncio.get_running_loop().call_later(_STEP_S, self._close)

    def _channel_closed(self) -> None:
        # Taken before any waiter runs: each of them asks who was inside.
        self.suspects = frozenset(self.runs)
        # Without a channel it is of no use. One that does not end by itself now is ended, so that it is replaced.
        if self._child is not None and not self.stopping:
            asyncio.get_running_loop().call_later(_STEP_S, self._child.kill_group, signal.SIGKILL)

    def _close(self) -> None:
        why = self.ended.result() if self.ended.done() else "the host closed its channel"
        self._peer.fail(RunnerGone(f"The {self.kind.name} runner is gone: {why}."))


def _close_all(descriptors: dict[int, int]) -> None:
    for number in descriptors.values():
        os.close(number)
    descriptors.clear()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
