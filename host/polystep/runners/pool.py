"""Processes of one runner kind: generations, slots, replacement, crash suspects apart.

A **generation** is a set of processes that have loaded the same files. A reload stages a new one beside the current;
when the host switches, it takes the runs, and the old one finishes what it has. A process that dies takes the runs
inside it along. For each of them `RunnerGone.data["fault"]` is `own` (it was alone, or the host killed the process for
it), `neighbour` (the host killed the process for another run, or the run had not reached it) or `unknown` (several were
inside: each runs as a suspect to find out).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polystep.contracts.errors import HostStopping, LoadFailed, Overloaded, PolystepError, RunnerGone, RunTimedOut
from polystep.contracts.limits import CANCEL_GRACE_S, STOP_GRACE_S
from polystep.contracts.steps import Finding, LoadedFile, LoadFailure, SourceFile
from polystep.contracts.values import JSONObject, JSONValue
from polystep.runners.generation import Generation
from polystep.runners.guard import Guard
from polystep.runners.kinds import Launch, Progress, RunnerKind
from polystep.runners.process import RunnerCalls, RunnerProcess
from polystep.runners.quarantine import Quarantine
from polystep.runners.slots import Refusals, Slot, Slots

DRAINING_MAX: Final = 3
"""Old generations that may finish their runs side by side; beyond, the oldest stops and its runs start again."""

_log = logging.getLogger("polystep.runners")


@dataclass(frozen=True, slots=True)
class Staged:
    """Result of `stage`; nothing runs in its generation before `switch`."""

    loaded: Sequence[LoadedFile] = ()
    failures: Sequence[LoadFailure] = ()
    generation: Generation | None = None
    """`None` with failures: the runner itself does not start, and the current generation stays."""
    problem: Finding | None = None
    """Problem in spite of which the files were loaded, see `Launch.problem`."""

    @property
    def started(self) -> bool:
        """Report whether the runner itself started, or had nothing to run."""
        return self.generation is not None or not self.failures


@dataclass(frozen=True, slots=True)
class PoolSize:
    """Number of processes of one kind."""

    processes: int = 1
    """They share the runs."""
    standby: bool = False
    """Keep one more, started and without steps, so that the next reload only has to load them; see `begin_standby`."""
    memory_mb: int | None = None
    """Most memory of one process; see `memory.py`."""


ONE_PROCESS: Final = PoolSize()


class RunnerPool:
    """Pool that runs steps in processes of one kind."""

    def __init__(
        self,
        kind: RunnerKind,
        project: Path,
        calls: RunnerCalls,
        environment: Callable[[], Mapping[str, str]],
        progress: Progress,
        size: PoolSize = ONE_PROCESS,
    ) -> None:
        """Prepare; nothing is started.

        Args:
            kind: Which runner.
            project: The project's root.
            calls: Calls of its processes that the host answers.
            environment: Variables for new processes, asked for anew at every reload.
            progress: Shown while an environment is made.
            size: Number of processes.
        """
        self.kind = kind
        self._project = project
        self._calls = calls
        self._environment = environment
        self._progress = progress
        self._size = size.processes
        self._memory_mb = size.memory_mb
        self._wants_standby = size.standby and kind.standby
        self._keeps_standby = False
        self._launch: Launch | None = None
        self._ahead: asyncio.Task[Launch] | None = None
        self._standby: RunnerProcess | None = None
        self._current: Generation | None = None
        self._staged: Generation | None = None
        self._draining: dict[asyncio.Task[None], Generation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._quarantine = Quarantine(self._serving, self._process, self._own, calls.blocked)
        self._alive: set[RunnerProcess] = set()
        """Processes that were made and have not ended."""
        self._slots: dict[str, tuple[Slots, Slot]] = {}
        """Slots of open runs, by the name of the run."""
        self._refused = Refusals()
        self._guard = Guard()
        self._stopping = False

    def start_ahead(self) -> None:
        """Start the process of the first load now, while the host is still being put together."""
        if self.kind.standby and self._ahead is None and not self._stopping:
            self._ahead = asyncio.create_task(self._start_ahead(), name=f"{self.kind.name} first process")

    async def stage(self, sources: Sequence[SourceFile]) -> Staged:
        """Start a generation with these files beside the current one, and report what loaded.

        When the runner itself cannot start, every file is a failure.
        """
        await self._discard_staged()
        if not sources:
            return Staged()
        try:
            launch = await self._prepare()
            await self._drop_stale_standby()
            generation = Generation(self.kind.name, sources, self._size, self._process, self._calls)
            await generation.start()
        except LoadFailed as error:
            self._check_stopping()
            return Staged(failures=[LoadFailure(source, error.message) for source in sources])
        if self._stopping:
            await generation.stop(0)
        self._check_stopping()
        self._staged = generation
        return Staged(generation.loaded, generation.failures, generation, launch.problem)

    def switch(self, staged: Staged) -> None:
        """Give new runs to the staged generation at once; the one before finishes its own."""
        if staged.generation is None and staged.failures:
            return
        if staged.generation is not self._staged:
            # The pool was stopped meanwhile, or staged anew.
            return
        self._staged = None
        old, self._current = self._current, staged.generation
        if old is not None:
            self._drain(old)
        if staged.generation is not None:
            self._make_standby()

    def begin_standby(self) -> None:
        """Keep a standby from now on.

        Call it when every language is loaded: before, its start would take a processor from theirs.
        """
        self._keeps_standby = self._wants_standby
        if self._current is not None:
            self._make_standby()

    @property
    def is_missing(self) -> bool:
        """Report whether files are loaded and no process can take a run at this moment."""
        return self._current is not None and not self._current.is_usable

    def is_full(self) -> bool:
        """Report whether runs wait for a slot."""
        return self._current is not None and self._current.slots.waiting > 0

    async def run(
        self,
        params: JSONObject,
        timeout_s: float,
        *,
        suspect: bool = False,
        more_s: Callable[[], float] = lambda: 0.0,
    ) -> JSONValue:
        """Run a handler and return its value.

        Args:
            params: Of `step.run` (PS-7.1); `timeout_ms` is added. The part of `run` before a dot is the same in all
                attempts.
            timeout_s: From the start of the handler to its end.
            suspect: It may have ended a process, so it runs apart from those that have not.
            more_s: Asked when the time is over; returns the time that the run gets beyond it, for answers that are
                streamed and for what does not count.

        Raises:
            StepFailed: The handler raised.
            RunTimedOut: It took too long; the process is replaced when it did not even answer the cancellation.
            RunnerGone: The process ended; `data["fault"]` says whether this run is to blame.
            Overloaded: A request waited too long for a slot, or too many do.
        """
        run = str(params["run"])
        if suspect or self._quarantine.holds(_identity(run)):
            return await self._quarantine.run(
                _identity(run),
                str(params["file"]),
                lambda process: self._run_in(process, params, timeout_s, more_s),
            )
        slots, slot = await self._slot(params)
        self._slots[run] = (slots, slot)
        try:
            return await self._run_in(slot.process, params, timeout_s, more_s)
        finally:
            del self._slots[run]
            slots.release(slot)

    @property
    def limited(self) -> list[RunnerProcess]:
        """List the processes whose memory is measured, since it has a limit."""
        return [each for each in self._alive if each.memory_mb and each.usable]

    @property
    def refused(self) -> int:
        """Count the requests that found no slot in time."""
        return self._refused.count

    def begin_stream(self, run: str) -> None:
        """Take back the slot of a run, since its answer has begun: it waits for its client from now on.

        Raises:
            Overloaded: Too many streamed responses are open.
        """
        if run in self._slots:
            slots, slot = self._slots[run]
            try:
                slots.begin_stream(slot)
            except Overloaded as error:
                self._refused.count_one(error)
                raise

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop every process; open runs get the grace period."""
        self._stopping = True
        generation, self._current = self._current, None
        standby, self._standby = self._standby, None
        stops = [each.stop(grace_s) for each in (generation, *self._draining.values()) if each is not None]
        if standby is not None:
            stops.append(standby.stop(0))
        ahead = [] if self._ahead is None else [self._ahead]
        for each in ahead:
            each.cancel()
        await asyncio.gather(*stops, *ahead, self._discard_staged(), return_exceptions=True)
        for task in (*self._tasks, *self._draining):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._draining, return_exceptions=True)
        # What is left belongs to a run of its own, or was being stopped when its task was cancelled.
        await asyncio.gather(*(process.kill() for process in self._alive))
        self._guard.stop()

    def kill_now(self) -> None:
        """End every process without waiting for anything, when the host itself ends at once."""
        for process in self._alive:
            process.kill_now()

    async def _slot(self, params: JSONObject) -> tuple[Slots, Slot]:
        """Wait for a slot in a process that has loaded the file, in whatever generation is the current one then."""
        file, is_request = str(params["file"]), params["type"] not in ("event", "cron")
        while True:
            generation = self._serving()
            if not generation.runs(file):
                # It was claimed before a reload in which the file is gone or broken: not the run's fault.
                raise RunnerGone(f"{file} is not loaded any more.", {"fault": "neighbour"})
            try:
                slot = await generation.slots.acquire(str(params["step"]), is_request=is_request)
            except Overloaded as error:
                self._refused.count_one(error)
                raise
            if slot is None:
                continue  # the generation was replaced while this run waited for a slot in it
            if slot.process.usable:
                return generation.slots, slot
            generation.slots.release(slot)  # it ended between the promise of the slot and now

    async def _run_in(
        self, process: RunnerProcess, params: JSONObject, timeout_s: float, more_s: Callable[[], float]
    ) -> JSONValue:
        run = str(params["run"])
        process.runs[run] = str(params["step"])
        waiter = process.call_run({**params, "timeout_ms": round(timeout_s * 1000)})
        try:
            left_s = timeout_s
            while not await _ends_within(waiter, left_s):
                if (left_s := more_s()) > 0:
                    continue
                self._check_blocked(process, run, waiter)
                await self._cancel(process, run, waiter, "timeout")
                raise RunTimedOut(
                    f"The handler did not finish within {timeout_s:g} s. Set `infrastructure.handler.timeout` "
                    "(seconds) in its config if it needs longer."
                )
            return waiter.result()
        except asyncio.CancelledError as stop:
            await asyncio.shield(self._cancel(process, run, waiter, str(stop.args[0]) if stop.args else "stopped"))
            raise
        except RunnerGone as error:
            if "fault" in error.data:
                raise
            raise RunnerGone(error.message, {**error.data, "fault": self._blame(process, run)}) from error
        finally:
            process.runs.pop(run, None)

    def _check_blocked(self, process: RunnerProcess, run: str, waiter: asyncio.Future[JSONValue]) -> None:
        """Let a run that timed out behind a blocking one start again: it is not to blame.

        Raises:
            RunnerGone: Another run blocks the process; this one starts again elsewhere.
        """
        if process.blocker not in (None, run):
            process.cancel_run(run, "timeout")
            waiter.cancel()
            message = f"The handler waited for {process.blocking_step}, which blocks the {self.kind.name} runner."
            raise RunnerGone(message, {"fault": "neighbour"})

    async def _cancel(self, process: RunnerProcess, run: str, waiter: asyncio.Future[JSONValue], reason: str) -> None:
        """Ask the bridge to end a run; replace the process when it does not answer."""
        process.cancel_run(run, reason)
        if await _ends_within(waiter, CANCEL_GRACE_S):
            waiter.exception()
            return
        if process.usable:
            _log.warning("A handler blocks its %s runner past its end; the process is replaced", self.kind.name)
            process.condemned = run
            self._quarantine.divide(process, [_identity(run)])
        await process.kill()
        waiter.exception()

    def _blame(self, process: RunnerProcess, run: str) -> str:
        """Judge the fault of one run in the end of its process."""
        if process.condemned is not None:
            return "own" if process.condemned == run else "neighbour"
        if process.stopping or run not in process.suspects:
            # Stopped by the host, or gone before the run reached it.
            return "neighbour"
        if not process.is_judged:
            process.is_judged = True
            self._quarantine.divide(process, map(_identity, process.suspects))
        if process.outgrown and not self._quarantine.has(process):
            # All that it has ever run may have left something behind: only a fresh process shows what this run needs.
            return "unknown"
        return "own" if process.suspects <= {run} else "unknown"

    def _serving(self) -> Generation:
        generation = self._current
        if generation is None or self._stopping:
            raise HostStopping(f"No {self.kind.name} runner is running.")
        return generation

    def _check_stopping(self) -> None:
        if self._stopping:
            raise HostStopping(f"The host stopped while the {self.kind.name} steps were loading.")

    def _process(self) -> RunnerProcess:
        self._check_stopping()
        standby = self._standby
        if standby is not None and self._is_fresh(standby):
            self._standby = None
            return standby
        if self._launch is None:
            raise LoadFailed(f"The {self.kind.name} runner is not prepared.")
        process = RunnerProcess(self.kind, self._launch, self._project, self._environment(), self._calls, self._guard)
        process.memory_limit_mb = self._memory_mb
        self._alive.add(process)
        process.ended.add_done_callback(lambda _: self._alive.discard(process))
        return process

    def _is_fresh(self, standby: RunnerProcess) -> bool:
        """Report whether a standby lives and has the command and variables of a new process."""
        return standby.usable and self._launch is not None and standby.matches(self._launch, self._environment())

    async def _prepare(self) -> Launch:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            return await ahead
        self._launch = await self.kind.prepare(self._project, self._progress)
        return self._launch

    async def _start_ahead(self) -> Launch:
        """Prepare, and start a process that the first generation takes; one that fails is met again by its `start`."""
        self._launch = await self.kind.prepare(self._project, self._progress)
        await self._start_standby()
        return self._launch

    async def _drop_stale_standby(self) -> None:
        standby = self._standby
        if standby is not None and not self._is_fresh(standby):
            self._standby = None
            await standby.stop(0)

    def _make_standby(self) -> None:
        if self._keeps_standby and self._standby is None and not self._stopping:
            self._own(self._start_standby(), "standby")

    async def _start_standby(self) -> None:
        try:
            process = self._process()
            await process.start()
        except PolystepError as error:
            _log.debug("No standby: %s", error.message)
            return
        if self._stopping or self._standby is not None or not self._is_fresh(process):
            await process.stop(0)
        else:
            self._standby = process

    async def _discard_staged(self) -> None:
        staged, self._staged = self._staged, None
        if staged is not None:
            await staged.stop(0)

    def _drain(self, old: Generation) -> None:
        old.retire()
        self._calls.retire(old.open_runs)
        task = asyncio.create_task(old.drain(), name=f"{self.kind.name} drain")
        self._draining[task] = old
        task.add_done_callback(lambda done: self._draining.pop(done, None))
        while len(self._draining) > DRAINING_MAX:
            oldest = next(iter(self._draining))
            generation = self._draining.pop(oldest)
            oldest.cancel()
            self._own(self._end(generation), "end of the oldest generation")

    async def _end(self, generation: Generation) -> None:
        """Stop a generation, once its runs are in nothing that must not be cut."""
        await self._calls.let_units_end(generation.open_runs)
        await generation.stop(0)

    def _own(self, work: Coroutine[object, object, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"{self.kind.name} {what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _ends_within(waiter: asyncio.Future[JSONValue], timeout_s: float) -> bool:
    """Wait for a future within a bound and leave it as it is. `asyncio.wait` does the same at four times the cost."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bool] = loop.create_future()

    def tell(in_time: bool) -> None:
        if not ended.done():
            ended.set_result(in_time)

    def done(_: asyncio.Future[JSONValue]) -> None:
        tell(True)

    timer = loop.call_later(timeout_s, tell, False)
    waiter.add_done_callback(done)
    try:
        return await ended
    finally:
        timer.cancel()
        waiter.remove_done_callback(done)


def _identity(run: str) -> str:
    return run.partition(".")[0]
