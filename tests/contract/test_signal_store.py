"""Signals and waits for them, and results of calls, in each queue store; see `JournalStore`."""

from __future__ import annotations

import pytest

from polystep.contracts import limits
from polystep.contracts.events import SIGNAL_STEP, Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.signals import ChildCall, SignalWait, Wanted
from tests.contract.deliveries import FAILURE, claim, new

FAR_MS = 10**15
SAID = Wanted("said", "to", "ann")


def made(topic: str, data: bytes) -> bytes:
    return topic.encode() + b":" + data


async def signal(queue: QueueStore, name: str, topic: str = "said", value: str = "ann", path: str = "to") -> None:
    event = new(name)._replace(
        event_id=name, topic=topic, step=SIGNAL_STEP, run_id="", data=name.encode(), signals=((path, value),)
    )
    assert await queue.enqueue([event]) == []


async def running(queue: QueueStore, name: str = "a") -> Delivery:
    await queue.enqueue([new(name)])
    (delivery,) = await claim(queue)
    return delivery


async def waiting(
    queue: QueueStore, delivery: Delivery, *wanted: Wanted, key: str = "k", due_ms: int = FAR_MS, kept_at_ms: int = 5
) -> JournalEntry:
    entry = JournalEntry(key, "event", kept_at_ms, due_ms=due_ms)
    wait = SignalWait(wanted or (SAID,), 1000)
    assert await queue.journal.begin_wait(delivery, entry, [], [], None, wait) == []
    return entry


async def taken(queue: QueueStore, delivery: Delivery, entry: JournalEntry) -> bytes | None:
    found = await queue.journal.take_signal(delivery, entry, made, b"late")
    assert found is not None
    return found.value


async def test_beyond_the_bound_the_oldest_go(queue: QueueStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGNALS_MAX", 2)
    delivery = await running(queue)
    for name in ("one", "two", "three", "four"):
        await signal(queue, name)
    # The one that was stored last is counted by the next.
    assert await taken(queue, delivery, await waiting(queue, delivery)) == b"said:two"


async def test_a_wait_takes_what_came_before_it_and_only_what_it_wants(queue: QueueStore) -> None:
    delivery = await running(queue)
    await signal(queue, "other", value="bob")
    await signal(queue, "elsewhere", path="from")
    await signal(queue, "one")
    await signal(queue, "two")
    entry = await waiting(queue, delivery)
    assert await taken(queue, delivery, entry) == b"said:one"
    kept = (await queue.journal.read(delivery.run_id)).entries
    assert [each.value for each in kept] == [b"said:one"]
    second = await waiting(queue, delivery, key="l")
    assert await taken(queue, delivery, second) == b"said:two"
    third = await waiting(queue, delivery, key="m")
    assert await taken(queue, delivery, third) is None


async def test_the_first_of_several_events_is_taken_and_nothing_waits_on(queue: QueueStore) -> None:
    delivery = await running(queue)
    both = (Wanted("heard", "", ""), SAID)
    entry = await waiting(queue, delivery, *both)
    assert await taken(queue, delivery, entry) is None
    await signal(queue, "one")
    await signal(queue, "two", "heard", "", "")
    assert await taken(queue, delivery, entry) == b"said:one"
    # What is not wanted any more wakes nothing.
    assert await queue.journal.suspend(delivery, FAR_MS, ["k"]) == FAR_MS
    await signal(queue, "three", "heard", "", "")
    assert await claim(queue, now_ms=FAR_MS - 1) == []


async def test_every_suspended_run_that_waits_becomes_due(queue: QueueStore) -> None:
    runs = [await running(queue, name) for name in ("a", "b", "c")]
    entries = [
        await waiting(queue, run, *wanted) for run, wanted in zip(runs, ((), (), (Wanted("x", "", ""),)), strict=True)
    ]
    for run in runs:
        assert await queue.journal.suspend(run, FAR_MS, ["k"]) == FAR_MS
    await signal(queue, "one")
    again = await claim(queue, now_ms=FAR_MS - 1)
    assert [each.run_id for each in again] == [run.run_id for run in runs[:2]]
    for run, entry in zip(again, entries, strict=False):
        assert await taken(queue, run, entry) == b"said:one"


async def test_an_event_at_the_moment_of_suspension_is_found(queue: QueueStore) -> None:
    delivery = await running(queue)
    await waiting(queue, delivery)
    await signal(queue, "one")
    at_ms = await queue.journal.suspend(delivery, FAR_MS, ["k"])
    assert at_ms is not None
    assert at_ms < FAR_MS
    # Of other waits it knows nothing.
    other = await running(queue, "b")
    await waiting(queue, other, Wanted("x", "", ""))
    assert await queue.journal.suspend(other, FAR_MS, ["k"]) == FAR_MS


async def test_a_wait_that_is_over_takes_nothing_any_more(queue: QueueStore) -> None:
    delivery = await running(queue)
    entry = await waiting(queue, delivery, due_ms=6)
    assert await taken(queue, delivery, entry) == b"late"
    await signal(queue, "one")
    (kept,) = (await queue.journal.read(delivery.run_id)).entries
    assert kept.value == b"late"
    assert await queue.journal.suspend(delivery, FAR_MS, ["k"]) == FAR_MS


async def test_an_event_from_before_the_birth_of_the_run_is_none(queue: QueueStore) -> None:
    await signal(queue, "one")
    delivery = (await running(queue))._replace(enqueued_at_ms=FAR_MS)
    entry = await waiting(queue, delivery, kept_at_ms=FAR_MS)
    assert await taken(queue, delivery, entry) is None


async def test_a_run_does_not_take_its_own_event(queue: QueueStore) -> None:
    delivery = await running(queue)
    await signal(queue, delivery.event_id)
    entry = await waiting(queue, delivery)
    assert await taken(queue, delivery, entry) is None


async def test_a_dead_letter_that_is_tried_again_takes_what_has_come_meanwhile(queue: QueueStore) -> None:
    delivery = await running(queue)
    await queue.bury(delivery, FAILURE, 2000)
    await signal(queue, "one")
    (letter,) = await queue.dead_letters(1)
    await queue.replay(letter.id, FAR_MS)
    (again,) = await claim(queue, now_ms=FAR_MS)
    assert again.enqueued_at_ms == delivery.enqueued_at_ms
    entry = await waiting(queue, again, due_ms=FAR_MS * 2)
    assert await taken(queue, again, entry) == b"said:one"


async def test_a_wait_and_its_event_move_along_with_a_clock_that_is_set_back(queue: QueueStore) -> None:
    delivery = (await running(queue))._replace(enqueued_at_ms=FAR_MS)
    entry = await waiting(queue, delivery)
    await signal(queue, "one")
    # The run was born by the clock of before; its wait began by this one.
    assert await taken(queue, delivery, entry) == b"said:one"
    await queue.move_due(10, 5)
    second = await waiting(queue, delivery, key="l")
    await signal(queue, "two")
    assert await taken(queue, delivery, second) == b"said:two"


async def test_a_superseded_leg_takes_nothing(queue: QueueStore) -> None:
    delivery = await running(queue)
    entry = await waiting(queue, delivery)
    await signal(queue, "one")
    await queue.release(delivery, crashed=False)
    assert await queue.journal.take_signal(delivery, entry, made, b"late") is None
    (again,) = await claim(queue)
    assert await taken(queue, again, entry) == b"said:one"


async def calling(queue: QueueStore) -> tuple[Delivery, Delivery, JournalEntry]:
    """A run that has called another one, which runs too."""
    parent = await running(queue, "parent")
    child = new("child")._replace(kind="call", parent_run_id=parent.run_id)
    entry = JournalEntry("c", "call", 5, due_ms=FAR_MS)
    await queue.journal.begin_wait(parent, entry, [child], [], None, ChildCall(child.run_id))
    (called,) = await claim(queue)
    assert called.kind == "call"
    return parent, called, entry


async def test_the_result_of_a_call_is_kept_with_its_caller_and_makes_it_due(queue: QueueStore) -> None:
    parent, child, entry = await calling(queue)
    assert await queue.journal.suspend(parent, FAR_MS, ["c"]) == FAR_MS
    await queue.complete(child, [], None, b"value")
    (again,) = await claim(queue, now_ms=FAR_MS - 1)
    assert again.run_id == parent.run_id
    ended = await queue.journal.take_call(again, entry, b"late")
    assert ended is not None
    assert (ended.value, ended.error) == (b"value", None)


async def test_the_error_of_a_call_goes_to_its_caller_and_not_to_the_dead_letters(queue: QueueStore) -> None:
    parent, child, entry = await calling(queue)
    assert await queue.bury(child, FAILURE, 2000)
    assert await queue.dead_letters(10) == []
    ended = await queue.journal.take_call(parent, entry, b"late")
    assert ended is not None
    assert ended.value is None
    assert ended.error is not None
    assert str(FAILURE["message"]).encode() in ended.error
    assert await queue.journal.suspend(parent, FAR_MS, ["c"]) != FAR_MS


async def test_a_call_without_a_caller_ends_as_any_delivery_does(queue: QueueStore) -> None:
    parent, child, _ = await calling(queue)
    await queue.complete(parent, [])
    assert await queue.bury(child, FAILURE, 2000)
    assert [each.run_id for each in await queue.dead_letters(10)] == [child.run_id]


async def test_a_call_whose_time_is_over_has_failed(queue: QueueStore) -> None:
    parent, child, entry = await calling(queue)
    ended = await queue.journal.take_call(parent, entry._replace(due_ms=6), b"late")
    assert ended is not None
    assert ended.error == b"late"
    await queue.complete(child, [], None, b"value")
    (kept,) = (await queue.journal.read(parent.run_id)).entries
    assert (kept.value, kept.error) == (None, b"late")


async def test_a_called_run_that_is_removed_from_its_queue_tells_its_caller(queue: QueueStore) -> None:
    parent = await running(queue, "parent")
    child = new("child")._replace(kind="call", parent_run_id=parent.run_id, run_at_ms=FAR_MS)
    entry = JournalEntry("c", "call", 5, due_ms=FAR_MS)
    await queue.journal.begin_wait(parent, entry, [child], [], None, ChildCall(child.run_id))
    assert await queue.purge("step", 10, 10**9) == [child.run_id]
    ended = await queue.journal.take_call(parent, entry, b"late")
    assert ended is not None
    assert b"removed" in (ended.error or b"")
