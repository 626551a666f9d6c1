"""What a disk that fails now and then leaves of writes: what was answered is stored, what was refused is not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from polystep.contracts.errors import PolystepError
from polystep.contracts.events import Claim
from polystep.stores import Database, SqliteQueueStore, SqliteStateStore, open_durable
from polystep.testing import FakeClock
from tests.contract.deliveries import LEASE_MS, new
from tests.contract.failing_disk import FailingDisk, failing_disk
from tests.contract.groups import state_items

WRITERS = 16
EVENTS = 12


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    with failing_disk() as disk:
        yield disk


class Ledger:
    """Writes like the host, and keeps what the store has answered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue, self._state = SqliteQueueStore(database, FakeClock()), SqliteStateStore(database)
        self.waiting: set[str] = set()
        self.values: dict[str, bytes] = {}
        self.refused = 0

    async def write(self, writer: int) -> None:
        """Store events, do something for each, and complete it with another one."""
        for number in range(EVENTS):
            try:
                await self._handle(f"{writer}.{number}", f"key {writer % 4}")
            except PolystepError:
                self.refused += 1

    async def _handle(self, name: str, key: str) -> None:
        (delivery,) = await self._queue.enqueue([new(name)], Claim(frozenset({0}), "host", LEASE_MS))
        self.waiting.add(name)
        await self._state.set("done", name, name.encode())
        self.values[name] = name.encode()
        assert await self._queue.complete(delivery, [new(f"after {name}", key=key)]) == []
        self.waiting.remove(name)
        self.waiting.add(f"after {name}")

    async def stored(self) -> tuple[set[str], dict[str, bytes]]:
        """What is in the file, in the same shapes."""
        rows = await self._database.scan("SELECT data FROM deliveries")
        return {row[0].decode() for row in rows}, dict(await state_items(self._state, "done"))

    async def heads(self) -> set[int]:
        """How many deliveries of each FIFO key may start; there must be one of each."""
        rows = await self._database.scan(
            "SELECT fifo_key, sum(status = 0) FROM deliveries WHERE fifo_key IS NOT NULL GROUP BY fifo_key"
        )
        return {row[1] for row in rows}


@pytest.mark.parametrize("seed", range(8))
async def test_exactly_what_was_answered_is_stored(disk: FailingDisk, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    database = open_durable(tmp_path / "polystep.db")
    await database.start()
    ledger = Ledger(database)

    def now_and_then(_: str) -> type[apsw.Error] | None:
        return chance.choice((apsw.FullError, apsw.IOError)) if chance.random() < 0.04 else None

    disk.fails = now_and_then
    async with asyncio.timeout(30):
        await asyncio.gather(*(ledger.write(writer) for writer in range(WRITERS)))
    disk.fails = lambda _: None
    written = (ledger.waiting, ledger.values)
    assert ledger.refused > 0
    assert await ledger.stored() == written
    await database.stop()
    await database.start()
    assert await ledger.stored() == written
    assert await ledger.heads() == {1}
    assert await database.scan("PRAGMA integrity_check") == [("ok",)]
    await database.stop()


async def test_a_commit_that_fails_once_costs_nobody_anything(disk: FailingDisk, tmp_path: Path) -> None:
    database = open_durable(tmp_path / "polystep.db")
    await database.start()
    ledger, failures = Ledger(database), 0

    def once_in_a_while(operation: str) -> type[apsw.Error] | None:
        nonlocal failures
        failures += operation == "sync"
        return apsw.IOError if operation == "sync" and failures % 40 == 1 else None

    disk.fails = once_in_a_while
    async with asyncio.timeout(30):
        await asyncio.gather(*(ledger.write(writer) for writer in range(WRITERS)))
    disk.fails = lambda _: None
    assert ledger.refused == 0
    assert failures > 1
    assert len(ledger.waiting) == WRITERS * EVENTS
    assert await ledger.stored() == (ledger.waiting, ledger.values)
    await database.stop()
