"""What every store must tell operators about queues; see `QueueQueries`."""

from __future__ import annotations

import pytest

from polystep.contracts.errors import InvalidParams
from polystep.contracts.limits import PAGE_BYTES_MAX
from polystep.contracts.ports.inspection import QueueCount, QueuedKey, QueueFilter, QueueQueries, QueueState
from polystep.contracts.ports.queue import DeliveryStore
from tests.contract.deliveries import FAILURE, claim, new
from tests.contract.durable import Durable

NOW_MS = 1000


@pytest.fixture
def queue(durable: Durable) -> DeliveryStore:
    return durable.queue


@pytest.fixture
def queues(durable: Durable) -> QueueQueries:
    return durable.queues


async def fill(queue: DeliveryStore) -> None:
    """Of each state one, and one of another step."""
    await queue.enqueue([new("tried"), new("runs")])
    tried, _ = await claim(queue)
    await queue.retry(tried, 6000, FAILURE)
    await queue.enqueue([new("head", key="k", at_ms=400), new("behind", key="k", at_ms=300)])
    await queue.enqueue([new("later", at_ms=5000), new("other", step="other", at_ms=2)])


async def found(queues: QueueQueries, wanted: QueueFilter, step: str = "step") -> list[str]:
    rows, more = await queues.deliveries(step, wanted, 100, PAGE_BYTES_MAX)
    assert not more
    return [row.data.decode() for row in rows]


async def test_counts_are_by_step_and_state(queue: DeliveryStore, queues: QueueQueries) -> None:
    assert await queues.counts(NOW_MS) == []
    await fill(queue)
    assert await queues.counts(NOW_MS) == [
        QueueCount("other", 1, 0, 0, 0, 0, 2),
        QueueCount("step", 1, 1, 1, 1, 1, 300),
    ]
    # Time goes by: what was delayed is due.
    (_, later) = await queues.counts(9000)
    assert (later.ready, later.delayed, later.retrying) == (3, 0, 0)


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("ready", ["head"]),
        ("running", ["runs"]),
        ("blocked", ["behind"]),
        ("delayed", ["later"]),
        ("retrying", ["tried"]),
    ],
)
async def test_each_state_is_found(
    queue: DeliveryStore, queues: QueueQueries, state: QueueState, names: list[str]
) -> None:
    await fill(queue)
    assert await found(queues, QueueFilter(NOW_MS, state)) == names
    rows, _ = await queues.deliveries("step", QueueFilter(NOW_MS), 100, PAGE_BYTES_MAX)
    assert {row.data.decode() for row in rows if row.state == state} == set(names)


async def test_what_is_told_of_one(queue: DeliveryStore, queues: QueueQueries) -> None:
    await fill(queue)
    ((tried,), _) = await queues.deliveries("step", QueueFilter(NOW_MS, "retrying"), 1, PAGE_BYTES_MAX)
    assert (tried.kind, tried.topic, tried.trace_id, tried.run_id) == ("event", "topic", "trace", "run of tried")
    assert (tried.run_at_ms, tried.attempt, tried.error, tried.fifo_key) == (6000, 1, FAILURE, None)


async def test_a_queue_is_read_in_pages_as_it_is_due(queue: DeliveryStore, queues: QueueQueries) -> None:
    await queue.enqueue([new(str(number), at_ms=10 - number) for number in range(5)])
    seen: list[str] = []
    after: str | None = None
    more = True
    while more:
        rows, more = await queues.deliveries("step", QueueFilter(NOW_MS, after=after), 2, PAGE_BYTES_MAX)
        seen += [row.data.decode() for row in rows]
        after = rows[-1].position
    assert seen == ["4", "3", "2", "1", "0"]


async def test_a_page_is_bounded_by_bytes_and_holds_one_at_least(queue: DeliveryStore, queues: QueueQueries) -> None:
    await queue.enqueue([new("a" * 50), new("b" * 50), new("c" * 50)])
    sizes = [len((await queues.deliveries("step", QueueFilter(NOW_MS), 100, most))[0]) for most in (1, 99, 100, 149)]
    assert sizes == [1, 1, 2, 2]
    assert (await queues.deliveries("step", QueueFilter(NOW_MS), 100, 1))[1]


async def test_a_key_is_read_as_it_runs(queue: DeliveryStore, queues: QueueQueries) -> None:
    await queue.enqueue([new("1", key="k", at_ms=9), new("2", key="k", at_ms=3), new("3", key="l")])
    wanted = QueueFilter(NOW_MS, fifo_key="k")
    assert await found(queues, wanted) == ["1", "2"]
    ((first,), more) = await queues.deliveries("step", wanted, 1, PAGE_BYTES_MAX)
    assert more
    assert await found(queues, QueueFilter(NOW_MS, fifo_key="k", after=first.position)) == ["2"]


async def test_keys_come_by_name_with_their_heads(queue: DeliveryStore, queues: QueueQueries) -> None:
    await queue.enqueue([new("1", key="ö"), new("2", key="a"), new("3", key="a"), new("4"), new("5", key="Z")])
    keys = [QueuedKey("Z", 1, 5), QueuedKey("a", 2, 2), QueuedKey("ö", 1, 1)]
    assert await queues.keys("step", None, 9) == keys
    assert await queues.keys("step", "Z", 1) == keys[1:2]


async def test_what_waits_is_counted_by_topic_up_to_a_number(queue: DeliveryStore, queues: QueueQueries) -> None:
    await fill(queue)
    await queue.enqueue([new("x")._replace(topic="t")])
    assert await queues.waiting_by_topic("step", 100) == {"topic": 4, "t": 1}
    assert sum((await queues.waiting_by_topic("step", 2)).values()) == 2


async def test_dead_letters_are_counted_by_step(queue: DeliveryStore, queues: QueueQueries) -> None:
    await queue.enqueue([new(name, step=name[0])._replace(refused=FAILURE) for name in ("a1", "a2", "b")])
    assert await queues.dead_letter_counts() == {"a": 2, "b": 1}


async def test_a_cursor_of_something_else_is_refused(queues: QueueQueries) -> None:
    for cursor in ("", "x", "1.2", "1.2.3.4", "1.2.-3", "\u0661.2.3"):
        with pytest.raises(InvalidParams, match="not a cursor"):
            await queues.deliveries("step", QueueFilter(NOW_MS, after=cursor), 1, 1)


async def test_who_paused_first_stays(queues: QueueQueries) -> None:
    await queues.pause("a", 5)
    await queues.pause("a", 9)
    await queues.pause_cron("c", 6, "for now")
    await queues.pause_cron("c", 7, "again")
    assert (await queues.paused(), await queues.paused_cron()) == ({"a": 5}, {"c": (6, "for now")})
    await queues.pause("a", None)
    await queues.pause_cron("c", None)
    assert (await queues.paused(), await queues.paused_cron()) == ({}, {})
