"""Generation of processes that loaded the same files: started, loaded, replaced when they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from polystep.contracts.errors import LoadFailed, PolystepError, RunnerGone
from polystep.contracts.limits import LINGER_GRACE_S, LOAD_TIMEOUT_S, MEMORY_EVERY_S, MEMORY_GRACE_S, PING_EVERY_S
from polystep.contracts.locations import location_from
from polystep.contracts.steps import LoadedFile, LoadFailure, SourceFile
from polystep.contracts.values import JSONObject, JSONValue
from polystep.runners.heartbeat import describe, watch
from polystep.runners.memory import is_far_over, outgrows
from polystep.runners.process import RunnerCalls, RunnerProcess
from polystep.runners.slots import Slots

RESTARTS_PAUSE_S: Final = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0)
"""Pause before the n-th start in a row of a process that keeps ending by itself; the last one repeats.

An end with runs inside does not count: one of them caused it, suspects run apart, and a pause would only keep the
others waiting.
"""
EXTRA_KEPT_S: Final = 10.0
"""Time without a blocked process before an extra process ends: a pause of the garbage collector or of a busy machine
must not start and end processes all the time."""

LEAVING_MAX: Final = 2
"""Processes that may finish their last runs side by side; beyond, the oldest ends and its runs start again."""

STEADY_S: Final = 10.0
"""Lifetime after which an end no longer counts as one in a row."""

_log = logging.getLogger("polystep.runners")


class Generation:
    """Set of processes that starts, loads and replaces its members until it is retired."""

    def __init__(
        self,
        name: str,
        sources: Sequence[SourceFile],
        size: int,
        make: Callable[[], RunnerProcess],
        calls: RunnerCalls,
    ) -> None:
        self._name = name
        self._calls = calls
        self.slots = Slots(name, lambda: self._processes)
        self._sources = list(sources)
        self._size = size
        self._make = make
        self._processes: list[RunnerProcess] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_extra = False
        """An extra process is there, or starting, because one is blocked."""
        self._retired = False
        self._files: frozenset[str] = frozenset()
        self.loaded: list[LoadedFile] = []
        self.failures: list[LoadFailure] = []

    async def start(self) -> None:
        """Start every process; the first one alone, to find out which files load.

        Raises:
            LoadFailed: The runner itself does not start.
        """
        try:
            self._supervise(await self._first())
            for _ in range(self._size - 1):
                self._supervise(await self._another())
        except RunnerGone as error:
            await self.stop(0)
            raise LoadFailed(f"A further process could not be loaded: {error.message}") from error
        except BaseException:
            await self.stop(0)
            raise

    def runs(self, file: str) -> bool:
        """Report whether the file is loaded."""
        return file in self._files

    @property
    def open_runs(self) -> list[str]:
        """The runs in its processes."""
        return [run for process in self._processes for run in process.runs]

    @property
    def is_usable(self) -> bool:
        """Report whether any process can take runs."""
        return any(process.usable for process in self._processes)

    def retire(self) -> None:
        """Take no more runs; send those that wait to the next generation."""
        self._retired = True
        self.slots.close()

    async def drain(self) -> None:
        """Let every run that has a slot end, then stop. Runs are bounded by their own timeouts."""
        # Asked of our own count and not of the processes: a run may have its slot and not be sent yet.
        await self.slots.idle()
        await self.stop(0)

    async def stop(self, grace_s: float) -> None:
        """Stop every process; open runs get the grace period."""
        self.retire()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(process.stop(grace_s) for process in self._processes))

    async def load_into(self, process: RunnerProcess) -> None:
        """Load the files that are known to load."""
        for file in self.loaded:
            await _load(process, file.source)

    async def _first(self) -> RunnerProcess:
        """Load file by file; one that takes the process down twice, or never ends, is left out of the next try."""
        culprits: list[LoadFailure] = []
        suspects: set[SourceFile] = set()
        """Files during whose load a process ended once: something outside may have killed it."""
        while True:
            process = self._make()
            self.loaded, self.failures = [], list(culprits)
            try:
                await process.start()
                culprit = await self._load_all(process, {failure.source for failure in culprits})
            except BaseException:
                await process.kill()
                raise
            if culprit is None:
                self._files = frozenset(loaded.source.path for loaded in self.loaded)
                return process
            was_ended = not process.usable
            await process.kill()
            if was_ended and culprit.source not in suspects:
                suspects.add(culprit.source)
            else:
                culprits.append(culprit)

    async def _load_all(self, process: RunnerProcess, left_out: set[SourceFile]) -> LoadFailure | None:
        """Fill `loaded` and `failures`; returns the file that ended the process, if one did."""
        for source in self._sources:
            if source in left_out:
                continue
            try:
                answer = await _load(process, source)
            except RunnerGone as error:
                return LoadFailure(source, error.message)
            except PolystepError as error:
                self.failures.append(LoadFailure(source, error.message, location_from(error.data.get("place"))))
            else:
                self.loaded.append(_loaded(source, answer))
        return None

    async def _another(self) -> RunnerProcess:
        process = self._make()
        try:
            await process.start()
            await self.load_into(process)
        except BaseException:
            await process.kill()
            raise
        return process

    def _supervise(self, process: RunnerProcess) -> None:
        self._processes.append(process)
        self._spawn(self._keep_alive(process), "supervisor")
        self.slots.serve()

    def _spawn(self, work: Coroutine[object, object, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"{self._name} {what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_alive(self, process: RunnerProcess) -> None:
        """Replace the process whenever it ends."""
        loop, in_a_row = asyncio.get_running_loop(), 0
        while True:
            began_s = loop.time()
            watching = [asyncio.create_task(watch(process, self._changed), name=f"{self._name} heartbeat")]
            if process.memory_limit_mb is not None:
                watching.append(asyncio.create_task(self._bound(process), name=f"{self._name} memory"))
            try:
                how = await asyncio.shield(process.ended)
            finally:
                for each in watching:
                    each.cancel()
            self._processes.remove(process)
            if self._retired or process.is_leaving:
                return
            _log.warning("The %s runner is gone (%s); a new one is started", process.kind.name, how)
            in_a_row = 0 if loop.time() - began_s >= STEADY_S else in_a_row
            if process.suspects or process.runs:
                process, _ = await self._restart(0)
            else:
                process, in_a_row = await self._restart(in_a_row)
            self._processes.append(process)
            self.slots.serve()

    def _changed(self, process: RunnerProcess) -> None:
        """React to a process that is blocked, is free again, or has handlers that linger."""
        if process.is_blocked:
            self._calls.blocked(describe(process))
            if not self._has_extra and not self._retired:
                self._has_extra = True
                self._spawn(self._relieve(), "relief")
        else:
            self.slots.serve()
        since_s = process.lingering_since_s
        lingers = since_s is not None and asyncio.get_running_loop().time() - since_s >= LINGER_GRACE_S
        if lingers and not process.is_replaced:
            process.is_replaced = True
            self._spawn(self._replace(process), "replacement")

    async def _relieve(self) -> None:
        """Run one extra process while one is blocked, and a while longer."""
        try:
            extra = await self._another()
            self._supervise(extra)
            quiet_s = 0.0
            staying = list[RunnerProcess]()
            # One that has just ended is being started again, so there may be none too many at this moment.
            while quiet_s < EXTRA_KEPT_S or len(staying) <= self._size:
                await asyncio.sleep(PING_EVERY_S)
                quiet_s = 0.0 if any(each.is_blocked for each in self._processes) else quiet_s + PING_EVERY_S
                staying = [each for each in self._processes if not each.is_leaving]
            # Any of them is one too many now; the first may be another than the one that was started here.
            await self._let_go(staying[-1])
        except PolystepError as error:
            _log.error("A second %s runner could not be started: %s", self._name, error.message)
        finally:
            self._has_extra = False

    async def _replace(self, process: RunnerProcess) -> None:
        """Start another process, then let this one go."""
        _log.warning(
            "Handlers that were cancelled still run in the %s runner, in threads, which nothing can end: another "
            "process takes its place. Give what they wait for a timeout of its own, or let them look at the time.",
            self._name,
        )
        try:
            self._supervise(await self._another())
        except PolystepError as error:
            _log.error("It could not be replaced: %s", error.message)
            process.is_replaced = False
            return
        leaving = [each for each in self._processes if each.is_leaving]
        for oldest in leaving[: len(leaving) - LEAVING_MAX + 1]:
            await oldest.stop(0)
        await self._let_go(process)

    async def _bound(self, process: RunnerProcess) -> None:
        """Have a process that outgrows its limit replaced."""
        if await outgrows(process):
            self._spawn(self._outgrown(process), "replacement of a large process")

    async def _outgrown(self, process: RunnerProcess) -> None:
        """Give a process no more runs, start another, and end this one with its runs or after a grace."""
        is_extra, process.is_leaving = process.is_leaving, True
        _log.warning(
            "The %s runner uses %d MB, and its limit is %d MB (memory_mb): another process takes its place",
            self._name,
            process.memory_mb,
            process.memory_limit_mb,
        )
        if not is_extra and not self._retired:
            self._spawn(self._succeed(), "successor of a large process")
        if await self._outlives(process):
            await process.stop(0)
        else:
            await process.end_outgrown()

    async def _succeed(self) -> None:
        another, _ = await self._restart(0)
        self._supervise(another)

    async def _outlives(self, process: RunnerProcess) -> bool:
        """Wait until a process has no runs; False when it must end with them."""
        emptied = asyncio.create_task(self.slots.emptied(process))
        patience = asyncio.create_task(self._patience(process))
        try:
            while not emptied.done():
                await asyncio.wait((emptied, patience), timeout=MEMORY_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                if not emptied.done() and (patience.done() or is_far_over(process)):
                    return False
            return True
        finally:
            emptied.cancel()
            patience.cancel()

    async def _patience(self, process: RunnerProcess) -> None:
        await asyncio.sleep(MEMORY_GRACE_S)
        await self._calls.let_units_end(list(process.runs))

    async def _let_go(self, process: RunnerProcess) -> None:
        """Give a process no more runs, and end it when it has none left."""
        process.is_leaving = True
        await self.slots.emptied(process)
        await process.stop(0)

    async def _restart(self, in_a_row: int) -> tuple[RunnerProcess, int]:
        while True:
            await asyncio.sleep(RESTARTS_PAUSE_S[min(in_a_row, len(RESTARTS_PAUSE_S) - 1)])
            in_a_row += 1
            try:
                return await self._another(), in_a_row
            except PolystepError as error:
                _log.error("Starting the runner again failed, trying again: %s", error)


async def _load(process: RunnerProcess, source: SourceFile) -> JSONObject:
    """Load one file.

    Raises:
        RunnerGone: Its process ended, or must be ended because the import does not.
    """
    try:
        async with asyncio.timeout(LOAD_TIMEOUT_S):
            return await process.load(source)
    except TimeoutError:
        raise RunnerGone(
            f"Importing {source.path} did not finish within {LOAD_TIMEOUT_S:g} s, so its process was ended. "
            "Look for what waits or loops at its top level."
        ) from None
    except RunnerGone as error:
        how = process.ended.result() if process.ended.done() else error.message
        raise RunnerGone(f"Importing {source.path} ended its process: {how.rstrip('.')}.") from error


def _loaded(source: SourceFile, answer: JSONObject) -> LoadedFile:
    config = answer["config"]
    assert isinstance(config, dict)
    contracts, warnings, made = _texts(answer.get("contracts")), _texts(answer.get("warnings")), answer.get("made")
    schemas = made.items() if isinstance(made, dict) else ()
    made_schemas = {name: each for name, each in schemas if name in contracts and isinstance(each, dict)}
    return LoadedFile(source, config, bool(answer.get("handler")), warnings, contracts, made_schemas)


def _texts(value: JSONValue) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
