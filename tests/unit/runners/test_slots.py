"""Slots in a runner: streamed answers hold none, requests and deliveries take turns, waiting has bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from polystep.contracts.errors import Overloaded
from polystep.runners import RunnerPool
from polystep.runners import slots as slots_module
from tests.unit.runners.scripted import Script, bounded, pool_of, replace, run


def request(pool: RunnerPool, name: str, do: str, **told: Any) -> Any:
    return run(pool, name, do, type="api", **told)


async def release(pool: RunnerPool, *names: str) -> None:
    """End held runs, past the pool's own slots."""
    process = next(iter(pool._alive))
    await bounded(process.call_run({"run": "x", "input": {"do": "release", "runs": list(names)}}))


async def test_an_answer_that_is_streamed_holds_no_slot(script: Script) -> None:
    script.before = {"runs_max": 1, "answer": {"streams_max": 2}}
    async with pool_of(script, script.file("a.script")) as pool:
        streams = [request(pool, "s1", "hold")]
        await script.until_started("s1")
        pool.begin_stream("s1")
        streams.append(request(pool, "s2", "hold"))
        await script.until_started("s2")
        pool.begin_stream("s2")
        assert (await bounded(request(pool, "r", "params")))["run"] == "r"
        process = next(iter(pool._alive))
        assert (process.slots_taken, process.requests_taken, process.streams_open) == (0, 0, 2)
        await release(pool, "s1", "s2")
        await bounded(asyncio.gather(*streams))
        assert (process.slots_taken, process.requests_taken, process.streams_open) == (0, 0, 0)


async def test_streamed_answers_beyond_the_bound_are_refused_and_keep_their_slot(script: Script) -> None:
    script.before = {"runs_max": 8, "answer": {"streams_max": 1}}
    async with pool_of(script, script.file("a.script")) as pool:
        streams = [request(pool, name, "hold") for name in ("s1", "s2")]
        await script.until_started("s1", "s2")
        pool.begin_stream("s1")
        pool.begin_stream("s1")
        with pytest.raises(Overloaded, match="1 streamed answers are open in the script runner, the most it takes"):
            pool.begin_stream("s2")
        assert next(iter(pool._alive)).slots_taken == 1
        await release(pool, "s1", "s2")
        await bounded(asyncio.gather(*streams))
        pool.begin_stream("s1")  # it has ended: nothing to count


async def test_without_a_word_of_the_runner_streamed_answers_count_like_other_runs(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = request(pool, "s", "hold")
        await script.until_started("s")
        pool.begin_stream("s")
        assert next(iter(pool._alive)).slots_taken == 1
        await release(pool, "s")
        await bounded(held)


async def test_a_generation_drains_its_streamed_answers_too(script: Script) -> None:
    script.before = {"answer": {"streams_max": 9}}
    good = script.file("a.script")
    async with pool_of(script, good) as pool:
        held = request(pool, "s", "hold")
        await script.until_started("s")
        pool.begin_stream("s")
        old = next(iter(pool._alive))
        await replace(pool, good)
        assert (await bounded(request(pool, "r", "params")))["run"] == "r"
        assert not old.ended.done()
        await bounded(old.call_run({"run": "x", "input": {"do": "release", "runs": ["s"]}}))
        assert (await bounded(held), await bounded(asyncio.shield(old.ended))) == ("held", "it exited with status 0")


async def test_a_backlog_of_events_leaves_slots_for_requests(script: Script) -> None:
    script.before = {"runs_max": 8}
    async with pool_of(script, script.file("a.script")) as pool:
        events = [run(pool, f"e{number}", "hold") for number in range(12)]
        await script.until_started("e6")
        assert (await bounded(request(pool, "r", "params")))["run"] == "r"
        # Seven of the eight slots: the eighth takes requests only.
        assert script.started == [*(f"e{number}" for number in range(7)), "r"]
        await release(pool, *(f"e{number}" for number in range(5)))
        await script.until_started("e11")
        await release(pool, *(f"e{number}" for number in range(5, 12)))
        await bounded(asyncio.gather(*events))


async def test_requests_and_deliveries_that_wait_take_turns(script: Script) -> None:
    script.before = {"runs_max": 1}
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "held", "hold")
        await script.until_started("held")
        waiting = [run(pool, f"e{number}", "params") for number in range(3)]
        waiting += [request(pool, f"r{number}", "params") for number in range(3)]
        await asyncio.sleep(0)
        await release(pool, "held")
        await bounded(asyncio.gather(held, *waiting))
        assert [name for name in script.started if name not in ("held", "x")] == ["r0", "e0", "r1", "e1", "r2", "e2"]


async def test_a_request_that_waits_too_long_is_refused_and_named(
    script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slots_module, "SLOT_WAIT_S", 0.05)
    script.before = {"runs_max": 1}
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "held", "hold", step="Slow")
        await script.until_started("held")
        event = run(pool, "e", "params")
        for name in ("r1", "r2"):
            with pytest.raises(Overloaded) as refused:
                await bounded(request(pool, name, "params"))
        assert refused.value.message == ("The script runner has no free slot: none came free for 0.05 s. Slow has 1.")
        assert (pool.refused, [record.message for record in caplog.records]) == (
            2,
            [f"{refused.value.message} Answered 503: 1 request."],
        )
        # Events wait as long as it takes.
        await release(pool, "held")
        assert (await bounded(event))["run"] == "e"
        await bounded(held)


async def test_requests_that_find_too_many_waiting_are_refused_at_once(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_module, "REQUESTS_WAITING_MAX", 1)
    script.before = {"runs_max": 1}
    async with pool_of(script, script.file("a.script")) as pool:
        held, waiting = request(pool, "held", "hold"), request(pool, "w", "params")
        await script.until_started("held")
        with pytest.raises(Overloaded, match="1 requests wait for one already, the most allowed"):
            await bounded(request(pool, "r", "params"))
        await release(pool, "held")
        await bounded(asyncio.gather(held, waiting))
