"""Everything that each journal store must do; see `JournalStore`."""

from __future__ import annotations

from polystep.contracts.events import Claim, Delivery
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.ports.queue import QueueStore
from tests.contract.deliveries import FAILURE, LEASE_MS, claim, names, new

VALUE = JournalEntry("a", "once", 5, b"value")
ERROR = JournalEntry("e", "once", 6, error=b"error", failures=1)
FINAL = JournalEntry("f", "once", 7, error=b"final", is_final=True)
WAIT = JournalEntry("w", "sleep", 8, due_ms=9000, is_sensitive=True)
SENT = SentEmit(b"print", "topic")


async def running(queue: QueueStore, name: str = "a") -> Delivery:
    await queue.enqueue([new(name)])
    (delivery,) = await claim(queue)
    return delivery


async def test_entries_come_back_as_they_were_kept(queue: QueueStore) -> None:
    delivery = await running(queue)
    assert (await queue.journal.read(delivery.run_id)).entries == []
    for entry in (VALUE, ERROR, FINAL, WAIT):
        assert await queue.journal.keep(delivery, entry)
    kept = await queue.journal.read(delivery.run_id)
    assert sorted(kept.entries) == sorted([VALUE, ERROR, FINAL, WAIT])
    assert kept.sent == {}
    assert (await queue.journal.read("another run")).entries == []


async def test_an_entry_takes_the_place_of_the_one_before(queue: QueueStore) -> None:
    delivery = await running(queue)
    await queue.journal.keep(delivery, ERROR)
    await queue.journal.keep(delivery, VALUE._replace(key="e"))
    assert (await queue.journal.read(delivery.run_id)).entries == [VALUE._replace(key="e")]


async def test_a_superseded_leg_keeps_nothing(queue: QueueStore) -> None:
    delivery = await running(queue)
    await queue.release(delivery, crashed=False)
    (later,) = await claim(queue)
    assert await queue.journal.keep(delivery, VALUE) is False
    assert await queue.journal.begin_wait(delivery, WAIT, [new("b")], [SENT]) is None
    assert await queue.journal.suspend(delivery, 5000) is None
    assert await queue.journal.read(delivery.run_id) == ([], {})
    assert await queue.waiting() == [("step", 1)]
    assert await queue.journal.keep(later, VALUE) is True


async def test_a_wait_and_the_events_that_leave_with_it_are_stored_together(queue: QueueStore) -> None:
    delivery = await running(queue)
    emits = [new("b"), new("c", at_ms=5000)]
    claimed = await queue.journal.begin_wait(
        delivery, WAIT, emits, [SENT, SENT], Claim(frozenset({0}), "host", 1000 + LEASE_MS)
    )
    assert claimed is not None
    assert names(claimed) == ["b"]
    kept = await queue.journal.read(delivery.run_id)
    assert (kept.entries, kept.sent) == ([WAIT], {SENT: 2})
    assert await queue.waiting() == [("step", 3)]


async def test_a_suspended_run_is_due_later_and_counts_no_attempt_and_no_failure(queue: QueueStore) -> None:
    delivery = await running(queue)
    assert await queue.journal.suspend(delivery, 5000)
    assert await claim(queue, now_ms=4999) == []
    assert await queue.next_due_ms(["step"], "host") == 5000
    (again,) = await claim(queue, now_ms=5000)
    assert (again.attempt, again.failures, again.crashes, again.resumes) == (1, 0, 0, 1)
    assert again.token > delivery.token
    await queue.journal.suspend(again, 6000)
    (third,) = await claim(queue, now_ms=6000)
    assert (third.attempt, third.resumes) == (1, 2)


async def test_a_delivery_knows_whether_its_run_keeps_anything(queue: QueueStore) -> None:
    delivery = await running(queue)
    assert delivery.resumes is None
    await queue.retry(delivery, 0, FAILURE)
    (second,) = await claim(queue)
    assert second.resumes is None
    await queue.journal.keep(second, VALUE)
    await queue.retry(second, 0, FAILURE)
    (third,) = await claim(queue)
    assert third.resumes == 0


async def test_a_suspended_head_keeps_its_fifo_key(queue: QueueStore) -> None:
    await queue.enqueue([new("a", key="k"), new("b", key="k")])
    (head,) = await claim(queue)
    await queue.journal.suspend(head, 5000)
    assert await claim(queue, now_ms=4000) == []
    (head,) = await claim(queue, now_ms=5000)
    assert names([head]) == ["a"]
    await queue.complete(head, [])
    assert names(await claim(queue)) == ["b"]


async def test_a_journal_goes_with_the_completion(queue: QueueStore) -> None:
    delivery = await running(queue)
    await queue.journal.begin_wait(delivery, WAIT, [], [SENT])
    await queue.complete(delivery, [])
    assert await queue.journal.read(delivery.run_id) == ([], {})


async def test_a_dead_letter_keeps_its_values_and_a_replay_forgets_its_errors(queue: QueueStore) -> None:
    delivery = await running(queue)
    for entry in (VALUE, ERROR, FINAL, WAIT):
        await queue.journal.keep(delivery, entry)
    await queue.bury(delivery, FAILURE, 1000)
    assert len((await queue.journal.read(delivery.run_id)).entries) == 4
    (letter,) = await queue.dead_letters(10)
    await queue.replay(letter.id, 1000)
    (again,) = await claim(queue)
    assert (again.resumes, again.failures) == (0, 0)
    assert sorted((await queue.journal.read(delivery.run_id)).entries) == sorted([VALUE, WAIT])


async def test_a_replay_forgets_keys_or_everything(queue: QueueStore) -> None:
    delivery = await running(queue)
    await queue.journal.keep(delivery, VALUE)
    await queue.journal.begin_wait(delivery, WAIT, [], [SENT])
    for forget, left in (([VALUE.key, "none"], ([WAIT], {SENT: 1})), (None, ([], {}))):
        await queue.bury(delivery, FAILURE, 1000)
        (letter,) = await queue.dead_letters(10)
        await queue.replay(letter.id, 1000, forget)
        assert await queue.journal.read(delivery.run_id) == left
        (delivery,) = await claim(queue)


async def test_purges_remove_journals(queue: QueueStore) -> None:
    delivery = await running(queue)
    await queue.journal.keep(delivery, VALUE)
    await queue.journal.suspend(delivery, 5000)
    await queue.purge("step", 10, delivery.id)
    assert (await queue.journal.read(delivery.run_id)).entries == []
    dead = await running(queue, "dead")
    await queue.journal.keep(dead, VALUE)
    await queue.bury(dead, FAILURE, 1000)
    await queue.purge_dead_letters("step")
    assert (await queue.journal.read(dead.run_id)).entries == []
