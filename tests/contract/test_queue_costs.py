"""What the queue asks of SQLite for one event is the same however much waits, in steps of SQLite's own machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from polystep.contracts.events import Delivery
from polystep.stores import Database, SqliteQueueStore, open_durable
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, claim, new

NOW_MS = 2000
Act = Callable[[SqliteQueueStore, Delivery], Awaitable[object]]

ACTS: dict[str, Act] = {
    "enqueue": lambda queue, _: queue.enqueue([new("more", step="many", key="key"), new("more", step="many")]),
    "claim": lambda queue, _: claim(queue, {"many": 2}, now_ms=NOW_MS),
    "claim_nothing": lambda queue, _: claim(queue, {"empty": 2}, now_ms=NOW_MS),
    "complete": lambda queue, mine: queue.complete(mine, [new("next", step="many")]),
    "retry": lambda queue, mine: queue.retry(mine, 0, FAILURE),
    "release": lambda queue, mine: queue.release(mine, crashed=False),
    "bury": lambda queue, mine: queue.bury(mine, FAILURE, NOW_MS),
    "renew": lambda queue, mine: queue.renew([mine], "host", NOW_MS),
    "next_due_ms": lambda queue, _: queue.next_due_ms(["many", "empty"], "host"),
    "enqueue_tick": lambda queue, _: queue.enqueue_tick(new("tick", step="many"), 1000),
    "pending_among": lambda queue, _: queue.pending_among(["run of mine"]),
}


@pytest.mark.parametrize("act", ACTS)
async def test_no_cost_grows_with_what_waits(tmp_path: Path, act: str) -> None:
    few, many = [await _steps_of(tmp_path / f"{waiting}.db", waiting, ACTS[act]) for waiting in (20, 3000)]
    # A search goes a level deeper in a larger tree.
    assert many <= few + 20


async def _steps_of(path: Path, waiting: int, act: Act) -> int:
    """Run an action beside so many waiting deliveries, some of them behind it under its key."""
    database = open_durable(path, "none")
    await database.start()
    queue = SqliteQueueStore(database, FakeClock())
    await queue.enqueue([new("mine", key="key", step="many")])
    (mine,) = await claim(queue, {"many": 1}, now_ms=NOW_MS)
    await queue.enqueue([new(str(number), step="many", key=(None, "key")[number % 2]) for number in range(waiting)])
    steps = _count_steps(database)
    await act(queue, mine)
    counted = steps()
    await database.stop()
    return counted


def _count_steps(database: Database) -> Callable[[], int]:
    counted = 0

    def step() -> bool:
        nonlocal counted
        counted += 1
        return False

    for connection in database._connections:
        connection.set_progress_handler(step, 1)
    return lambda: counted
