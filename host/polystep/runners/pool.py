"""Processes of one runner kind: generations, least-busy choice, replacement, crash suspects alone.

A **generation** is a set of processes that have loaded the same files. A reload starts a new one; when it is ready it
takes the runs, and the old one finishes what it has. A process that dies takes the runs inside it along; which of them
killed it is told by `RunnerGone.data["fault"]`: `own` (it was alone, or it is the one the host killed it for),
`neighbour` (the host killed it for another run), or `unknown` (several were inside: run each of them `alone` to find
out).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from polystep.contracts.errors import HostStopping, LoadFailed, PolystepError, RunnerGone, RunTimedOut
from polystep.contracts.limits import CANCEL_GRACE_S, STOP_GRACE_S
from polystep.contracts.steps import LoadedFile, LoadFailure, SourceFile
from polystep.contracts.values import JSONObject, JSONValue
from polystep.runners.generation import Generation
from polystep.runners.kinds import Launch, Progress, RunnerKind
from polystep.runners.process import RunnerCalls, RunnerProcess

DRAINING_MAX: Final = 3
"""Old generations that may finish their runs side by side; of more, the oldest is stopped and its runs start again."""

_log = logging.getLogger("polystep.runners")


class RunnerPool:
    """Runs steps in processes of one kind."""

    def __init__(
        self,
        kind: RunnerKind,
        project: Path,
        calls: RunnerCalls,
        environment: Callable[[], Mapping[str, str]],
        progress: Progress,
        *,
        size: int = 1,
        standby: bool = False,
    ) -> None:
        """Prepare; nothing is started.

        Args:
            kind: Which runner.
            project: The project's root.
            calls: What its processes may ask of the host.
            environment: Variables for new processes, asked for anew at every reload.
            progress: Shown while an environment is made.
            size: Processes that share the runs.
            standby: Keep one started process without steps, so that the next reload only has to load them.
        """
        self.kind = kind
        self._project = project
        self._calls = calls
        self._environment = environment
        self._progress = progress
        self._size = size
        self._keep_standby = standby
        self._launch: Launch | None = None
        self._standby: RunnerProcess | None = None
        self._current: Generation | None = None
        self._draining: dict[asyncio.Task[None], Generation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone = asyncio.Semaphore(1)
        self._stopping = False

    async def replace(self, sources: Sequence[SourceFile]) -> tuple[list[LoadedFile], list[LoadFailure]]:
        """Start a generation with these files and give it the runs; returns what loaded and what did not.

        When the runner itself cannot start, every file is a failure and the old generation goes on.
        """
        if not sources:
            await self._swap(None)
            return [], []
        try:
            self._launch = await self.kind.prepare(self._project, self._progress)
            await self._use_standby_if_fresh()
            generation = Generation(sources, self._size, self._process)
            await generation.start()
        except LoadFailed as error:
            return [], [LoadFailure(source, error.message) for source in sources]
        await self._swap(generation)
        self._make_standby()
        return generation.loaded, generation.failures

    async def run(self, params: JSONObject, timeout_s: float, *, alone: bool = False) -> JSONValue:
        """Run a handler and return its value.

        Args:
            params: Of `step.run` (PS-7.1); `timeout_ms` is added.
            timeout_s: From the start of the handler to its end.
            alone: In a process of its own, because it may have killed one.

        Raises:
            StepFailed: The handler raised.
            RunTimedOut: It took too long; the process is replaced when it did not even answer the cancellation.
            RunnerGone: The process ended; `data["fault"]` says whether this run is to blame.
        """
        if alone:
            async with self._alone:
                return await self._run_alone(params, timeout_s)
        while True:
            generation = self._current
            if generation is None:
                raise HostStopping(f"No {self.kind.name} runner is running.")
            process = await generation.acquire()
            if process is not None:
                break
            # The generation was replaced while this run waited for a place in it.
        try:
            return await self._run_in(process, params, timeout_s)
        finally:
            generation.release(process)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Stop every process; open runs get the grace period."""
        self._stopping = True
        generation, self._current = self._current, None
        standby, self._standby = self._standby, None
        stops = [each.stop(grace_s) for each in (generation, *self._draining.values()) if each is not None]
        if standby is not None:
            stops.append(standby.stop(0))
        await asyncio.gather(*stops, return_exceptions=True)
        for task in (*self._tasks, *self._draining):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._draining, return_exceptions=True)

    async def _run_in(self, process: RunnerProcess, params: JSONObject, timeout_s: float) -> JSONValue:
        run = str(params["run"])
        process.runs.add(run)
        waiter = process.call_run({**params, "timeout_ms": round(timeout_s * 1000)})
        try:
            done, _ = await asyncio.wait([waiter], timeout=timeout_s)
            if not done:
                await self._cancel(process, run, waiter, "timeout")
                raise RunTimedOut(
                    f"The handler did not finish within {timeout_s:g} s. Set `infrastructure.handler.timeout` "
                    "(seconds) in its config if it needs longer."
                )
            return waiter.result()
        except asyncio.CancelledError:
            await asyncio.shield(self._cancel(process, run, waiter, "stopped"))
            raise
        except RunnerGone as error:
            raise RunnerGone(error.message, {**error.data, "fault": _fault(process, run)}) from error
        finally:
            process.runs.discard(run)

    async def _cancel(self, process: RunnerProcess, run: str, waiter: asyncio.Future[JSONValue], reason: str) -> None:
        """Ask the bridge to end a run; replace the process when it does not even answer that."""
        process.cancel_run(run, reason)
        done, _ = await asyncio.wait([waiter], timeout=CANCEL_GRACE_S)
        if done:
            waiter.exception()
            return
        if process.usable:
            _log.warning("A handler blocks its %s runner past its end; the process is replaced", self.kind.name)
            process.condemned = run
        await process.kill()
        waiter.exception()

    async def _run_alone(self, params: JSONObject, timeout_s: float) -> JSONValue:
        generation = self._current
        if generation is None or self._stopping:
            raise HostStopping(f"No {self.kind.name} runner is running.")
        process = self._process()
        try:
            await process.start()
            await generation.load_into(process)
            return await self._run_in(process, params, timeout_s)
        except LoadFailed as error:
            raise RunnerGone(error.message, {"fault": "neighbour"}) from error
        finally:
            await process.stop(0)

    def _process(self) -> RunnerProcess:
        if self._standby is not None and self._standby.usable:
            process, self._standby = self._standby, None
            return process
        if self._launch is None:
            raise LoadFailed(f"The {self.kind.name} runner is not prepared.")
        return RunnerProcess(self.kind, self._launch, self._project, self._environment(), self._calls)

    async def _use_standby_if_fresh(self) -> None:
        """A standby that was started with another command or other variables is of no use."""
        standby = self._standby
        if standby is not None and self._launch is not None and not standby.matches(self._launch, self._environment()):
            self._standby = None
            await standby.stop(0)

    def _make_standby(self) -> None:
        if self._keep_standby and self._standby is None and not self._stopping:
            self._own(asyncio.create_task(self._start_standby(), name=f"{self.kind.name} standby"))

    async def _start_standby(self) -> None:
        process = self._process()
        try:
            await process.start()
        except LoadFailed as error:
            _log.debug("No standby: %s", error.message)
            return
        if self._stopping or self._standby is not None:
            await process.stop(0)
        else:
            self._standby = process

    async def _swap(self, generation: Generation | None) -> None:
        old, self._current = self._current, generation
        if old is None:
            return
        old.retire()
        task = asyncio.create_task(old.drain(), name=f"{self.kind.name} drain")
        self._draining[task] = old
        task.add_done_callback(lambda done: self._draining.pop(done, None))
        while len(self._draining) > DRAINING_MAX:
            oldest = next(iter(self._draining))
            generation = self._draining.pop(oldest)
            oldest.cancel()
            with contextlib.suppress(PolystepError):
                await generation.stop(0)

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fault(process: RunnerProcess, run: str) -> str:
    if process.condemned is not None:
        return "own" if process.condemned == run else "neighbour"
    if process.stopping:
        return "neighbour"
    return "own" if process.suspects <= {run} else "unknown"
