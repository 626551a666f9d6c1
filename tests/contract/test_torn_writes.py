"""Torn writes: the log of writes cut at any byte, as by a loss of power, keeps everything answered before the cut."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from polystep.stores import Database, SqliteQueueStore, SqliteStateStore, open_durable
from polystep.testing import FakeClock
from tests.contract.deliveries import new
from tests.contract.groups import state_items

WRITES = 150
CUTS = 60


class Answered:
    """Writer that notes how long the log was when each of its writes was answered."""

    def __init__(self, database: Database, log: Path) -> None:
        self._queue, self._state = SqliteQueueStore(database, FakeClock()), SqliteStateStore(database)
        self._log = log
        self.at: dict[str, int] = {}

    async def write(self, name: str) -> None:
        await self._queue.enqueue([new(name)])
        await self._state.set("group", name, name.encode() * 50)
        self.at[name] = self._log.stat().st_size


@pytest.mark.parametrize("seed", range(2))
async def test_what_was_answered_before_the_cut_is_there_after_it(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = tmp_path / "polystep.db"
    log = path.with_name("polystep.db-wal")
    database = open_durable(path)
    await database.start()
    await database.write(lambda connection: connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall())
    answered = Answered(database, log)
    for first in range(0, WRITES, 5):
        await asyncio.gather(*(answered.write(f"{number}") for number in range(first, first + 5)))
    whole, size = tmp_path / "whole", log.stat().st_size
    whole.mkdir()
    for each in (path, log):
        shutil.copy(each, whole)
    await database.stop()
    assert size > 100_000
    kept = []
    for cut in sorted(chance.randrange(size + 1) for _ in range(CUTS)):
        found = await opened(whole, tmp_path / f"cut at {cut}", cut)
        before = {name for name, length in answered.at.items() if length <= cut}
        assert before - found == set(), f"seed {seed}: lost by a cut at byte {cut} of {size}"
        kept.append(len(found))
    # Not everything is in each: the cuts do cut.
    assert kept == sorted(kept)
    assert kept[0] < WRITES / 4 < WRITES * 3 / 4 < kept[-1]


async def opened(whole: Path, folder: Path, cut: int) -> set[str]:
    """Open a copy whose log ends at a byte; returns what both tables hold."""
    shutil.copytree(whole, folder)
    with (folder / "polystep.db-wal").open("r+b") as log:
        log.truncate(cut)
    database = open_durable(folder / "polystep.db")
    await database.start()
    waiting = {row[0].decode() for row in await database.scan("SELECT data FROM deliveries")}
    values = dict(await state_items(SqliteStateStore(database), "group"))
    assert await database.scan("PRAGMA integrity_check") == [("ok",)]
    await database.stop()
    shutil.rmtree(folder)
    assert all(value == name.encode() * 50 for name, value in values.items())
    return waiting & values.keys()
