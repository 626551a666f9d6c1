"""From an event to its steps: fan-out, emits, order, bounds, and nothing forgotten."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus.bus import RUNNING_MAX
from polystep.contracts.events import Delivery, NewDelivery, Outcome
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.house import DONE, House, cron_step, event_step, flow, gate


async def test_every_subscriber_gets_an_event_once(house: House) -> None:
    await house.begin(event_step("a", "made"), event_step("b", "made", "other"), event_step("c", "other"))
    await house.publish("made", "x")
    await house.observer.ends_count(2)
    await house.quiet()
    started = house.runner.started
    assert sorted((each.step, each.topic, each.data, each.attempt) for each in started) == [
        ("a", "made", b"x", 1),
        ("b", "made", b"x", 1),
    ]
    assert len({each.event_id for each in started}) == 1
    assert len({each.run_id for each in started}) == 2
    assert await house.store.waiting() == []


async def test_a_refused_delivery_is_told_and_never_started(house: House) -> None:
    await house.begin(event_step("a", "made"), event_step("b", "made"))
    planned = house.bus.plan("made", b"x", trace_id="t", parent_run_id=None)
    refused = [each._replace(refused={"message": "no"}) if each.step == "a" else each for each in planned]
    await house.bus.publish(refused)
    await house.observer.ends_count(1)
    await house.quiet()
    assert [each.step for each in house.runner.started] == ["b"]
    assert house.observer.stored == refused
    letters = await house.store.dead_letters(10)
    assert [(each.step, each.error, each.attempts) for each in letters] == [("a", {"message": "no"}, 0)]
    assert await house.store.waiting() == []


async def test_an_event_that_nobody_subscribes_to_makes_nothing(house: House) -> None:
    await house.begin(event_step("a"))
    assert house.bus.plan("nobody", b"", trace_id="t", parent_run_id=None) == ()
    await house.bus.publish(())
    assert (await house.store.waiting(), house.observer.stored) == ([], [])


async def test_a_step_with_a_topic_twice_gets_its_events_once(house: House) -> None:
    await house.begin(event_step("a", "made", "made"))
    await house.publish("made", "x")
    await house.observer.ends_count(1)
    await house.quiet()
    assert house.observer.results == [("x", 1, "completed")]


async def test_what_is_published_before_the_start_runs_after_it(house: House) -> None:
    house.bus.replace(flow(event_step("a")))
    await house.publish("a", "x")
    await house.begin(event_step("a"))
    await house.observer.ends_count(1)


async def test_emits_are_stored_with_the_completion_and_not_before(house: House) -> None:
    opened = asyncio.Event()

    async def emits(delivery: Delivery) -> Outcome:
        planned = house.bus.plan("b", b"child", trace_id="t", parent_run_id=delivery.run_id)
        await opened.wait()
        return Outcome("completed", emits=planned)

    house.runner.handlers["a"] = emits
    await house.begin(event_step("a"), event_step("b"))
    await house.publish("a", "x")
    await house.runner.started_count(1)
    await house.quiet()
    before = (await house.store.waiting(), [new.step for new in house.observer.stored])
    opened.set()
    await house.observer.ends_count(2)
    assert before == ([("a", 1)], ["a"])
    assert house.observer.results == [("x", 1, "completed"), ("child", 1, "completed")]
    assert house.observer.stored[1].parent_run_id == house.observer.stored[0].run_id


@pytest.mark.parametrize("status", ["failed", "suspect", "released"])
async def test_what_does_not_complete_emits_nothing(house: House, status: str) -> None:
    async def emits(delivery: Delivery) -> Outcome:
        planned = house.bus.plan("b", b"child", trace_id="t", parent_run_id=delivery.run_id)
        return Outcome(status, emits=planned, error={"name": "E"}) if delivery.attempt == 1 else DONE  # type: ignore[arg-type]

    house.runner.handlers["a"] = emits
    await house.begin(event_step("a"), event_step("b"))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    await house.advance(10)
    await house.observer.ends_count(2)
    assert house.observer.results == [("x", 1, status), ("x", 2, "completed")]


async def test_a_step_runs_as_many_at_once_as_its_policy_says(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=3)))
    await house.publish("a", *map(str, range(10)))
    await house.runner.started_count(3)
    await house.quiet()
    running = house.runner.running["a"]
    opened.set()
    await house.observer.ends_count(10)
    assert (running, house.runner.most["a"]) == (3, 3)


async def test_all_steps_together_run_no_more_than_the_bound(house: House) -> None:
    steps = [event_step(f"s{number}") for number in range(4)]
    opened, wait = gate()
    house.runner.handlers = {step.name: wait for step in steps}
    await house.begin(*steps)
    for step in steps:
        await house.publish(step.name, *(f"{step.name}.{n}" for n in range(150)))
    await house.runner.started_count(RUNNING_MAX)
    await house.quiet()
    running = house.runner.running["all"]
    opened.set()
    await house.observer.ends_count(600)
    assert (running, house.runner.most["all"]) == (RUNNING_MAX, RUNNING_MAX)
    assert await house.store.waiting() == []


async def test_a_backlog_far_over_every_limit_drains(house: House) -> None:
    steps = [event_step(f"s{n}", queue=QueuePolicy(concurrency=n + 1)) for n in range(5)]
    house.bus.replace(flow(*steps))
    for step in steps:
        await house.publish(step.name, *(f"{step.name}.{n}" for n in range(300)))
    await house.bus.start()
    await house.observer.ends_count(1500)
    await house.quiet()
    assert (len(house.runner.started), await house.store.waiting()) == (1500, [])
    assert {step.name: house.runner.most[step.name] <= step.queue.concurrency for step in steps} == dict.fromkeys(
        (step.name for step in steps), True
    )


async def test_a_step_without_events_does_not_take_the_room_of_others(house: House) -> None:
    idle = [event_step(f"idle{number}") for number in range(6)]
    house.bus.replace(flow(*idle, event_step("last")))
    await house.publish("last", "x")
    await house.bus.start()
    await house.observer.ends_count(1)
    assert house.observer.results == [("x", 1, "completed")]


async def test_busy_steps_do_not_keep_another_one_out(house: House) -> None:
    endless = [event_step("a"), event_step("b")]
    go = asyncio.Semaphore(0)

    async def again(delivery: Delivery) -> Outcome:
        await go.acquire()
        emits = house.bus.plan(delivery.step, b"again", trace_id="t", parent_run_id=None)
        return Outcome("completed", emits=emits)

    house.runner.handlers = {"a": again, "b": again}
    await house.begin(*endless, event_step("c"))
    for step in endless:
        await house.publish(step.name, *map(str, range(300)))
    await house.runner.started_count(RUNNING_MAX)
    await house.publish("c", "patient")
    await house.quiet()
    before = len(house.runner.started)
    for turn in range(6):
        go.release()
        await house.observer.ends_count(turn + 1)
        await house.quiet()
    assert [each.data for each in house.runner.started if each.step == "c"] == [b"patient"]
    assert len(house.runner.started) - before >= 6


async def test_an_idle_bus_asks_nothing_of_the_store_or_the_clock(house: House) -> None:
    await house.begin(event_step("a"), event_step("b"))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    await house.quiet()
    before = (house.database.commits, house.clock.sleeps)
    for _ in range(50):
        await house.clock.settle()
    await house.clock.advance(9)
    assert (house.database.commits, house.clock.sleeps) == before


async def test_a_long_run_wakes_nobody_but_its_lease(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.runner.started_count(1)
    await house.quiet()
    before = house.database.commits
    for _ in range(10):
        await house.clock.advance(12)
        await house.database.write(lambda _: None)
    opened.set()
    await house.observer.ends_count(1)
    # Ten of ours, a renewal every ten seconds, the completion, and at most one claim after it.
    assert house.database.commits - before <= 10 + 12 + 2


async def test_a_delayed_step_starts_its_events_after_the_delay(house: House) -> None:
    await house.begin(event_step("a", queue=QueuePolicy(delay_s=30)), event_step("b", queue=QueuePolicy(delay_s=10)))
    await house.publish("a", "slow")
    await house.publish("b", "fast")
    seen = []
    for delay_s in (9.999, 0.001, 19.999, 0.001):
        await house.advance(delay_s)
        seen.append([data for data, _, _ in house.observer.results])
    assert seen == [[], ["fast"], ["fast"], ["fast", "slow"]]


async def test_a_delayed_event_of_a_busy_step_is_not_forgotten(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    late = house.bus.plan("a", b"late", trace_id="t", parent_run_id=None)[0]
    now_ms = house.clock.now_ms()
    await house.publish("a", "first")
    await house.runner.started_count(1)
    await house.bus.publish([_at(late, now_ms + 10_000)])
    await house.bus.publish([_at(house.bus.plan("b", b"b", trace_id="t", parent_run_id=None)[0], now_ms + 5000)])
    # The timer of `b` finds `a` at its limit, then `a` becomes free with nothing due yet.
    await house.advance(6)
    opened.set()
    await house.observer.ends_count(2)
    await house.quiet()
    await house.advance(4)
    await house.observer.ends_count(3)
    assert [data for data, _, _ in house.observer.results] == ["b", "first", "late"]


def _at(delivery: NewDelivery, run_at_ms: int) -> NewDelivery:
    return NewDelivery(
        delivery.event_id, delivery.kind, delivery.topic, delivery.step, delivery.data, delivery.trace_id,
        delivery.run_id, delivery.parent_run_id, delivery.fifo_key, run_at_ms,
    )  # fmt: skip


async def test_a_key_runs_in_order_across_retries_while_others_go_ahead(house: House) -> None:
    failed: set[bytes] = set()

    async def each_fails_once(delivery: Delivery) -> Outcome:
        if delivery.fifo_key == "k" and delivery.data not in failed:
            failed.add(delivery.data)
            return Outcome("failed", error={"name": "E"})
        return DONE

    house.runner.handlers["a"] = each_fails_once
    await house.begin(event_step("a"))
    await house.publish("a", "1", "2", "3", key="k")
    await house.publish("a", "other", key="l")
    for count in range(1, 8):
        await house.observer.ends_count(count)
        await house.quiet()
        await house.clock.advance(1.3)
    of_key = [each for each in house.observer.results if each[0] != "other"]
    assert of_key == [
        ("1", 1, "failed"),
        ("1", 2, "completed"),
        ("2", 1, "failed"),
        ("2", 2, "completed"),
        ("3", 1, "failed"),
        ("3", 2, "completed"),
    ]
    assert house.observer.results.index(("other", 1, "completed")) <= 1


async def test_a_fifo_queue_orders_events_without_a_key(house: House) -> None:
    await house.begin(event_step("a", queue=QueuePolicy(fifo=True)))
    names = [str(number) for number in range(30)]
    await house.publish("a", *names)
    await house.observer.ends_count(30)
    assert ([data for data, _, _ in house.observer.results], house.runner.most["a"]) == (names, 1)


async def test_keys_of_a_fifo_queue_run_beside_each_other(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a", queue=QueuePolicy(fifo=True)))
    await house.publish("a", "x1", "x2", key="x")
    await house.publish("a", "y1", "y2", key="y")
    await house.publish("a", "none1", "none2")
    await house.runner.started_count(3)
    await house.quiet()
    started = sorted(each.data for each in house.runner.started)
    opened.set()
    await house.observer.ends_count(6)
    assert started == [b"none1", b"x1", b"y1"]


async def test_events_of_a_step_that_is_gone_wait_until_it_is_back(house: House) -> None:
    await house.begin(event_step("a", "made"), event_step("b"))
    house.bus.replace(flow(event_step("b")), kept=[("a", "made")])
    await house.publish("made", "x")
    await house.publish("b", "y")
    await house.observer.ends_count(1)
    await house.quiet()
    waiting = await house.store.waiting()
    house.bus.replace(flow(event_step("a", "made"), event_step("b")))
    await house.observer.ends_count(2)
    assert (waiting, house.observer.results) == ([("a", 1)], [("y", 1, "completed"), ("x", 1, "completed")])


async def test_a_removed_step_gets_no_new_events(house: House) -> None:
    await house.begin(event_step("a", "made"), event_step("b", "made"))
    house.bus.replace(flow(event_step("b", "made")))
    assert [each.step for each in house.bus.plan("made", b"", trace_id="t", parent_run_id=None)] == ["b"]


async def test_a_kept_subscription_of_a_step_that_is_loaded_does_not_count_twice(house: House) -> None:
    await house.begin(event_step("a", "made"), kept=[("a", "made"), ("a", "other")])
    assert [each.step for each in house.bus.plan("made", b"", trace_id="t", parent_run_id=None)] == ["a"]
    assert house.bus.plan("other", b"", trace_id="t", parent_run_id=None) == ()


async def test_a_tick_is_skipped_while_the_one_before_is_not_finished(house: House) -> None:
    opened, house.runner.handlers["tick"] = gate()
    await house.begin(cron_step("tick"))
    first = await house.bus.publish_tick("tick", b"1")
    second = await house.bus.publish_tick("tick", b"2")
    opened.set()
    await house.observer.ends_count(1)
    third = await house.bus.publish_tick("tick", b"3")
    await house.observer.ends_count(2)
    assert (first is None, second, third is None) == (False, None, False)
    assert house.observer.results == [("1", 1, "completed"), ("3", 1, "completed")]


async def test_of_ticks_at_the_same_moment_one_is_stored(house: House) -> None:
    await house.begin(cron_step("tick"), cron_step("other"))
    ticks = await asyncio.gather(
        *(house.bus.publish_tick("tick", b"") for _ in range(5)), house.bus.publish_tick("other", b"")
    )
    await house.observer.ends_count(2)
    assert [tick is None for tick in ticks] == [False, True, True, True, True, False]


async def test_an_event_whose_publisher_left_is_delivered_all_the_same(house: House) -> None:
    await house.begin(event_step("a"))
    await house.quiet()
    publishing = asyncio.create_task(house.publish("a", "x"))
    await asyncio.sleep(0)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    await house.observer.ends_count(1)
    assert house.observer.results == [("x", 1, "completed")]


async def test_a_replayed_dead_letter_runs_again_with_a_fresh_budget(house: House) -> None:
    async def refuse(_: Delivery) -> Outcome:
        return Outcome("failed", error={"name": "E"}, retryable=False)

    house.runner.handlers["a"] = refuse
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    del house.runner.handlers["a"]
    (letter,) = await house.store.dead_letters(10)
    assert await house.bus.replay(letter.id) == letter
    await house.observer.ends_count(2)
    assert house.observer.results == [("x", 1, "failed"), ("x", 2, "completed")]
    assert (house.runner.started[1].failures, await house.bus.replay(letter.id)) == (0, None)
