"""Quarantine of runs that may have ended a process: suspects share one of their own, in halves until one is alone.

Every run inside a process that died is a suspect. Most often something outside killed the process, so the suspects run
again together first, in a process of their own. When that dies too, each half of those inside gets one. A culprit among
`n` is alone after `log2(n)` more deaths; the others run at once, not one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.errors import PolystepError, RunnerGone
from polystep.contracts.values import JSONValue
from polystep.runners.generation import Generation
from polystep.runners.heartbeat import describe, watch
from polystep.runners.memory import outgrows
from polystep.runners.process import Blocked, RunnerProcess

CELLS_MAX: Final = 2
"""Processes for suspects of one runner at once: both halves. Further groups wait for one, and hold no slot there."""

SUSPECTS_MAX: Final = 10_000
"""Suspects to remember; the oldest are forgotten first. Those of requests never come back."""

CELL_PAUSE_S: Final = 1.0
"""Pause before a suspect is given back because no process for it could be made: it starts again at once."""

CELL_KEPT_S: Final = 0.5
"""Time to keep an empty cell: more of its group may be on their way through the queue."""


@dataclass(eq=False, slots=True)
class _Cell:
    """Process of one group."""

    process: RunnerProcess
    generation: Generation
    room: asyncio.Semaphore
    runs: int = 0
    """Runs in it, or about to enter."""


@dataclass(eq=False, slots=True)
class _Group:
    """Suspects of one death that run together."""

    cell: _Cell | None = None
    entering: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quarantine:
    """Quarantine that runs suspects in cells."""

    def __init__(
        self,
        current: Callable[[], Generation],
        make: Callable[[], RunnerProcess],
        own: Callable[[Coroutine[object, object, None], str], None],
        on_blocked: Callable[[Blocked], None],
    ) -> None:
        """Prepare; nothing is started.

        Args:
            current: The generation that takes the runs now; raises when there is none.
            make: A new process, not started.
            own: Takes background work that ends when the pool stops.
            on_blocked: Called when a suspect keeps its process from everything else.
        """
        self._current = current
        self._make = make
        self._own = own
        self._on_blocked = on_blocked
        self._groups: dict[str, _Group] = {}
        """Group of each suspect, by its identity."""
        self._strangers = _Group()
        """Group of suspects from before the host started."""
        self._cells: dict[RunnerProcess, _Cell] = {}
        self._slots = asyncio.Semaphore(CELLS_MAX)
        self._waiting = 0
        """Groups that wait for a cell."""

    def holds(self, identity: str) -> bool:
        """Report whether this run was inside a process that died, and has not ended since."""
        return identity in self._groups

    def has(self, process: RunnerProcess) -> bool:
        """Report whether a process is a cell."""
        return process in self._cells

    def divide(self, process: RunnerProcess, identities: Iterable[str]) -> None:
        """Give the runs that were inside a dead process the groups in which they run again."""
        suspects = sorted(identities)  # by age, since identities begin with the time
        middle = len(suspects) // 2 if process in self._cells else 0
        for part in (suspects[:middle], suspects[middle:]):
            group = _Group()
            for identity in part:
                self._groups.pop(identity, None)
                self._groups[identity] = group
        while len(self._groups) > SUSPECTS_MAX:
            del self._groups[next(iter(self._groups))]

    async def run(self, identity: str, file: str, work: Callable[[RunnerProcess], Awaitable[JSONValue]]) -> JSONValue:
        """Do `work` in the process of the suspect's group.

        Raises:
            HostStopping: No generation is there.
            RunnerGone: As `work` does; or the file is not loaded any more, or no process could be made.
        """
        cell = await self._enter(self._groups.get(identity, self._strangers), file)
        try:
            async with cell.room:
                value = await work(cell.process)
        except RunnerGone:
            raise  # still a suspect
        except PolystepError:
            self._groups.pop(identity, None)
            raise
        finally:
            self._leave(cell)
        self._groups.pop(identity, None)
        return value

    async def _enter(self, group: _Group, file: str) -> _Cell:
        async with group.entering:
            generation = self._check(file)
            cell = group.cell
            is_open = cell is not None and cell.process in self._cells and cell.process.usable
            if cell is None or not is_open or cell.generation is not generation:
                # One that others are still in ends when they have left it.
                cell = group.cell = await self._new_cell(file)
            cell.runs += 1
            return cell

    async def _new_cell(self, file: str) -> _Cell:
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        process: RunnerProcess | None = None
        try:
            # A reload may have come while this waited.
            generation = self._check(file)
            process = self._make()
            await process.start()
            await generation.load_into(process)
        except BaseException as error:
            if process is not None:
                await process.kill()
            self._slots.release()
            if process is None or not isinstance(error, PolystepError):
                raise
            await asyncio.sleep(CELL_PAUSE_S)
            raise RunnerGone(error.message, {"fault": "neighbour"}) from error
        cell = self._cells[process] = _Cell(process, generation, asyncio.Semaphore(process.runs_max))
        # So that a suspect whose time is over behind another that blocks is not taken for the culprit.
        self._own(watch(process, self._changed), "heartbeat of a process for suspects")
        if process.memory_limit_mb is not None:
            self._own(self._bound(process), "memory of a process for suspects")
        return cell

    async def _bound(self, process: RunnerProcess) -> None:
        """End a cell over its limit at once: it is there to find out who needs so much."""
        if await outgrows(process):
            await process.end_outgrown()

    def _changed(self, process: RunnerProcess) -> None:
        if process.is_blocked:
            self._on_blocked(describe(process))

    def _leave(self, cell: _Cell) -> None:
        cell.runs -= 1
        if not cell.runs:
            self._own(self._end_if_empty(cell), "end of a process for suspects")

    async def _end_if_empty(self, cell: _Cell) -> None:
        """End a cell that stays empty; at once when another group waits for one."""
        if cell.process.usable and not self._waiting:
            await asyncio.wait([cell.process.ended], timeout=CELL_KEPT_S)
        if cell.runs or self._cells.pop(cell.process, None) is None:
            return
        try:
            await cell.process.stop(0)
        finally:
            self._slots.release()

    def _check(self, file: str) -> Generation:
        generation = self._current()
        if not generation.runs(file):
            raise RunnerGone(f"{file} is not loaded any more.", {"fault": "neighbour"})
        return generation
