"""What the benchmark writes into a database is what the host would have written."""

from __future__ import annotations

from pathlib import Path

from polystep.contracts.pages import PageBounds
from polystep.stores import SqliteQueueStore, SqliteStateStore, open_durable
from polystep.testing.clock import FakeClock
from polystep.wire import unpack
from tests.bench.prefilled import fill_queue, fill_state


async def test_filled_events_are_claimed_like_any_other(tmp_path: Path) -> None:
    fill_queue(tmp_path, "Round", "round", 3, {"lane": 0})
    database = open_durable(tmp_path / ".polystep" / "polystep.db")
    await database.start()
    try:
        queue = SqliteQueueStore(database, FakeClock())
        assert await queue.waiting() == [("Round", 3)]
        claimed = (await queue.claim({"Round": 10}, "host", 2**53, 1000)).deliveries
    finally:
        await database.stop()
    assert [(each.kind, each.topic, unpack(each.data), each.attempt) for each in claimed] == [
        ("event", "round", {"lane": 0}, 1)
    ] * 3
    assert len({each.run_id for each in claimed} | {each.trace_id for each in claimed}) == 6


async def test_filled_state_is_read_like_any_other(tmp_path: Path) -> None:
    fill_state(tmp_path, "chains", 3, {"left": 0})
    database = open_durable(tmp_path / ".polystep" / "polystep.db")
    await database.start()
    try:
        items, _ = await SqliteStateStore(database).page("chains", None, PageBounds(10, 1000))
    finally:
        await database.stop()
    assert [(key, unpack(value)) for key, value in items] == [
        (f"key-{number:08d}", {"left": 0}) for number in (1, 2, 3)
    ]
