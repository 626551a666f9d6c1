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
from tests.unit.bus.harness import DONE, FAILED, BusHarness, Settled, event_step, flow, gate, scripted

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


async def test_a_failing_event_is_tried_four_times_with_growing_delays_then_buried(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(*[FAILED] * 10)
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    for count in range(1, 5):
        await harness.observer.ends_count(count)
        await harness.quiet()
        wait_ms = harness.observer.ends[-1].retry_in_ms or 0
        # Not a millisecond early.
        await harness.advance(max(wait_ms - 1, 0) / 1000)
        assert len(harness.runner.started) == count
        await harness.advance(0.001)
    delays = [end.retry_in_ms for end in harness.observer.ends]
    for delay_ms, base_ms in zip(delays, (1000, 2000, 4000), strict=False):
        assert delay_ms is not None
        assert base_ms <= delay_ms <= base_ms * 1.25
    assert harness.observer.ends[3] == Settled("x", 4, "failed", None, True)
    assert [(each.attempt, each.failures) for each in harness.runner.started] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    (letter,) = await harness.store.dead_letters(10)
    assert (letter.data, letter.attempts, letter.error) == (b"x", 4, ERROR)
    assert await harness.store.waiting() == []


async def test_a_step_says_how_many_retries_it_gets(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(*[FAILED] * 10)
    await harness.begin(event_step("a", queue=QueuePolicy(retries_max=0)))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    assert harness.observer.ends == [Settled("x", 1, "failed", None, True)]


async def test_a_failure_that_no_retry_can_mend_is_buried_at_once(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(Outcome("failed", error=dict(ERROR), retryable=False))
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    assert harness.observer.ends == [Settled("x", 1, "failed", None, True)]
    assert [letter.error for letter in await harness.store.dead_letters(10)] == [ERROR]


async def test_a_failure_without_a_word_still_has_an_error_in_the_dead_letters(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(Outcome("failed", retryable=False))
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    (letter,) = await harness.store.dead_letters(10)
    assert letter.error == {"name": "unknown", "message": "The attempt failed without saying why."}


async def test_a_buried_head_lets_its_key_go_on(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(Outcome("failed", error=dict(ERROR), retryable=False))
    await harness.begin(event_step("a"))
    await harness.publish("a", "1", "2", key="k")
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("1", 1, "failed"), ("2", 1, "completed")]


async def test_a_suspect_counts_crashes_and_uses_up_no_failure(harness: BusHarness) -> None:
    suspect = Outcome("suspect", error=dict(ERROR))
    harness.runner.handlers["a"] = scripted(suspect, suspect, FAILED)
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(3)
    await harness.quiet()
    await harness.advance(2)
    await harness.observer.ends_count(4)
    assert [(each.attempt, each.crashes, each.failures) for each in harness.runner.started] == [
        (1, 0, 0),
        (2, 1, 0),
        (3, 2, 0),
        (4, 2, 1),
    ]
    assert [end.retry_in_ms for end in harness.observer.ends[:2]] == [0, 0]


async def test_a_released_attempt_starts_again_at_once(harness: BusHarness) -> None:
    harness.runner.handlers["a"] = scripted(Outcome("released"))
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("x", 1, "released"), ("x", 2, "completed")]
    assert (harness.runner.started[1].crashes, harness.runner.started[1].failures) == (0, 0)


async def test_a_runner_that_raises_costs_an_attempt_and_strands_nothing(
    harness: BusHarness, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(delivery: Delivery) -> Outcome:
        if delivery.attempt == 1:
            raise KeyError("node")
        return DONE

    harness.runner.handlers["a"] = broken
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.observer.ends_count(1)
    await harness.quiet()
    await harness.advance(2)
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("x", 1, "failed"), ("x", 2, "completed")]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


class TestStop:
    """A stop loses nothing and leaves nothing running."""

    async def test_a_run_that_ends_within_the_grace_period_is_completed(self, harness: BusHarness) -> None:
        opened, harness.runner.handlers["a"] = gate()
        await harness.begin(event_step("a"))
        await harness.publish("a", "x")
        await harness.runner.started_count(1)
        stopping = asyncio.create_task(harness.bus.stop(grace_s=30))
        await harness.clock.settle()
        opened.set()
        await stopping
        assert (harness.observer.results, await harness.store.waiting()) == ([("x", 1, "completed")], [])

    async def test_a_run_that_does_not_is_released_and_starts_again_later(self, harness: BusHarness) -> None:
        _, harness.runner.handlers["a"] = gate()
        await harness.begin(event_step("a"))
        await harness.publish("a", "x")
        await harness.runner.started_count(1)
        await harness.bus.stop(grace_s=0.01)
        assert (harness.observer.results, await harness.store.waiting()) == ([("x", 1, "released")], [("a", 1)])
        del harness.runner.handlers["a"]
        harness.bus = harness.new_bus()
        await harness.begin(event_step("a"))
        await harness.observer.ends_count(2)
        assert harness.observer.results[1] == ("x", 2, "completed")
        assert (harness.runner.started[1].failures, harness.runner.started[1].crashes) == (0, 0)

    async def test_a_result_that_is_being_stored_is_not_cut_off(
        self, harness: BusHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storing, go_on = asyncio.Event(), asyncio.Event()
        complete = harness.store.complete

        async def slowly(*arguments: Any) -> list[Delivery] | None:
            storing.set()
            await go_on.wait()
            return await complete(*arguments)

        monkeypatch.setattr(harness.store, "complete", slowly)
        await harness.begin(event_step("a"))
        await harness.publish("a", "x")
        await storing.wait()
        stopping = asyncio.create_task(harness.bus.stop())
        await harness.clock.settle()
        go_on.set()
        await stopping
        assert (harness.observer.results, await harness.store.waiting()) == ([("x", 1, "completed")], [])

    async def test_nothing_starts_while_it_stops(self, harness: BusHarness) -> None:
        opened, harness.runner.handlers["a"] = gate()
        await harness.begin(event_step("a"), event_step("b"))
        await harness.publish("a", "x")
        await harness.runner.started_count(1)
        stopping = asyncio.create_task(harness.bus.stop(grace_s=30))
        await harness.clock.settle()
        await harness.publish("b", "y")
        await harness.quiet()
        opened.set()
        await stopping
        assert [each.step for each in harness.runner.started] == ["a"]
        assert await harness.store.waiting() == [("b", 1)]

    async def test_no_task_of_the_bus_outlives_it(self, harness: BusHarness) -> None:
        before = asyncio.all_tasks()
        harness.runner.handlers["a"] = scripted(FAILED)
        await harness.begin(event_step("a"))
        await harness.publish("a", "x")
        await harness.observer.ends_count(1)
        await harness.bus.stop()
        await harness.clock.settle()
        assert asyncio.all_tasks() - before == set()

    async def test_it_can_start_again(self, harness: BusHarness) -> None:
        await harness.begin(event_step("a"))
        await harness.bus.stop()
        await harness.publish("a", "while stopped")
        await harness.bus.start()
        harness.runner.handlers["a"] = scripted(FAILED)
        await harness.observer.ends_count(1)
        await harness.quiet()
        await harness.advance(2)
        await harness.observer.ends_count(2)
        assert [data for data, _, _ in harness.observer.results] == ["while stopped"] * 2

    async def test_a_store_that_refuses_does_not_hold_it_up(
        self, harness: BusHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened, harness.runner.handlers["a"] = gate()
        await harness.begin(event_step("a"))
        await harness.publish("a", "x")
        await harness.runner.started_count(1)
        refusals = _refusing(harness, monkeypatch, "complete", 10**6)
        opened.set()
        await refusals.wait()
        await harness.bus.stop()
        assert await harness.store.waiting() == [("a", 1)]


async def test_what_a_killed_host_had_running_starts_again_at_once(harness: BusHarness) -> None:
    await harness.store.enqueue(_planned(harness, "a", "x", "y"))
    await harness.store.claim({"a": 10}, "host", harness.clock.now_ms(), LEASE_MS)
    await harness.begin(event_step("a"))
    await harness.observer.ends_count(2)
    assert sorted(harness.observer.results) == [("x", 2, "completed"), ("y", 2, "completed")]
    assert [(each.failures, each.crashes) for each in harness.runner.started] == [(0, 0), (0, 0)]


async def test_the_work_of_another_host_that_died_is_taken_over_when_its_lease_ends(harness: BusHarness) -> None:
    await harness.store.enqueue(_planned(harness, "a", "x"))
    harness.hosts.live["other"] = 0
    await harness.store.claim({"a": 10}, "other", harness.clock.now_ms(), LEASE_MS)
    await harness.begin(event_step("a"))
    await harness.quiet()
    await harness.advance(LEASE_MS / 1000 - 0.001)
    assert harness.runner.started == []
    await harness.advance(0.001)
    await harness.observer.ends_count(1)
    assert harness.observer.results == [("x", 2, "completed")]


async def test_the_answer_of_a_superseded_attempt_is_refused_with_its_emits(harness: BusHarness) -> None:
    opened = asyncio.Event()

    async def emits(_: Delivery) -> Outcome:
        await opened.wait()
        return Outcome("completed", emits=harness.bus.plan("b", b"child", trace_id="t", parent_run_id=None))

    harness.runner.handlers["a"] = emits
    await harness.begin(event_step("a"), event_step("b"))
    await harness.publish("a", "x")
    await harness.runner.started_count(1)
    await harness.store.recover("host")
    (taken,) = (await harness.store.claim({"a": 1}, "other", harness.clock.now_ms(), LEASE_MS)).deliveries
    opened.set()
    await harness.observer.ends_count(1)
    await harness.quiet()
    assert ([each.token for each in harness.observer.refused], harness.observer.ends) == ([taken.token - 1], [])
    assert [new.step for new in harness.observer.stored] == ["a"]
    assert await harness.store.waiting() == [("a", 1)]


async def test_a_lease_is_renewed_for_as_long_as_its_run_lives(harness: BusHarness) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await harness.runner.started_count(1)
    await harness.quiet()
    for _ in range(12):
        await harness.advance(10)
        assert not (await harness.store.claim({"a": 1}, "other", harness.clock.now_ms(), LEASE_MS)).deliveries
    opened.set()
    await harness.observer.ends_count(1)
    assert harness.observer.results == [("x", 1, "completed")]


async def test_a_lease_that_ran_out_unrenewed_does_not_keep_the_bus_busy(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, harness.runner.handlers["a"] = gate()
    await harness.begin(event_step("a"), event_step("b"))
    await harness.publish("a", "x")
    await harness.runner.started_count(1)
    _refusing(harness, monkeypatch, "renew", 10**6)
    await harness.advance(LEASE_MS / 1000 + 5)
    await harness.publish("b", "y")
    await harness.observer.ends_count(1)
    await harness.quiet()
    before = harness.database.commits
    for _ in range(50):
        await harness.clock.settle()
    assert harness.database.commits == before
    opened.set()
    await harness.observer.ends_count(2)


def _refusing(harness: BusHarness, monkeypatch: pytest.MonkeyPatch, method: str, times: int) -> asyncio.Event:
    """Make a method of the store fail so many times; the event is set at the first one."""
    refused = asyncio.Event()
    working: Callable[..., Any] = getattr(harness.store, method)
    left = times

    def refuse(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        if left > 0:
            left -= 1
            refused.set()
            raise Overloaded("Too many writes wait.") if left % 2 else PolystepError("The disk is full.")
        return working(*arguments, **named)

    monkeypatch.setattr(harness.store, method, refuse)
    return refused


@pytest.mark.parametrize("method", ["claim", "next_due_ms"])
async def test_a_store_that_refuses_to_claim_is_asked_again(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    await harness.begin(event_step("a"), event_step("b", queue=QueuePolicy(delay_s=60)))
    await harness.quiet()
    _refusing(harness, monkeypatch, method, 3)
    await harness.publish("a", "x")
    await harness.publish("b", "y")
    harness.bus.replace(flow(event_step("a"), event_step("b")))
    for _ in range(5):
        await harness.advance(1)
    await harness.observer.ends_count(1)
    await harness.advance(60)
    await harness.observer.ends_count(2)
    assert harness.observer.results == [("x", 1, "completed"), ("y", 1, "completed")]


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
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch, method: str, outcome: Outcome
) -> None:
    harness.runner.handlers["a"] = scripted(outcome)
    refused = _refusing(harness, monkeypatch, method, 3)
    await harness.begin(event_step("a"))
    await harness.publish("a", "x")
    await refused.wait()
    for _ in range(3):
        await harness.quiet()
        assert harness.observer.ends == []
        await harness.clock.advance(1)
    await harness.observer.ends_count(1)
    assert harness.observer.results[0] == ("x", 1, outcome.status)
    assert len(harness.runner.started) in (1, 2)


async def test_an_event_that_the_store_refuses_is_the_publishers_to_know(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.begin(event_step("a"))
    _refusing(harness, monkeypatch, "enqueue", 2)
    with pytest.raises(PolystepError):
        await harness.publish("a", "x")
    assert harness.observer.stored == []


def _planned(harness: BusHarness, topic: str, *names: str) -> Any:
    harness.bus.replace(flow(event_step(topic)))
    return [each for name in names for each in harness.bus.plan(topic, name.encode(), trace_id="t", parent_run_id=None)]


async def test_suspects_leave_the_room_to_others_and_count_for_their_own_step(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polystep.bus.claims.RUNNING_MAX", 1)
    harness.bus = harness.new_bus()
    opened, waits = gate()

    async def crash_once(delivery: Delivery) -> Outcome:
        return Outcome("suspect", error=dict(ERROR)) if not delivery.crashes else await waits(delivery)

    harness.runner.handlers["a"] = crash_once
    await harness.begin(event_step("a", queue=QueuePolicy(concurrency=1)), event_step("b"))
    await harness.publish("a", "x", "y")
    await harness.runner.started_count(2)
    # The suspect waits for its process apart: all the room there is belongs to the others meanwhile.
    await harness.publish("b", "1", "2")
    await harness.observer.ends_count(3)
    await harness.quiet()
    assert [each.data for each in harness.runner.started] == [b"x", b"x", b"1", b"2"]
    opened.set()
    await harness.observer.ends_count(6)
    assert harness.runner.most["a"] == 1
    assert harness.bus._claims.slots._taken == 0
