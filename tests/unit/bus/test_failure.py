"""How attempts end badly: retries, dead letters, crashes, stops, a store that refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from polystep.bus import Backoff
from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.steps import QueuePolicy
from tests.unit.bus.house import DONE, FAILED, House, Settled, event_step, flow, gate, scripted

ERROR = {"name": "Error", "message": "no"}


class _Fixed:
    """A source of chance that always says the same."""

    def __init__(self, value: float) -> None:
        self._value = value

    def random(self) -> float:
        return self._value


def test_delays_double_from_a_second_and_jitter_adds_at_most_a_quarter() -> None:
    least, most = (Backoff(random=_Fixed(chance)) for chance in (0.0, 1.0))  # type: ignore[arg-type]
    assert [least.delay_ms(failures) for failures in range(1, 6)] == [1000, 2000, 4000, 8000, 16000]
    assert [most.delay_ms(failures) for failures in range(1, 6)] == [1250, 2500, 5000, 10000, 20000]
    assert (least.delay_ms(50), most.delay_ms(10**6)) == (300_000, 375_000)


async def test_a_failing_event_is_tried_four_times_with_growing_delays_then_buried(house: House) -> None:
    house.runner.handlers["a"] = scripted(*[FAILED] * 10)
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    for count in range(1, 5):
        await house.observer.ends_count(count)
        await house.quiet()
        wait_ms = house.observer.ends[-1].retry_in_ms or 0
        # Not a millisecond early.
        await house.advance(max(wait_ms - 1, 0) / 1000)
        assert len(house.runner.started) == count
        await house.advance(0.001)
    delays = [end.retry_in_ms for end in house.observer.ends]
    for delay_ms, base_ms in zip(delays, (1000, 2000, 4000), strict=False):
        assert delay_ms is not None
        assert base_ms <= delay_ms <= base_ms * 1.25
    assert house.observer.ends[3] == Settled("x", 4, "failed", None, True)
    assert [(each.attempt, each.failures) for each in house.runner.started] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    (letter,) = await house.store.dead_letters(10)
    assert (letter.data, letter.attempts, letter.error) == (b"x", 4, ERROR)
    assert await house.store.waiting() == []


async def test_a_step_says_how_many_retries_it_gets(house: House) -> None:
    house.runner.handlers["a"] = scripted(*[FAILED] * 10)
    await house.begin(event_step("a", queue=QueuePolicy(retries_max=0)))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    assert house.observer.ends == [Settled("x", 1, "failed", None, True)]


async def test_a_failure_that_no_retry_can_mend_is_buried_at_once(house: House) -> None:
    house.runner.handlers["a"] = scripted(Outcome("failed", error=dict(ERROR), retryable=False))
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    assert house.observer.ends == [Settled("x", 1, "failed", None, True)]
    assert [letter.error for letter in await house.store.dead_letters(10)] == [ERROR]


async def test_a_failure_without_a_word_still_has_an_error_in_the_dead_letters(house: House) -> None:
    house.runner.handlers["a"] = scripted(Outcome("failed", retryable=False))
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    (letter,) = await house.store.dead_letters(10)
    assert letter.error == {"name": "unknown", "message": "The attempt failed without saying why."}


async def test_a_buried_head_lets_its_key_go_on(house: House) -> None:
    house.runner.handlers["a"] = scripted(Outcome("failed", error=dict(ERROR), retryable=False))
    await house.begin(event_step("a"))
    await house.publish("a", "1", "2", key="k")
    await house.observer.ends_count(2)
    assert house.observer.results == [("1", 1, "failed"), ("2", 1, "completed")]


async def test_a_suspect_counts_crashes_and_uses_up_no_failure(house: House) -> None:
    suspect = Outcome("suspect", error=dict(ERROR))
    house.runner.handlers["a"] = scripted(suspect, suspect, FAILED)
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.observer.ends_count(3)
    await house.quiet()
    await house.advance(2)
    await house.observer.ends_count(4)
    assert [(each.attempt, each.crashes, each.failures) for each in house.runner.started] == [
        (1, 0, 0),
        (2, 1, 0),
        (3, 2, 0),
        (4, 2, 1),
    ]
    assert [end.retry_in_ms for end in house.observer.ends[:2]] == [0, 0]


async def test_a_released_attempt_starts_again_at_once(house: House) -> None:
    house.runner.handlers["a"] = scripted(Outcome("released"))
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.observer.ends_count(2)
    assert house.observer.results == [("x", 1, "released"), ("x", 2, "completed")]
    assert (house.runner.started[1].crashes, house.runner.started[1].failures) == (0, 0)


async def test_a_runner_that_raises_costs_an_attempt_and_strands_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(delivery: Delivery) -> Outcome:
        if delivery.attempt == 1:
            raise KeyError("node")
        return DONE

    house.runner.handlers["a"] = broken
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.observer.ends_count(1)
    await house.quiet()
    await house.advance(2)
    await house.observer.ends_count(2)
    assert house.observer.results == [("x", 1, "failed"), ("x", 2, "completed")]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


class TestStop:
    """A stop loses nothing and leaves nothing running."""

    async def test_a_run_that_ends_within_the_grace_period_is_completed(self, house: House) -> None:
        opened, house.runner.handlers["a"] = gate()
        await house.begin(event_step("a"))
        await house.publish("a", "x")
        await house.runner.started_count(1)
        stopping = asyncio.create_task(house.bus.stop(grace_s=30))
        await house.clock.settle()
        opened.set()
        await stopping
        assert (house.observer.results, await house.store.waiting()) == ([("x", 1, "completed")], [])

    async def test_a_run_that_does_not_is_released_and_starts_again_later(self, house: House) -> None:
        _, house.runner.handlers["a"] = gate()
        await house.begin(event_step("a"))
        await house.publish("a", "x")
        await house.runner.started_count(1)
        await house.bus.stop(grace_s=0.01)
        assert (house.observer.results, await house.store.waiting()) == ([("x", 1, "released")], [("a", 1)])
        del house.runner.handlers["a"]
        house.bus = house.new_bus()
        await house.begin(event_step("a"))
        await house.observer.ends_count(2)
        assert house.observer.results[1] == ("x", 2, "completed")
        assert (house.runner.started[1].failures, house.runner.started[1].crashes) == (0, 0)

    async def test_a_result_that_is_being_stored_is_not_cut_off(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storing, go_on = asyncio.Event(), asyncio.Event()
        complete = house.store.complete

        async def slowly(*arguments: Any) -> list[Delivery] | None:
            storing.set()
            await go_on.wait()
            return await complete(*arguments)

        monkeypatch.setattr(house.store, "complete", slowly)
        await house.begin(event_step("a"))
        await house.publish("a", "x")
        await storing.wait()
        stopping = asyncio.create_task(house.bus.stop())
        await house.clock.settle()
        go_on.set()
        await stopping
        assert (house.observer.results, await house.store.waiting()) == ([("x", 1, "completed")], [])

    async def test_nothing_starts_while_it_stops(self, house: House) -> None:
        opened, house.runner.handlers["a"] = gate()
        await house.begin(event_step("a"), event_step("b"))
        await house.publish("a", "x")
        await house.runner.started_count(1)
        stopping = asyncio.create_task(house.bus.stop(grace_s=30))
        await house.clock.settle()
        await house.publish("b", "y")
        await house.quiet()
        opened.set()
        await stopping
        assert [each.step for each in house.runner.started] == ["a"]
        assert await house.store.waiting() == [("b", 1)]

    async def test_no_task_of_the_bus_outlives_it(self, house: House) -> None:
        before = asyncio.all_tasks()
        house.runner.handlers["a"] = scripted(FAILED)
        await house.begin(event_step("a"))
        await house.publish("a", "x")
        await house.observer.ends_count(1)
        await house.bus.stop()
        await house.clock.settle()
        assert asyncio.all_tasks() - before == set()

    async def test_it_can_start_again(self, house: House) -> None:
        await house.begin(event_step("a"))
        await house.bus.stop()
        await house.publish("a", "while stopped")
        await house.bus.start()
        house.runner.handlers["a"] = scripted(FAILED)
        await house.observer.ends_count(1)
        await house.quiet()
        await house.advance(2)
        await house.observer.ends_count(2)
        assert [data for data, _, _ in house.observer.results] == ["while stopped"] * 2

    async def test_a_store_that_refuses_does_not_hold_it_up(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened, house.runner.handlers["a"] = gate()
        await house.begin(event_step("a"))
        await house.publish("a", "x")
        await house.runner.started_count(1)
        refusals = _refusing(house, monkeypatch, "complete", 10**6)
        opened.set()
        await refusals.wait()
        await house.bus.stop()
        assert await house.store.waiting() == [("a", 1)]


async def test_what_a_killed_host_had_running_starts_again_at_once(house: House) -> None:
    await house.store.enqueue(_planned(house, "a", "x", "y"))
    await house.store.claim({"a": 10}, "host", house.clock.now_ms(), LEASE_MS)
    await house.begin(event_step("a"))
    await house.observer.ends_count(2)
    assert sorted(house.observer.results) == [("x", 2, "completed"), ("y", 2, "completed")]
    assert [(each.failures, each.crashes) for each in house.runner.started] == [(0, 0), (0, 0)]


async def test_the_work_of_another_host_that_died_is_taken_over_when_its_lease_ends(house: House) -> None:
    await house.store.enqueue(_planned(house, "a", "x"))
    await house.store.claim({"a": 10}, "other", house.clock.now_ms(), LEASE_MS)
    await house.begin(event_step("a"))
    await house.quiet()
    await house.advance(LEASE_MS / 1000 - 0.001)
    assert house.runner.started == []
    await house.advance(0.001)
    await house.observer.ends_count(1)
    assert house.observer.results == [("x", 2, "completed")]


async def test_the_answer_of_a_superseded_attempt_is_refused_with_its_emits(house: House) -> None:
    opened = asyncio.Event()

    async def emits(_: Delivery) -> Outcome:
        await opened.wait()
        return Outcome("completed", emits=house.bus.plan("b", b"child", trace_id="t", parent_run_id=None))

    house.runner.handlers["a"] = emits
    await house.begin(event_step("a"), event_step("b"))
    await house.publish("a", "x")
    await house.runner.started_count(1)
    await house.store.recover("host")
    (taken,) = await house.store.claim({"a": 1}, "other", house.clock.now_ms(), LEASE_MS)
    opened.set()
    await house.observer.ends_count(1)
    await house.quiet()
    assert ([each.token for each in house.observer.refused], house.observer.ends) == ([taken.token - 1], [])
    assert [new.step for new in house.observer.stored] == ["a"]
    assert await house.store.waiting() == [("a", 1)]


async def test_a_lease_is_renewed_for_as_long_as_its_run_lives(house: House) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await house.runner.started_count(1)
    await house.quiet()
    for _ in range(12):
        await house.advance(10)
        assert await house.store.claim({"a": 1}, "other", house.clock.now_ms(), LEASE_MS) == []
    opened.set()
    await house.observer.ends_count(1)
    assert house.observer.results == [("x", 1, "completed")]


async def test_a_lease_that_ran_out_unrenewed_does_not_keep_the_bus_busy(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, house.runner.handlers["a"] = gate()
    await house.begin(event_step("a"), event_step("b"))
    await house.publish("a", "x")
    await house.runner.started_count(1)
    _refusing(house, monkeypatch, "renew", 10**6)
    await house.advance(LEASE_MS / 1000 + 5)
    await house.publish("b", "y")
    await house.observer.ends_count(1)
    await house.quiet()
    before = house.database.commits
    for _ in range(50):
        await house.clock.settle()
    assert house.database.commits == before
    opened.set()
    await house.observer.ends_count(2)


def _refusing(house: House, monkeypatch: pytest.MonkeyPatch, method: str, times: int) -> asyncio.Event:
    """Make a method of the store fail so many times; the event is set at the first one."""
    refused = asyncio.Event()
    working: Callable[..., Any] = getattr(house.store, method)
    left = times

    def refuse(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        if left > 0:
            left -= 1
            refused.set()
            raise Overloaded("Too many writes wait.") if left % 2 else PolystepError("The disk is full.")
        return working(*arguments, **named)

    monkeypatch.setattr(house.store, method, refuse)
    return refused


@pytest.mark.parametrize("method", ["claim", "next_due_ms"])
async def test_a_store_that_refuses_to_claim_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    await house.begin(event_step("a"), event_step("b", queue=QueuePolicy(delay_s=60)))
    await house.quiet()
    _refusing(house, monkeypatch, method, 3)
    await house.publish("a", "x")
    await house.publish("b", "y")
    house.bus.replace(flow(event_step("a"), event_step("b")))
    for _ in range(5):
        await house.advance(1)
    await house.observer.ends_count(1)
    await house.advance(60)
    await house.observer.ends_count(2)
    assert house.observer.results == [("x", 1, "completed"), ("y", 1, "completed")]


@pytest.mark.parametrize(
    ("method", "outcome"),
    [
        pytest.param("complete", DONE, id="complete"),
        pytest.param("retry", FAILED, id="retry"),
        pytest.param("bury", Outcome("failed", error=dict(ERROR), retryable=False), id="bury"),
        pytest.param("release", Outcome("suspect", error=dict(ERROR)), id="release"),
    ],
)
async def test_a_result_that_the_store_refuses_is_kept_and_stored_later(
    house: House, monkeypatch: pytest.MonkeyPatch, method: str, outcome: Outcome
) -> None:
    house.runner.handlers["a"] = scripted(outcome)
    refused = _refusing(house, monkeypatch, method, 3)
    await house.begin(event_step("a"))
    await house.publish("a", "x")
    await refused.wait()
    for _ in range(3):
        await house.quiet()
        assert house.observer.ends == []
        await house.clock.advance(1)
    await house.observer.ends_count(1)
    assert house.observer.results[0] == ("x", 1, outcome.status)
    assert len(house.runner.started) in (1, 2)


async def test_an_event_that_the_store_refuses_is_the_publishers_to_know(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.begin(event_step("a"))
    _refusing(house, monkeypatch, "enqueue", 2)
    with pytest.raises(PolystepError):
        await house.publish("a", "x")
    assert house.observer.stored == []


def _planned(house: House, topic: str, *names: str) -> Any:
    house.bus.replace(flow(event_step(topic)))
    return [each for name in names for each in house.bus.plan(topic, name.encode(), trace_id="t", parent_run_id=None)]


async def test_suspects_leave_the_room_to_others_and_count_for_their_own_step(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polystep.bus.bus.RUNNING_MAX", 1)
    house.bus = house.new_bus()
    opened, waits = gate()

    async def crash_once(delivery: Delivery) -> Outcome:
        return Outcome("suspect", error=dict(ERROR)) if not delivery.crashes else await waits(delivery)

    house.runner.handlers["a"] = crash_once
    await house.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    await house.publish("a", "x", "y")
    await house.runner.started_count(2)
    # The suspect waits for its process apart: all the room there is belongs to the others meanwhile.
    await house.publish("b", "1", "2")
    await house.observer.ends_count(3)
    await house.quiet()
    assert [each.data for each in house.runner.started] == [b"x", b"x", b"1", b"2"]
    opened.set()
    await house.observer.ends_count(6)
    assert house.runner.most["a"] == 1
    assert house.bus._places._taken == 0
