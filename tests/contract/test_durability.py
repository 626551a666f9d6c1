"""What was answered is on disk, whenever the process is killed."""

import asyncio
import random
import sys
from pathlib import Path

import pytest

from polystep.stores import SqliteChanges, SqliteQueueStore, SqliteStateStore, SqliteStreamStore, open_durable
from polystep.testing import FakeClock
from tests.contract.deliveries import names, new
from tests.contract.groups import state_items, stream_items
from tests.patience import HANG_S

WRITER = Path(__file__).with_name("killed_writer.py")
ROUNDS = 20


async def _answered_until_killed(path: Path, lines: int) -> list[str]:
    """Kill the writer after it has said so many lines, and return all that it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said = [await process.stdout.readline() for _ in range(lines)]
    process.kill()
    said += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    # A last line that was cut short was not said.
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


@pytest.mark.timeout(60)
async def test_everything_that_was_answered_survives_a_kill(tmp_path: Path) -> None:
    chance = random.Random(20260101)
    path = tmp_path / "polystep.db"
    answered: set[str] = set()
    for _ in range(ROUNDS):
        async with asyncio.timeout(HANG_S):
            answered |= set(await _answered_until_killed(path, chance.randrange(1, 120)))
        database = open_durable(path)
        await database.start()
        stored = dict(await state_items(SqliteStateStore(database), "group"))
        items = {
            id_
            for id_, _, _ in await stream_items(
                SqliteStreamStore(database, SqliteChanges(FakeClock())), "stream", "group"
            )
        }
        waiting = await database.scan("SELECT data FROM deliveries")
        assert (await database.scan("PRAGMA integrity_check")) == [("ok",)]
        await database.stop()
        assert answered - stored.keys() == set()
        assert answered - items == set()
        assert answered - {row[0].decode() for row in waiting} == set()
        assert {key.encode() for key in stored} == set(stored.values())
    assert len(answered) > ROUNDS


async def test_what_is_stored_is_there_after_a_stop_and_a_start(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "polystep.db"
    database = open_durable(path)
    queue, state = SqliteQueueStore(database, clock), SqliteStateStore(database)

    await database.start()
    await queue.enqueue([new("a")])
    await state.set("group", "key", b"value")
    await database.stop()
    await database.start()
    assert await state.get("group", "key") == b"value"
    assert names((await queue.claim({"step": 1}, "host", 1000, 1000)).deliveries) == ["a"]
    await database.stop()


async def test_a_stop_leaves_everything_in_the_one_file(tmp_path: Path) -> None:
    path = tmp_path / "polystep.db"
    database = open_durable(path)
    await database.start()
    state = SqliteStateStore(database)
    await state.set("group", "key", b"value")
    assert await state.get("group", "key") == b"value"
    await database.scan("SELECT 1")
    await database.stop()
    assert [each.name for each in tmp_path.iterdir()] == ["polystep.db"]
