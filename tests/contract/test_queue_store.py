"""What every queue store must do; see `DeliveryStore`. FIFO keys have a file of their own."""

import asyncio
from typing import cast

import pytest

from polystep.contracts.errors import PolystepError
from polystep.contracts.events import UNKNOWN_STEP, DeadLetter, Delivery, NewDelivery, ParkedEvent
from polystep.contracts.ports.queue import DeliveryStore
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, LEASE_MS, claim, names, new

UNSTORABLE = NewDelivery("event", "event", "topic", cast("str", None), b"", "trace", "run of nothing", None)


@pytest.fixture
def queue(deliveries: DeliveryStore) -> DeliveryStore:
    return deliveries


async def test_a_claimed_delivery_carries_everything_it_was_stored_with(queue: DeliveryStore, clock: FakeClock) -> None:
    await queue.enqueue(
        [NewDelivery("event", "cron", "topic", "step", b"\x00\xff", "trace", "run", "parent", "key", 5)]
    )
    (claimed,) = await claim(queue)
    assert claimed == Delivery(
        id=claimed.id,
        token=1,
        kind="cron",
        event_id="event",
        topic="topic",
        step="step",
        data=b"\x00\xff",
        trace_id="trace",
        run_id="run",
        parent_run_id="parent",
        fifo_key="key",
        attempt=1,
        failures=0,
        crashes=0,
        enqueued_at_ms=clock.now_ms(),
    )


async def test_claims_come_oldest_first_up_to_the_limit(queue: DeliveryStore) -> None:
    await queue.enqueue([new(name) for name in "abcde"])
    assert [names(await claim(queue, 2)) for _ in range(4)] == [["a", "b"], ["c", "d"], ["e"], []]


async def test_what_was_due_earlier_is_claimed_before_what_was_stored_earlier(queue: DeliveryStore) -> None:
    await queue.enqueue([new("late", at_ms=900), new("early", at_ms=100)])
    assert [names(await claim(queue, 1)) for _ in range(2)] == [["early"], ["late"]]


async def test_each_step_has_its_own_limit(queue: DeliveryStore) -> None:
    await queue.enqueue([new(f"{step}{number}", step=step) for step in "abc" for number in range(3)])
    claimed = await claim(queue, {"a": 1, "b": 2, "unknown": 5})
    assert sorted(names(claimed)) == ["a0", "b0", "b1"]
    assert await queue.waiting() == [("a", 3), ("b", 3), ("c", 3)]


async def test_a_delivery_is_not_due_before_its_time(queue: DeliveryStore) -> None:
    await queue.enqueue([new("delayed", at_ms=2000)])
    assert names(await claim(queue, now_ms=1999)) == []
    assert names(await claim(queue, now_ms=2000)) == ["delayed"]


async def test_storing_is_all_or_nothing(queue: DeliveryStore) -> None:
    with pytest.raises(PolystepError):
        await queue.enqueue([new("a"), UNSTORABLE, new("b")])
    assert (await queue.waiting(), await claim(queue)) == ([], [])


async def test_storing_nothing_is_fine(queue: DeliveryStore) -> None:
    await queue.enqueue([])
    assert await queue.waiting() == []


async def test_no_delivery_is_claimed_twice_by_claims_at_once(queue: DeliveryStore) -> None:
    await queue.enqueue([new(str(number)) for number in range(60)])
    claims = await asyncio.gather(*(claim(queue, 10, owner=f"host {number}") for number in range(8)))
    assert sorted(names([delivery for claimed in claims for delivery in claimed]), key=int) == [
        str(number) for number in range(60)
    ]


async def test_completion_removes_the_delivery_and_stores_its_emits_in_order(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (a,) = await claim(queue)
    assert await queue.complete(a, [new("b"), new("c"), new("d", step="other")]) is not None
    assert await queue.waiting() == [("other", 1), ("step", 2)]
    assert names(await claim(queue)) == ["b", "c"]


async def test_completion_and_emits_fail_together(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a"), new("next")])
    (a,) = await claim(queue, 1)
    with pytest.raises(PolystepError):
        await queue.complete(a, [new("b"), UNSTORABLE])
    assert await queue.waiting() == [("step", 2)]
    # It is still running under its token: the same completion, mended, goes through.
    assert await queue.complete(a, [new("b")]) is not None
    assert names(await claim(queue)) == ["next", "b"]


async def test_a_retry_waits_and_counts_a_failure_and_an_attempt(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (first,) = await claim(queue)
    assert await queue.retry(first, 5000, FAILURE)
    assert await claim(queue, now_ms=4999) == []
    (second,) = await claim(queue, now_ms=5000)
    assert (second.attempt, second.failures, second.crashes, second.token) == (2, 1, 0, 2)
    assert (second.id, second.run_id, second.data) == (first.id, first.run_id, first.data)


async def test_a_release_is_due_at_once_and_uses_up_no_failure(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (first,) = await claim(queue)
    assert await queue.release(first, crashed=False)
    (second,) = await claim(queue)
    assert await queue.release(second, crashed=True)
    (third,) = await claim(queue)
    assert [(each.attempt, each.failures, each.crashes) for each in (first, second, third)] == [
        (1, 0, 0),
        (2, 0, 0),
        (3, 0, 1),
    ]


async def test_a_buried_delivery_is_a_dead_letter_with_its_error(queue: DeliveryStore, clock: FakeClock) -> None:
    await queue.enqueue([new("a")])
    (first,) = await claim(queue)
    await queue.retry(first, 0, FAILURE)
    (second,) = await claim(queue)
    assert await queue.bury(second, {"name": "Error", "message": "ü", "deep": {"n": [1, None]}}, 9000)
    (letter,) = await queue.dead_letters(10)
    assert letter == DeadLetter(
        id=letter.id,
        kind="event",
        event_id="event of a",
        topic="topic",
        step="step",
        data=b"a",
        trace_id="trace",
        run_id="run of a",
        attempts=2,
        error={"name": "Error", "message": "ü", "deep": {"n": [1, None]}},
        enqueued_at_ms=clock.now_ms(),
        died_at_ms=9000,
        fingerprint=letter.fingerprint,
    )
    assert (await queue.waiting(), await claim(queue)) == ([], [])


async def test_an_error_that_json_cannot_carry_still_reaches_the_dead_letters(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (a,) = await claim(queue)
    assert await queue.bury(a, {"message": "half a pair: \ud800"}, 9000)
    (letter,) = await queue.dead_letters(10)
    assert "half a pair" in str(letter.error["message"])


async def test_dead_letters_come_newest_first_in_pages(queue: DeliveryStore) -> None:
    await queue.enqueue([new(name) for name in "abcde"])
    for delivery in await claim(queue):
        await queue.bury(delivery, FAILURE, 9000)
    page = await queue.dead_letters(2)
    assert [letter.data for letter in page] == [b"e", b"d"]
    assert [letter.data for letter in await queue.dead_letters(10, page[-1].id)] == [b"c", b"b", b"a"]


async def test_a_replay_starts_afresh_and_keeps_counting_attempts(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (first,) = await claim(queue)
    await queue.bury(first, FAILURE, 9000)
    (letter,) = await queue.dead_letters(10)
    assert await queue.replay(letter.id, 10_000) == letter
    assert await queue.dead_letters(10) == []
    assert await claim(queue, now_ms=9999) == []
    (again,) = await claim(queue, now_ms=10_000)
    assert (again.data, again.run_id, again.parent_run_id, again.attempt, again.failures, again.crashes) == (
        b"a",
        "run of a",
        "parent",
        2,
        0,
        0,
    )
    assert again.id != first.id


async def test_a_letter_is_replayed_once(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    await queue.bury((await claim(queue))[0], FAILURE, 9000)
    (letter,) = await queue.dead_letters(10)
    answers = await asyncio.gather(*(queue.replay(letter.id, 10_000) for _ in range(3)))
    assert answers == [letter, None, None]
    assert await queue.waiting() == [("step", 1)]


async def test_a_replay_of_an_unknown_letter_is_none(queue: DeliveryStore) -> None:
    assert await queue.replay(12345, 0) is None


class TestFencing:
    """An attempt that was superseded changes nothing, whatever it answers."""

    @pytest.fixture
    async def stale(self, queue: DeliveryStore) -> Delivery:
        await queue.enqueue([new("a")])
        (stale,) = await claim(queue)
        await queue.release(stale, crashed=False)
        await claim(queue)
        return stale

    async def _nothing_changed(self, queue: DeliveryStore) -> None:
        assert await queue.waiting() == [("step", 1)]
        assert await claim(queue) == []
        assert await queue.dead_letters(10) == []

    async def test_completion_is_refused_with_its_emits(self, queue: DeliveryStore, stale: Delivery) -> None:
        assert await queue.complete(stale, [new("b", step="other")]) is None
        await self._nothing_changed(queue)

    async def test_retry_is_refused(self, queue: DeliveryStore, stale: Delivery) -> None:
        assert not await queue.retry(stale, 0, FAILURE)
        await self._nothing_changed(queue)

    async def test_release_is_refused(self, queue: DeliveryStore, stale: Delivery) -> None:
        assert not await queue.release(stale, crashed=True)
        await self._nothing_changed(queue)

    async def test_bury_is_refused(self, queue: DeliveryStore, stale: Delivery) -> None:
        assert not await queue.bury(stale, FAILURE, 9000)
        await self._nothing_changed(queue)

    async def test_renewal_does_not_extend_the_lease_of_the_current_attempt(
        self, queue: DeliveryStore, stale: Delivery
    ) -> None:
        await queue.renew([stale], "host", 10**12)
        assert names(await claim(queue, now_ms=1000 + LEASE_MS, owner="other")) == ["a"]


async def test_an_answer_after_completion_is_refused(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (a,) = await claim(queue)
    assert await queue.complete(a, []) is not None
    answers = [
        await queue.complete(a, [new("b")]),
        await queue.retry(a, 0, FAILURE),
        await queue.release(a, crashed=False),
        await queue.bury(a, FAILURE, 0),
    ]
    assert (answers, await queue.waiting(), await queue.dead_letters(1)) == ([None, False, False, False], [], [])


async def test_an_answer_between_two_attempts_is_refused(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (a,) = await claim(queue)
    await queue.retry(a, 5000, FAILURE)
    assert await queue.complete(a, [new("b")]) is None
    assert names(await claim(queue, now_ms=5000)) == ["a"]


async def test_the_expired_lease_of_another_owner_is_taken_over(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (lost,) = await claim(queue, owner="dead", now_ms=1000)
    assert await claim(queue, owner="live", now_ms=1000 + LEASE_MS - 1) == []
    (taken,) = await claim(queue, owner="live", now_ms=1000 + LEASE_MS)
    assert (taken.id, taken.token, taken.attempt) == (lost.id, lost.token + 1, 2)
    assert [await queue.complete(each, []) for each in (lost, taken)] == [None, []]


async def test_a_renewed_lease_is_not_taken_over(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    claimed = await claim(queue, owner="slow", now_ms=1000)
    await queue.renew(claimed, "slow", 100_000)
    assert await claim(queue, owner="live", now_ms=99_999) == []
    assert names(await claim(queue, owner="live", now_ms=100_000)) == ["a"]


async def test_an_owner_never_takes_over_its_own_lease(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (mine,) = await claim(queue, owner="host", now_ms=1000)
    assert await claim(queue, owner="host", now_ms=10**12) == []
    assert await queue.complete(mine, []) is not None


async def test_renewing_nothing_is_fine(queue: DeliveryStore) -> None:
    await queue.renew([], "host", 1)


async def test_recovery_makes_due_what_this_owner_had_running(queue: DeliveryStore) -> None:
    await queue.enqueue([new(name) for name in "abc"])
    mine = await claim(queue, 2, owner="host")
    await claim(queue, 1, owner="other")
    assert [await queue.recover("host"), await queue.recover("host")] == [2, 0]
    again = await claim(queue, owner="host")
    assert [(each.data, each.attempt, each.failures, each.crashes) for each in again] == [
        (b"a", 2, 0, 0),
        (b"b", 2, 0, 0),
    ]
    assert await queue.complete(mine[0], []) is None


async def test_the_next_due_time_is_that_of_the_earliest_ready_delivery(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", at_ms=7000), new("b", at_ms=5000), new("c", step="other", at_ms=3000)])
    assert [await queue.next_due_ms(["step"], "host"), await queue.next_due_ms(["step", "other"], "host")] == [
        5000,
        3000,
    ]


async def test_nothing_is_due_next_when_nothing_waits(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", step="other")])
    assert [await queue.next_due_ms(["step"], "host"), await queue.next_due_ms([], "host")] == [None, None]


async def test_the_lease_of_another_owner_is_due_when_it_expires_and_ones_own_never(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    await claim(queue, owner="other", now_ms=1000)
    steps = ["step"]
    assert await queue.next_due_ms(steps, "host") == 1000 + LEASE_MS
    assert await queue.next_due_ms(steps, "other") is None
    assert await queue.next_due_ms(["unrelated"], "host") is None


async def test_ticks_do_not_overlap_until_the_last_delivery_of_the_step_is_finished(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", at_ms=500)])
    ready = await queue.enqueue_tick(new("t"), None)
    (a,) = await claim(queue)
    running = await queue.enqueue_tick(new("t"), 1000)
    await queue.complete(a, [])
    done = await queue.enqueue_tick(new("t"), None)
    assert [each.status for each in (ready, running, done)] == ["busy", "busy", "stored"]
    assert names(await claim(queue)) == ["t"]


async def test_pending_runs_are_those_whose_delivery_is_not_finished(queue: DeliveryStore) -> None:
    await queue.enqueue([new("ready", at_ms=10**12), new("running"), new("done"), new("dead")])
    for delivery in await claim(queue):
        if delivery.data == b"done":
            await queue.complete(delivery, [])
        if delivery.data == b"dead":
            await queue.bury(delivery, FAILURE, 0)
    runs = [f"run of {name}" for name in ("ready", "running", "done", "dead", "nobody")]
    assert await queue.pending_among(runs) == {"run of ready", "run of running"}
    assert await queue.pending_among([]) == set()


async def test_orphans_are_buried_and_the_rest_is_not(queue: DeliveryStore) -> None:
    await queue.enqueue([new(name, step=name[0]) for name in ("a1", "a2", "b1", "c1")])
    assert await queue.bury_orphans(["b"], {"name": "gone"}, 9000) == [("a", 2), ("c", 1)]
    assert await queue.waiting() == [("b", 1)]
    letters = await queue.dead_letters(10)
    assert sorted((letter.step, letter.data, letter.error, letter.died_at_ms) for letter in letters) == [
        ("a", b"a1", {"name": "gone"}, 9000),
        ("a", b"a2", {"name": "gone"}, 9000),
        ("c", b"c1", {"name": "gone"}, 9000),
    ]


async def test_buried_orphans_can_be_replayed(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    await queue.bury_orphans([], FAILURE, 9000)
    (letter,) = await queue.dead_letters(10)
    await queue.replay(letter.id, 0)
    assert names(await claim(queue)) == ["a"]


async def test_subscriptions_are_replaced_as_a_whole(queue: DeliveryStore) -> None:
    first = [("a.step.ts", "A", "topic"), ("b_step.py", "B", "topic"), ("b_step.py", "B", "other")]
    assert await queue.subscriptions() == []
    await queue.save_subscriptions(first)
    assert sorted(await queue.subscriptions()) == sorted(first)
    await queue.save_subscriptions([("c.step.ts", "C", "topic"), ("c.step.ts", "C", "topic")])
    assert await queue.subscriptions() == [("c.step.ts", "C", "topic")]
    await queue.save_subscriptions([])
    assert await queue.subscriptions() == []


async def test_a_refused_delivery_is_a_dead_letter_beside_what_is_delivered(
    queue: DeliveryStore, clock: FakeClock
) -> None:
    refused = new("a", key="k", at_ms=9000)._replace(refused=FAILURE)
    await queue.enqueue([refused, new("b", key="k"), new("c", step="other")])
    assert await queue.waiting() == [("other", 1), ("step", 1)]
    # It holds no place in its key: what follows is due at once.
    assert names(await claim(queue)) == ["b"]
    (letter,) = await queue.dead_letters(10)
    now_ms = clock.now_ms()
    assert letter == DeadLetter(
        letter.id, "event", refused.event_id, "topic", "step", b"a", "trace", refused.run_id, 0, FAILURE, now_ms,
        now_ms, "k", letter.fingerprint,
    )  # fmt: skip
    assert await queue.pending_among([refused.run_id]) == set()


async def test_refused_emits_are_stored_with_the_completion_or_not_at_all(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")])
    (a,) = await claim(queue)
    emits = [new("b")._replace(refused=FAILURE), new("c")]
    with pytest.raises(PolystepError):
        await queue.complete(a, [*emits, UNSTORABLE])
    superseded = a._replace(token=a.token + 1)
    assert await queue.complete(superseded, emits) is None
    assert await queue.dead_letters(10) == []
    assert await queue.complete(a, emits) is not None
    assert [letter.data for letter in await queue.dead_letters(10)] == [b"b"]
    assert names(await claim(queue)) == ["c"]


async def test_a_refused_delivery_can_be_replayed_and_its_first_start_is_attempt_1(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="k")._replace(refused=FAILURE)])
    (letter,) = await queue.dead_letters(10)
    assert await queue.replay(letter.id, 1000) == letter
    (again,) = await claim(queue)
    assert (again.attempt, again.failures, again.fifo_key, again.run_id) == (1, 0, "k", letter.run_id)
    assert await queue.dead_letters(10) == []


async def test_an_event_of_an_unknown_step_is_parked_and_no_delivery(queue: DeliveryStore, clock: FakeClock) -> None:
    await queue.enqueue([new("1", step=UNKNOWN_STEP, key="k"), new("2"), new("3", step=UNKNOWN_STEP)])
    assert (await queue.waiting(), await queue.parked_size()) == ([("step", 1)], (2, 2))
    assert await queue.parked_topics() == [("topic", 2, clock.now_ms())]
    assert await queue.pending_among(["run of 1", "other"]) == {"run of 1"}
    first, second = await queue.parked(10)
    assert first == ParkedEvent(1, "event of 1", "topic", b"1", "trace", "run of 1", "parent", "k", ())
    assert await queue.parked(1, after_id=first.id) == [second]


async def test_a_parked_event_stays_for_further_steps_or_is_removed(queue: DeliveryStore) -> None:
    await queue.enqueue([new("1", step=UNKNOWN_STEP)])
    (event,) = await queue.parked(10)
    assert await queue.unpark([(event, [new("a", step="a")])], keep=True) == [event]
    (kept,) = await queue.parked(10)
    assert (kept.taken_by, await queue.parked_topics()) == (("a",), [])
    # Who has read it before does nothing.
    assert await queue.unpark([(event, [new("again", step="a")])], keep=True) == []
    assert await queue.unpark([(event, [])], keep=False) == []
    assert await queue.unpark([(kept, [new("b", step="b")])], keep=False) == [kept]
    assert (await queue.parked(10), await queue.waiting()) == ([], [("a", 1), ("b", 1)])


async def test_a_parked_event_is_delivered_with_its_deliveries_or_not_at_all(queue: DeliveryStore) -> None:
    await queue.enqueue([new("1", step=UNKNOWN_STEP)])
    (event,) = await queue.parked(10)
    with pytest.raises(PolystepError):
        await queue.unpark([(event, [new("a"), UNSTORABLE])], keep=False)
    assert (await queue.parked(10), await queue.waiting()) == ([event], [])


async def test_due_times_move_with_a_clock_that_was_set_back(queue: DeliveryStore, clock: FakeClock) -> None:
    then_ms = clock.now_ms()
    await queue.enqueue([new("due", at_ms=then_ms), new("delayed", at_ms=then_ms + 5000), new("old", at_ms=1)])
    (retried,) = await claim(queue, 1, now_ms=then_ms)
    assert names([retried]) == ["old"]
    await queue.retry(retried, then_ms + 4000, FAILURE)
    assert await queue.move_due(then_ms, 3_600_000) == 0
    assert await queue.move_due(then_ms - 3_600_000, 3_600_000) == 3
    for at_ms, expected in ((0, ["due"]), (3999, []), (4000, ["old"]), (5000, ["delayed"])):
        assert names(await claim(queue, now_ms=then_ms - 3_600_000 + at_ms)) == expected


async def test_parked_events_move_with_a_clock_that_was_set_back(queue: DeliveryStore, clock: FakeClock) -> None:
    """Found by the simulation: their deliveries waited until the clock was there again."""
    await queue.enqueue([new("p", step=UNKNOWN_STEP, at_ms=clock.now_ms() + 2000)])
    now_ms = clock.now_ms() - 3_600_000
    for back_ms in (3_600_000, 3_600_000):
        await queue.move_due(now_ms, back_ms)
        assert [event.run_at_ms for event in await queue.parked(10)] == [now_ms + 2000]


async def test_a_move_by_an_unknown_step_keeps_delays_and_is_done_once(queue: DeliveryStore, clock: FakeClock) -> None:
    then_ms = clock.now_ms()
    await queue.enqueue([new("due", at_ms=then_ms), new("delayed", at_ms=then_ms + 5000)])
    (running,) = await claim(queue, 1, now_ms=then_ms)
    assert (await queue.move_due(1000, None), await queue.move_due(1000, None)) == (2, 0)
    assert await queue.release(running, crashed=False)
    for at_ms, expected in ((1000, ["due"]), (5999, []), (6000, ["delayed"])):
        assert names(await claim(queue, now_ms=at_ms)) == expected


async def test_a_purge_goes_by_pages_up_to_an_id_and_leaves_no_key_without_a_head(queue: DeliveryStore) -> None:
    await queue.enqueue([new("1", key="k"), new("2", key="k"), new("3"), new("other", step="other")])
    upto_id = await queue.last_id("step")
    # What comes after the purge began waits behind what is being removed.
    await queue.enqueue([new("4", key="k"), new("5", key="k")])
    pages = []
    while page := await queue.purge("step", 1, upto_id):
        pages += [[*page]]
    assert sorted(pages) == [["run of 1"], ["run of 2"], ["run of 3"]]
    assert names(await claim(queue)) == ["4"]
    assert await queue.waiting() == [("other", 1), ("step", 2)]


async def test_a_running_delivery_survives_a_purge_and_ends_as_ever(queue: DeliveryStore) -> None:
    await queue.enqueue([new("1", key="k"), new("2", key="k")])
    (running,) = await claim(queue)
    assert await queue.purge("step", 10, await queue.last_id("step")) == ["run of 2"]
    await queue.enqueue([new("3", key="k")])
    assert await queue.complete(running, []) == []
    assert names(await claim(queue)) == ["3"]


async def test_a_postponed_delivery_is_due_later_without_a_failure(queue: DeliveryStore) -> None:
    await queue.enqueue([new("1")])
    (first,) = await claim(queue)
    assert await queue.postpone(first, 5000)
    assert not await queue.postpone(first, 6000)
    assert await claim(queue, now_ms=4999) == []
    (second,) = await claim(queue, now_ms=5000)
    assert (second.attempt, second.failures) == (2, 0)


async def test_sizes_count_events_and_bytes_by_step(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a"), new("bcd"), new("ef", step="other")])
    assert sorted(await queue.queue_sizes()) == [("other", 1, 2), ("step", 2, 4)]
    assert await queue.last_id("missing") == 0


@pytest.mark.parametrize(("step", "removed", "left"), [("a", 2, ["b"]), (None, 3, []), ("c", 0, ["b", "a", "a"])])
async def test_dead_letters_are_purged_by_step_or_all(
    queue: DeliveryStore, step: str | None, removed: int, left: list[str]
) -> None:
    refused = [new(f"{number}", step=name)._replace(refused=FAILURE) for number, name in enumerate("aab")]
    await queue.enqueue(refused)
    assert await queue.purge_dead_letters(step) == removed
    assert [letter.step for letter in await queue.dead_letters(10)] == left
