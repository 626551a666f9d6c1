"""Bulks at work: many dead letters are replayed or discarded in small steps, beside everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from polystep.bus.backlog import Backlog
from polystep.bus.context import BusContext
from polystep.bus.publish import Publisher
from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.events import DeadLetter
from polystep.contracts.ports.letters import BulkBatch, LetterChange

BATCH_MAX: Final = 100
"""Dead letters in one transaction; other writes wait meanwhile."""
PAUSE_S: Final = 1.0
"""Before the next try, when the disk refuses or a queue is full."""

CHANGED_BYTES_MAX: Final = 8 * 1024 * 1024
"""Data of dead letters that are read at once to be changed; one of them may be larger."""
LOADING_S: Final = 30
"""A patched bulk waits so long for the steps of a host that starts: they say what data they take."""

_log = logging.getLogger("polystep.bus")


class Bulks:
    """Worker that carries out bulks, one after the other; those that a stop cuts short go on at the next start."""

    def __init__(self, context: BusContext, publisher: Publisher, backlog: Backlog) -> None:
        self._context = context
        self._publisher = publisher
        self._backlog = backlog
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.on_progress: Callable[[int], None] = lambda _: None
        """Called with the id of a bulk that has done something."""
        self.change: Callable[[DeadLetter, bytes], LetterChange] = _no_change
        """Applies the packed patch of a bulk to a letter."""

    def start(self) -> None:
        """Go on with what is not at its end."""
        if self._task is None:
            self._wake.set()
            self._task = asyncio.create_task(self._run(), name="bulks")

    async def stop(self) -> None:
        """End after the transaction that is under way."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def begin(self) -> None:
        """Look for a bulk that was stored."""
        self._wake.set()

    async def _run(self) -> None:
        store, clock = self._context.store.bulks, self._context.clock
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                for id_ in await store.running():
                    await self._carry_out(id_)
            except PolystepError as error:
                _log.warning("A bulk of dead letters could not go on, trying again: %s", error.message)
                await clock.sleep(PAUSE_S)
                self._wake.set()

    async def _carry_out(self, id: int) -> None:
        store, clock = self._context.store.bulks, self._context.clock
        record = await store.record(id)
        if record is None:
            return
        size = BATCH_MAX if record.per_second is None else max(1, min(BATCH_MAX, record.per_second))
        if record.patch is not None:
            await self._wait_for_steps()
        while True:
            changes = None if record.patch is None else await self._changes(id, size, record.patch)
            batch = await self._advance(id, size, changes)
            self.on_progress(id)
            if batch.is_last:
                return
            if record.per_second is not None:
                await clock.sleep(size / record.per_second)
            for step in {letter.step for letter in batch.letters}:
                await self._wait_for_room(step)

    async def _changes(self, id: int, size: int, patch: bytes) -> Mapping[int, LetterChange]:
        changes = {}
        for letter in await self._context.store.bulks.next(id, size, CHANGED_BYTES_MAX):
            changes[letter.id] = self.change(letter, patch)
            # Other work has its turn after each: checks take as long as the data is large.
            await asyncio.sleep(0)
        return changes

    async def _advance(self, id: int, size: int, changes: Mapping[int, LetterChange] | None) -> BulkBatch:
        try:
            batch = await self._context.store.bulks.advance(id, size, self._context.clock.now_ms(), changes)
        except asyncio.CancelledError:
            # It may be stored: whoever starts next finds it due.
            self._publisher.look_at_all()
            raise
        self._publisher.accept([letter.again() for letter in batch.letters], [])
        return batch

    async def _wait_for_steps(self) -> None:
        context = self._context
        end_s = context.clock.monotonic_s() + LOADING_S
        while not context.routes.is_complete and context.clock.monotonic_s() < end_s:
            await context.clock.sleep(PAUSE_S)

    async def _wait_for_room(self, step: str) -> None:
        while True:
            try:
                self._backlog.check(step)
            except Overloaded:
                await self._context.clock.sleep(PAUSE_S)
            else:
                return


def _no_change(letter: DeadLetter, _patch: bytes) -> LetterChange:
    return LetterChange(None, f"Nothing here can change the data of {letter.step}.")
