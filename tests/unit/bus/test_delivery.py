"""From an event to its steps: fan-out, emits, order, bounds, and nothing forgotten."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus.claims import RUNNING_MAX
from polystep.contracts.errors import InvalidParams
from polystep.contracts.events import Delivery, NewDelivery, Outcome
from polystep.contracts.limits import NAME_BYTES_MAX
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.harness import DONE, BusHarness, cron_step, event_step, flow, gate


async def test_every_subscriber_gets_an_event_once(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "made"), event_step("b", "made", "other"), event_step("c", "other"))
    await harness.publish("made", "x")
    await harness.observer.ends_count(2)
    await harness.quiet()
    started = harness.runner.started
    assert sorted((each.step, each.topic, each.data, each.attempt) for each in started) == [
        ("a", "made", b"x", 1),
        ("b", "made", b"x", 1),
    ]
    assert len({each.event_id for each in started}) == 1
    assert len({each.run_id for each in started}) == 2
    assert await harness.store.waiting() == []


async def test_a_refused_delivery_is_told_and_never_started(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "made"), event_step("b", "made"))
    planned = harness.bus.plan("made", b"x", trace_id="t", parent_run_id=None)
    refused = [each._replace(refused={"message": "no"}) if each.step == "a" else each for each in planned]
    await harness.bus.publish(refused)
    await harness.observer.ends_count(1)
    await harness.quiet()
    assert [each.step for each in harness.runner.started] == ["b"]
    assert harness.observer.stored == refused
    letters = await harness.store.dead_letters(10)
    assert [(each.step, each.error, each.attempts) for each in letters] == [("a", {"message": "no"}, 0)]
    assert await harness.store.waiting() == []


async def test_a_fifo_key_is_no_longer_than_a_name(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "made"))
    longest = "k" * NAME_BYTES_MAX
    (planned,) = harness.bus.plan("made", b"x", trace_id="t", parent_run_id=None, fifo_key=longest)
    assert planned.fifo_key == longest
    for wrong in (longest + "k", "\ud800"):
        with pytest.raises(InvalidParams, match="FIFO key"):
            harness.bus.plan("made", b"x", trace_id="t", parent_run_id=None, fifo_key=wrong)


async def test_an_event_that_nobody_subscribes_to_makes_nothing(harness: BusHarness) -> None:
    await harness.begin(event_step("a"))
    assert harness.bus.plan("nobody", b"", trace_id="t", parent_run_id=None) == ()
    await harness.bus.publish(())
    assert (await harness.store.waiting(), harness.observer.stored) == ([], [])


async def test_a_step_with_a_topic_twice_gets_its_events_once(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "made", "made"))
    await harness.publish("made", "x")
    await harness.observer.ends_count(1)
    await harness.quiet()
    assert harness.observer.results == [("x", 1, "completed")]


async def test_what_is_published_before_the_start_runs_after_it(harness: BusHarness) -> None:
    harness.bus.replace(flow(event_step("a")))
    await harness.publish("a", "x")
    await harness.begin(event_step("a"))
    await harness.observer.ends_count(1)


async def test_emits_are_stored_with_the_completion_and_not_before(harness: BusHarness) -> None:
    opened = asyncio.Event()

    async def emits(delivery: Delivery) -> Outcome:
        planned = harness.bus.plan("b", b"child", trace_id="t", parent_run_id=delivery.run_id)
        await opened.wait()
        return Outcome("completed", emits=planned)

    harness.runner.handlers["a"] = emits
    await harness.begin(event_step("a"), event_step("b"))
    await harness.publish("a", "x")
    await harness.runner.started_count(1)
    await harness.quiet()
    before = (await harness.store.waiting(), [new.step for new in harness.observer.stored])
    opened.set()
    await harness.observer.ends_count(2)
    assert before == ([("a", 1)], ["a"])
    assert harness.observer.results == [("x", 1, "completed"), ("child", 1, "completed")]
    assert harness.observer.stored[1].parent_run_id == harness.observer.stored[0].run_id


@pytest.mark.parametrize("status", ["failed", "suspect", "released"])
async def test_what_does_not_complete_emits_nothing(harness: BusHarness, status: str) -> None:
    async def emits(delivery: Delivery) -> Outcome:
        planned = harness.bus.plan("b", b"child", trace_id="t", parent_run_id=delivery.run_id)
        return Outcome(status, emits=planned, error={"name": "E"}) if delivery.attempt == 1 else DONE  # type: ignore[arg-type]

    harness.runner.handlers["a"] = emits
    await harness.begin(event_step("a"), event_step("b"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    await harness.advance(10)
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("x", 1, status), ("x", 2, "completed")]


async def test_a_step_runs_as_many_at_once_as_its_policy_says(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=3)))
    await harness.publish("a", *map(str, range(10)))
    await harness.runner.started_count(3)
    await harness.quiet()
    running = harness.runner.running["a"]
    opened.set()
    await harness.observer.ends_count(10)
    assert (running, harness.runner.most["a"]) == (3, 3)


async def test_all_steps_together_run_no_more_than_the_bound(harness: BusHarness) -> None:
    steps = [event_step(f"s{number}") for number in range(4)]
    opened, wait = gate()
    harness.runner.handlers = {step.name: wait for step in steps}
    await harness.begin(*steps)
    for step in steps:
        await harness.publish(step.name, *(f"{step.name}.{n}" for n in range(150)))
    await harness.runner.started_count(RUNNING_MAX)
    await harness.quiet()
    running = harness.runner.running["all"]
    opened.set()
    await harness.observer.ends_count(600)
    assert (running, harness.runner.most["all"]) == (RUNNING_MAX, RUNNING_MAX)
    assert await harness.store.waiting() == []


async def test_a_backlog_far_over_every_limit_drains(harness: BusHarness) -> None:
    steps = [event_step(f"s{n}", queue=QueuePolicy(concurrency=n + 1)) for n in range(5)]
    harness.bus.replace(flow(*steps))
    for step in steps:
        await harness.publish(step.name, *(f"{step.name}.{n}" for n in range(300)))
    await harness.bus.start()
    await harness.observer.ends_count(1500)
    await harness.quiet()
    assert (len(harness.runner.started), await harness.store.waiting()) == (1500, [])
    assert {step.name: harness.runner.most[step.name] <= step.queue.concurrency for step in steps} == dict.fromkeys(
        (step.name for step in steps), True
    )


async def test_a_step_without_events_does_not_take_the_room_of_others(harness: BusHarness) -> None:
    idle = [event_step(f"idle{number}") for number in range(6)]
    harness.bus.replace(flow(*idle, event_step("last")))
    await harness.publish("last", "x")
    await harness.bus.start()
    await harness.observer.ends_count(1)
    assert harness.observer.results == [("x", 1, "completed")]


async def test_busy_steps_do_not_keep_another_one_out(harness: BusHarness) -> None:
    endless = [event_step("a"), event_step("b")]
    go = asyncio.Semaphore(0)

    async def again(delivery: Delivery) -> Outcome:
        await go.acquire()
        emits = harness.bus.plan(delivery.step, b"again", trace_id="t", parent_run_id=None)
        return Outcome("completed", emits=emits)

    harness.runner.handlers = {"a": again, "b": again}
    await harness.begin(*endless, event_step("c"))
    for step in endless:
        await harness.publish(step.name, *map(str, range(300)))
    await harness.runner.started_count(RUNNING_MAX)
    await harness.publish("c", "patient")
    await harness.quiet()
    before = len(harness.runner.started)
    for turn in range(6):
        go.release()
        await harness.observer.ends_count(turn + 1)
        await harness.quiet()
    assert [each.data for each in harness.runner.started if each.step == "c"] == [b"patient"]
    assert len(harness.runner.started) - before >= 6


async def test_an_idle_bus_asks_nothing_of_the_store_or_the_clock(harness: BusHarness) -> None:
    await harness.begin(event_step("a"), event_step("b"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    await harness.quiet()
    before = (harness.database.commits, len(harness.clock.delays_s))
    for _ in range(50):
        await harness.clock.settle()
    await harness.clock.advance(9)
    assert (harness.database.commits, len(harness.clock.delays_s)) == before


async def test_a_long_run_wakes_nobody_but_its_lease(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.runner.started_count(1)
    await harness.quiet()
    before = harness.database.commits
    for _ in range(10):
        await harness.clock.advance(12)
        await harness.database.write(lambda _: None)
    opened.set()
    await harness.observer.ends_count(1)
    # Ten of ours, a renewal every ten seconds, the completion, and at most one claim after it.
    assert harness.database.commits - before <= 10 + 12 + 2


async def test_a_delayed_step_starts_its_events_after_the_delay(harness: BusHarness) -> None:
    await harness.begin(event_step("a", queue=QueuePolicy(delay_s=30)), event_step("b", queue=QueuePolicy(delay_s=10)))
    await harness.publish("a", "slow")
    await harness.publish("b", "fast")
    seen = []
    for delay_s in (9.999, 0.001, 19.999, 0.001):
        await harness.advance(delay_s)
        seen.append([data for data, _, _ in harness.observer.results])
    assert seen == [[], ["fast"], ["fast"], ["fast", "slow"]]


async def test_a_delayed_event_of_a_busy_step_is_not_forgotten(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    late = harness.bus.plan("a", b"late", trace_id="t", parent_run_id=None)[0]
    now_ms = harness.clock.now_ms()
    await harness.publish("a", "first")
    await harness.runner.started_count(1)
    await harness.bus.publish([_at(late, now_ms + 10_000)])
    await harness.bus.publish([_at(harness.bus.plan("b", b"b", trace_id="t", parent_run_id=None)[0], now_ms + 5000)])
    # The timer of `b` finds `a` at its limit, then `a` becomes free with nothing due yet.
    await harness.advance(6)
    opened.set()
    await harness.observer.ends_count(2)
    await harness.quiet()
    await harness.advance(4)
    await harness.observer.ends_count(3)
    assert [data for data, _, _ in harness.observer.results] == ["b", "first", "late"]


def _at(delivery: NewDelivery, run_at_ms: int) -> NewDelivery:
    return NewDelivery(
        delivery.event_id, delivery.kind, delivery.topic, delivery.step, delivery.data, delivery.trace_id,
        delivery.run_id, delivery.parent_run_id, delivery.fifo_key, run_at_ms,
    )  # fmt: skip


async def test_a_key_runs_in_order_across_retries_while_others_go_ahead(harness: BusHarness) -> None:
    failed: set[bytes] = set()

    async def each_fails_once(delivery: Delivery) -> Outcome:
        if delivery.fifo_key == "k" and delivery.data not in failed:
            failed.add(delivery.data)
            return Outcome("failed", error={"name": "E"})
        return DONE

    harness.runner.handlers["a"] = each_fails_once
    await harness.begin(event_step("a"))
    await harness.publish("a", "1", "2", "3", key="k")
    await harness.publish("a", "other", key="l")
    for count in range(1, 8):
        await harness.observer.ends_count(count)
        await harness.quiet()
        await harness.clock.advance(1.3)
    of_key = [each for each in harness.observer.results if each[0] != "other"]
    assert of_key == [
        ("1", 1, "failed"),
        ("1", 2, "completed"),
        ("2", 1, "failed"),
        ("2", 2, "completed"),
        ("3", 1, "failed"),
        ("3", 2, "completed"),
    ]
    assert harness.observer.results.index(("other", 1, "completed")) <= 1


async def test_a_fifo_queue_orders_events_without_a_key(harness: BusHarness) -> None:
    await harness.begin(event_step("a", queue=QueuePolicy(fifo=True)))
    names = [str(number) for number in range(30)]
    await harness.publish("a", *names)
    await harness.observer.ends_count(30)
    assert ([data for data, _, _ in harness.observer.results], harness.runner.most["a"]) == (names, 1)


async def test_keys_of_a_fifo_queue_run_beside_each_other(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a", queue=QueuePolicy(fifo=True)))
    await harness.publish("a", "x1", "x2", key="x")
    await harness.publish("a", "y1", "y2", key="y")
    await harness.publish("a", "none1", "none2")
    await harness.runner.started_count(3)
    await harness.quiet()
    started = sorted(each.data for each in harness.runner.started)
    opened.set()
    await harness.observer.ends_count(6)
    assert started == [b"none1", b"x1", b"y1"]


async def test_events_of_a_step_that_is_gone_wait_until_it_is_back(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "made"), event_step("b"))
    harness.bus.replace(flow(event_step("b")), kept=[("a", "made")])
    await harness.publish("made", "x")
    await harness.publish("b", "y")
    await harness.observer.ends_count(1)
    await harness.quiet()
    waiting = await harness.store.waiting()
    harness.bus.replace(flow(event_step("a", "made"), event_step("b")))
    await harness.observer.ends_count(2)
    assert (waiting, harness.observer.results) == ([("a", 1)], [("y", 1, "completed"), ("x", 1, "completed")])


async def test_a_removed_step_gets_no_new_events(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "made"), event_step("b", "made"))
    harness.bus.replace(flow(event_step("b", "made")))
    assert [each.step for each in harness.bus.plan("made", b"", trace_id="t", parent_run_id=None)] == ["b"]


async def test_a_kept_subscription_of_a_step_that_is_loaded_does_not_count_twice(harness: BusHarness) -> None:
    await harness.begin(event_step("a", "made"), kept=[("a", "made"), ("a", "other")])
    assert [each.step for each in harness.bus.plan("made", b"", trace_id="t", parent_run_id=None)] == ["a"]
    assert harness.bus.plan("other", b"", trace_id="t", parent_run_id=None) == ()


async def test_a_tick_is_skipped_while_the_one_before_is_not_finished(harness: BusHarness) -> None:
    opened, harness.runner.handlers["tick"] = gate()
    await harness.begin(cron_step("tick"))
    first = await harness.bus.publish_tick("tick", b"1")
    second = await harness.bus.publish_tick("tick", b"2")
    opened.set()
    await harness.observer.ends_count(1)
    third = await harness.bus.publish_tick("tick", b"3")
    await harness.observer.ends_count(2)
    assert [each.status for each in (first, second, third)] == ["stored", "busy", "stored"]
    assert harness.observer.results == [("1", 1, "completed"), ("3", 1, "completed")]


async def test_of_ticks_at_the_same_moment_one_is_stored(harness: BusHarness) -> None:
    await harness.begin(cron_step("tick"), cron_step("other"))
    ticks = await asyncio.gather(
        *(harness.bus.publish_tick("tick", b"") for _ in range(5)), harness.bus.publish_tick("other", b"")
    )
    await harness.observer.ends_count(2)
    assert [tick.status for tick in ticks] == ["stored", *["busy"] * 4, "stored"]


async def test_an_event_whose_publisher_left_is_delivered_all_the_same(harness: BusHarness) -> None:
    await harness.begin(event_step("a"))
    await harness.quiet()
    publishing = asyncio.create_task(harness.publish("a", "x"))
    await asyncio.sleep(0)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    await harness.observer.ends_count(1)
    assert harness.observer.results == [("x", 1, "completed")]


async def test_a_replayed_dead_letter_runs_again_with_a_fresh_budget(harness: BusHarness) -> None:
    async def refuse(_: Delivery) -> Outcome:
        return Outcome("failed", error={"name": "E"}, retryable=False)

    harness.runner.handlers["a"] = refuse
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    del harness.runner.handlers["a"]
    (letter,) = await harness.store.dead_letters(10)
    assert await harness.bus.replay(letter.id) == letter
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("x", 1, "failed"), ("x", 2, "completed")]
    assert (harness.runner.started[1].failures, await harness.bus.replay(letter.id)) == (0, None)


async def test_a_paused_step_starts_nothing_until_it_is_resumed(harness: BusHarness) -> None:
    harness.bus.pause(["a"])
    await harness.begin(event_step("a"), event_step("b"))
    for step in ("a", "b", "a"):
        await harness.publish(step, step)
    await harness.observer.ends_count(1)
    await harness.quiet()
    assert [each.step for each in harness.runner.started] == ["b"]
    assert await harness.store.waiting() == [("a", 2)]
    harness.bus.resume("a")
    await harness.observer.ends_count(3)
    await harness.quiet()
    assert [each.step for each in harness.runner.started] == ["b", "a", "a"]
