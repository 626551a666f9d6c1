"""Calls of `once` with the scope `project`: what is refused, who waits, and what is traced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, cast

import pytest

from polystep.contracts.errors import InvalidParams, JournalFull, PolystepError, RunEnded, RunTimedOut
from polystep.contracts.steps import Flow
from polystep.contracts.values import JSONObject
from polystep.execution import Durable, DurableOptions, WaitTools, once_keys
from polystep.execution.attempts import OpenAttempt
from polystep.wire import pack
from tests.unit.execution.parts import API
from tests.unit.execution.rooms import TRACE, Rooms, event_step

STEP = event_step("E", "t")
KEYED: JSONObject = {"key": "k", "scope": "project", "ttl": "1d"}
WITHIN_S = 30.0


class Runs:
    """Runs that make durable calls, as their bridges send them."""

    def __init__(self, rooms: Rooms, **options: Any) -> None:
        self.rooms = rooms
        rooms.bus.replace(Flow({STEP.name: STEP}))
        nothing = cast("Any", None)
        tools = WaitTools(rooms.bus, rooms.runs, rooms.recorder, rooms.clock, nothing, nothing, nothing, nothing)
        self.durable = Durable(tools, DurableOptions(**options))

    async def begin(self, name: str) -> OpenAttempt:
        """Open an attempt of a delivery."""
        (new,) = self.rooms.bus.plan("t", pack(name), trace_id=TRACE, parent_run_id=None)
        await self.rooms.queue.enqueue([new._replace(run_id=name)])
        (delivery,) = (await self.rooms.queue.claim({"E": 1}, "test", self.rooms.clock.now_ms(), 10**9)).deliveries
        attempt = OpenAttempt(name, name, TRACE, 1, STEP, buffers_emits=True)
        attempt.delivery = delivery
        self.rooms.runs.open(attempt)
        return attempt

    async def ask(self, attempt: OpenAttempt, **more: Any) -> dict[str, Any]:
        answer = self.durable.methods["once.begin"]({"run": attempt.name, **KEYED, **more})
        return cast("dict[str, Any]", await cast("Awaitable[Any]", answer))

    def asks(self, attempt: OpenAttempt, **more: Any) -> asyncio.Task[dict[str, Any]]:
        return asyncio.create_task(self.ask(attempt, **more))

    async def end(self, attempt: OpenAttempt, **how: Any) -> Any:
        return await cast("Any", self.durable.methods["once.end"]({"run": attempt.name, "key": "k", **how}))

    async def waiting(self, count: int = 1) -> None:
        """Return when so many handlers wait in memory."""
        async with asyncio.timeout(WITHIN_S):
            while sum(bool(each.journal and each.journal.waits) for each in map(self._find, self._names)) < count:
                await self.rooms.clock.settle()

    @property
    def _names(self) -> list[str]:
        return self.rooms.runs.names

    def _find(self, name: str) -> OpenAttempt:
        return self.rooms.runs.get(name)


@pytest.fixture
async def runs(rooms: Rooms) -> AsyncIterator[Runs]:
    built = Runs(rooms)
    await built.durable.start()
    yield built
    await built.durable.stop()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scope": "all"}, '"run" or "project"'),
        ({"ttl": None}, "needs a `ttl`"),
        ({"scope": None}, "goes with the scope"),
        ({"ttl": "401d"}, "at most 400 days"),
        ({"ttl": "0s"}, "for a while"),
        ({"within": "outer"}, 'inside once("outer")'),
    ],
)
async def test_what_cannot_be_the_projects_is_refused(runs: Runs, given: JSONObject, said: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        await runs.ask(await runs.begin("a"), **given)
    assert said in refused.value.message


async def test_a_request_cannot_use_a_key_of_the_project(runs: Runs) -> None:
    runs.rooms.runs.open(OpenAttempt("r", "r", TRACE, 1, API, buffers_emits=False))
    with pytest.raises(InvalidParams, match="event and cron steps"):
        await runs.ask(runs.rooms.runs.get("r"))


async def test_others_wait_in_memory_and_get_the_result(runs: Runs) -> None:
    holder, other = await runs.begin("a"), await runs.begin("b")
    begun = await runs.ask(holder, timeout="9s")
    assert (len(begun["go"]), begun["timeout_ms"], begun["attempt"]) == (32, 9000, 1)
    waits = runs.asks(other)
    await runs.waiting()
    await runs.end(holder, value={"n": 1})
    assert await asyncio.wait_for(waits, WITHIN_S) == {"value": {"n": 1}}
    # A later use in the same run is answered from the run's own journal.
    assert runs.durable.methods["once.begin"]({"run": "b", **KEYED, "shared": True}) == {"value": {"n": 1}}
    late = await runs.begin("c")
    assert await runs.ask(late) == {"value": {"n": 1}}


async def test_one_that_waits_takes_over_after_a_failure_or_a_refused_result(runs: Runs) -> None:
    first, second, third = [await runs.begin(name) for name in "abc"]
    begun = await runs.ask(first)
    waits = {name: runs.asks(each) for name, each in (("b", second), ("c", third))}
    await runs.waiting(2)
    await runs.end(first, error={"name": "E", "message": "no", "retryable": True})
    done, _ = await asyncio.wait(waits.values(), return_when=asyncio.FIRST_COMPLETED, timeout=WITHIN_S)
    (taken,) = done
    assert taken.result()["go"] == begun["go"]
    holder, other = (second, third) if taken is waits["b"] else (third, second)
    await runs.waiting()
    with pytest.raises(JournalFull):
        await runs.end(holder, value="x" * 2**21)
    assert (await asyncio.wait_for(waits[other.name], WITHIN_S))["go"] == begun["go"]
    await runs.end(other, value=1)


async def test_a_second_use_in_the_run_that_waits_joins_the_first(runs: Runs) -> None:
    holder, other = await runs.begin("a"), await runs.begin("b")
    await runs.ask(holder)
    first, second = runs.asks(other), runs.asks(other, shared=True)
    await runs.waiting()
    await runs.end(holder, value=1)
    for each in (first, second):
        assert await asyncio.wait_for(each, WITHIN_S) == {"value": 1}
    assert other.journal is not None
    assert (other.journal.awaited, other.journal.units) == ({}, {})


async def test_a_leg_that_ends_refuses_those_who_wait_in_it(runs: Runs) -> None:
    holder, other = await runs.begin("a"), await runs.begin("b")
    await runs.ask(holder)
    first, second = runs.asks(other), runs.asks(other, shared=True)
    await runs.waiting()
    assert other.journal is not None
    assert other.journal.asked == ("k",)
    other.journal.close()
    for each in (first, second):
        with pytest.raises(RunEnded):
            await asyncio.wait_for(each, WITHIN_S)


async def test_what_was_emitted_before_the_wait_leaves_with_it_once(runs: Runs) -> None:
    holder, other = await runs.begin("a"), await runs.begin("b")
    await runs.ask(holder)
    emitted = runs.rooms.bus.plan("t", pack("early"), trace_id=TRACE, parent_run_id=other.run_id)
    other.emits += emitted
    waits = runs.asks(other)
    await runs.waiting()

    async def left() -> list[bytes]:
        claimed = await runs.rooms.queue.claim({"E": 9}, "test", runs.rooms.clock.now_ms(), 10**9)
        return [each.data for each in claimed.deliveries]

    assert (await left(), other.emits) == ([pack("early")], [])
    await runs.end(holder, value=1)
    assert await asyncio.wait_for(waits, WITHIN_S) == {"value": 1}
    assert other.journal is not None
    assert other.journal.has_any_sent
    assert await left() == []


async def test_a_wait_has_an_end(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once_keys, "ONCE_WAIT_MS", 0)
    holder, other = await runs.begin("a"), await runs.begin("b")
    await runs.ask(holder)
    with pytest.raises(RunTimedOut, match="has waited"):
        await asyncio.wait_for(runs.ask(other), WITHIN_S)


async def test_a_result_must_fit_beside_what_the_run_keeps(rooms: Rooms) -> None:
    runs = Runs(rooms, run_bytes_max=100)
    holder, other = await runs.begin("a"), await runs.begin("b")
    await runs.ask(holder)
    await runs.end(holder, value="x" * 80)
    runs.durable.methods["once.begin"]({"run": "b", "key": "own"})
    await cast("Any", runs.durable.methods["once.end"]({"run": "b", "key": "own", "value": "y" * 40}))
    with pytest.raises(JournalFull, match="another run has kept"):
        await runs.ask(other)


async def test_the_trace_tells_of_calls_hits_and_waits(runs: Runs) -> None:
    rooms = runs.rooms
    for name in ("a", "b", "c"):
        rooms.recorder.run_queued(name, TRACE, None, "E", "event", {})
    holder, other, late = [await runs.begin(name) for name in "abc"]
    await runs.ask(holder)
    waits = runs.asks(other)
    await runs.waiting()
    await runs.end(holder, error={"name": "E", "message": "no", "retryable": True})
    await asyncio.wait_for(waits, WITHIN_S)
    await runs.end(other, value=[1])
    await runs.ask(late)
    await rooms.recorder.flush()
    trace = cast("Any", await rooms.traces.trace(TRACE))
    told = {run["runId"]: [(op["operation"], op.get("value")) for op in run["operations"]] for run in trace["runs"]}
    assert told == {"a": [("run", None)], "b": [("waited", None), ("run", [1])], "c": [("hit", [1])]}


async def test_a_superseded_attempt_is_told_so(runs: Runs) -> None:
    attempt = await runs.begin("a")
    assert attempt.delivery is not None
    await runs.rooms.queue.release(attempt.delivery, crashed=False)
    with pytest.raises(PolystepError) as refused:
        await runs.ask(attempt)
    assert refused.value.name == "run_ended"
