"""Ids of events: one event with an id and topic at a time, whoever stores it."""

from __future__ import annotations

import pytest

from polystep.contracts.events import UNKNOWN_STEP, EventKey, NewDelivery, ParkedEvent
from polystep.contracts.ports.queue import DeliveryStore, QueueStore
from polystep.testing import FakeClock
from tests.contract.cluster import Cluster
from tests.contract.deliveries import FAILURE, claim, names, new
from tests.contract.durable import Durable

DAY_MS = 86_400_000
ID = EventKey("id", DAY_MS)
REPLACES = EventKey("id", DAY_MS, replaces=True)


def keyed(name: str, step: str = "step", key: EventKey = ID, *, fifo: str | None = None, at_ms: int = 0) -> NewDelivery:
    return new(name, step=step, key=fifo, at_ms=at_ms, run_id=f"{name} for {step}")._replace(key=key)


async def store(queue: DeliveryStore, *deliveries: NewDelivery) -> dict[str, str]:
    """Store an event; returns its duplicates by run."""
    stored = await queue.enqueue(deliveries)
    assert stored.keyed is not None
    return stored.keyed.duplicates


async def test_the_first_event_with_an_id_is_stored(queue: QueueStore) -> None:
    assert await store(queue, keyed("a"), keyed("a", "other")) == {}
    assert await store(queue, keyed("b"), keyed("b", "other"), keyed("b", "third")) == {
        f"b for {step}": "event of a" for step in ("step", "other", "third")
    }
    assert (await queue.enqueue([new("c")])).keyed is None
    (a, c), (other,) = await claim(queue), await claim(queue, {"other": 9, "third": 9})
    assert (names([a, c]), names([other])) == (["a", "c"], ["a"])
    # Also of those that commit with a completion, and when the first one is done.
    completed = await queue.complete(a, [keyed("d")])
    assert completed is not None
    assert completed.keyed is not None
    assert completed.keyed.duplicates == {"d for step": "event of a"}


async def test_an_id_is_taken_until_its_time_is_over(queue: QueueStore, clock: FakeClock) -> None:
    now_ms = clock.now_ms()
    await store(queue, keyed("a", at_ms=now_ms + 5000))
    await clock.advance((DAY_MS + 4000) / 1000)
    assert await store(queue, keyed("b")) != {}
    # What still waits keeps it, and so does a dead letter.
    await clock.advance(2)
    assert await store(queue, keyed("c")) != {}
    (delivery,) = await claim(queue, now_ms=clock.now_ms())
    await queue.bury(delivery, FAILURE, clock.now_ms())
    await clock.advance(2 * DAY_MS / 1000)
    assert await store(queue, keyed("d")) != {}
    (letter,) = await queue.dead_letters(1)
    await queue.replay(letter.id, clock.now_ms())
    (delivery,) = await claim(queue, now_ms=clock.now_ms())
    await queue.complete(delivery, [])
    await clock.advance(2 * DAY_MS / 1000)
    assert await store(queue, keyed("e")) == {}


@pytest.mark.parametrize("how", ["discard", "purge", "step"])
async def test_a_discarded_dead_letter_frees_its_id_for_its_step(durable: Durable, how: str, clock: FakeClock) -> None:
    queue, now_ms = durable.queue, clock.now_ms()
    await store(queue, keyed("a"), keyed("a", "other"))
    (delivery,) = await claim(queue)
    await queue.bury(delivery, FAILURE, now_ms)
    (letter,) = await queue.dead_letters(1)
    assert await store(queue, keyed("b")) != {}
    if how == "discard":
        await durable.letters.discard(letter.id)
    else:
        await queue.purge_dead_letters(None if how == "purge" else "step")
    assert await store(queue, keyed("c"), keyed("c", "other")) == {"c for other": "event of a"}
    assert names(await claim(queue)) == ["c"]


async def test_an_event_replaces_one_that_has_not_started(queue: QueueStore) -> None:
    await store(queue, keyed("a", fifo="k"), keyed("a", "other"))
    await queue.enqueue([new("next", key="k")])
    (other,) = await claim(queue, {"other": 1})
    stored = await queue.enqueue([keyed("b", key=REPLACES, fifo="k"), keyed("b", "other", key=REPLACES)])
    assert stored.keyed is not None
    assert [(each.step, each.run_id, each.size) for each in stored.keyed.removed] == [("step", "a for step", 1)]
    assert stored.keyed.duplicates == {"b for other": "event of a"}
    # It goes to the end of the line of its FIFO key.
    (first,) = await claim(queue)
    assert names([first]) == ["next"]
    await queue.complete(first, [])
    (second,) = await claim(queue)
    assert names([second, other]) == ["b", "a"]
    # One that has started is not replaced, also when its attempt failed.
    await queue.retry(second, 0, FAILURE)
    assert (await store(queue, keyed("c", key=REPLACES))) == {"c for step": "event of b"}


async def test_an_event_is_cancelled_until_it_starts(queue: QueueStore) -> None:
    await store(queue, keyed("a", at_ms=10**15), keyed("a", "other"))
    (running,) = await claim(queue, {"other": 1})
    assert [each.run_id for each in await queue.keys.cancel("topic", "id")] == ["a for step"]
    assert list(await queue.keys.cancel("topic", "id")) == []
    assert list(await queue.keys.cancel("elsewhere", "id")) == []
    # It is free for the step that did not get it.
    assert await store(queue, keyed("b"), keyed("b", "other")) == {"b for other": "event of a"}
    await queue.complete(running, [])


async def test_the_id_of_a_parked_event_goes_with_its_deliveries(queue: QueueStore) -> None:
    parked = keyed("a", UNKNOWN_STEP, at_ms=7000)
    await store(queue, parked)
    (event,) = await queue.parked(9)
    assert (event.run_at_ms, type(event)) == (7000, ParkedEvent)
    await queue.unpark([(event, [new("a", run_id="run")])], keep=False)
    assert await store(queue, keyed("b")) != {}
    assert [each.run_id for each in await queue.keys.cancel("topic", "id")] == ["run"]
    assert await store(queue, keyed("c", UNKNOWN_STEP)) != {}


async def test_hosts_store_one_event_with_an_id(cluster: Cluster) -> None:
    hosts = [await cluster.host(name) for name in ("one", "two")]
    stored = []
    for number in range(20):
        key = EventKey(f"id {number}", DAY_MS)
        results = [
            host.queue.enqueue([keyed(f"{number} {name}", key=key)]) for name, host in zip("ab", hosts, strict=True)
        ]
        keyeds = [(await result).keyed for result in results]
        stored.append(sum(each is not None and not each.duplicates for each in keyeds))
    assert stored == [1] * 20
