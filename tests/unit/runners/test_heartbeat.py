"""Handlers that keep their process from everything else: noticed, named, relieved; and cancelled ones that linger."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from polystep.contracts.errors import RunnerGone
from polystep.runners import RunnerPool, RunnerProcess
from polystep.runners import generation as generation_module
from polystep.runners import heartbeat as heartbeat_module
from polystep.runners import process as process_module
from tests.unit.runners.scripted import Script, bounded, pool_of, run

BLOCK_S = 2.0


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch, script: Script) -> None:
    monkeypatch.setattr(process_module, "_STEP_S", 0.3)
    monkeypatch.setattr(heartbeat_module, "PING_EVERY_S", 0.1)
    monkeypatch.setattr(heartbeat_module, "BLOCKED_AFTER_S", 0.4)
    monkeypatch.setattr(generation_module, "PING_EVERY_S", 0.1)
    monkeypatch.setattr(generation_module, "EXTRA_KEPT_S", 0.3)
    monkeypatch.setattr(generation_module, "LINGER_GRACE_S", 0.3)
    script.before = {"answer": {"features": ["heartbeat"]}}


async def pid_of(pool: RunnerPool, name: str, **told: Any) -> int:
    return int((await bounded(run(pool, name, "describe", **told)))["pid"])


async def test_a_blocked_process_is_named_and_another_takes_the_new_runs(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        first = await pid_of(pool, "before")
        blocking = run(pool, "b", "sleep", for_s=BLOCK_S, step="Slow")
        await script.until_started("b")
        behind = run(pool, "w", "params")
        await script.until(lambda: bool(script.blocked))
        (told,) = script.blocked
        assert (told.runner, told.step, told.run, told.stack, told.waiting) == (
            "script",
            "Slow",
            "b",
            "at a.script:7",
            1,
        )
        assert told.for_s >= 0.4
        assert await pid_of(pool, "elsewhere") != first
        assert not blocking.done()
        # Another run of the step that blocks would block the second process as well: it waits for the first.
        same = run(pool, "same", "describe", step="Slow")
        assert await bounded(blocking) == first
        await bounded(behind)
        assert (await bounded(same))["pid"] == first
        # Free again, the first takes runs; the other is ended after a while.
        ends = [process.ended for process in pool._alive]
        await bounded(asyncio.wait(map(asyncio.shield, ends), return_when=asyncio.FIRST_COMPLETED))
        assert len(pool._alive) == 1
        assert (await bounded(run(pool, "after", "params")))["run"] == "after"


async def test_there_is_one_more_process_however_many_are_blocked(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        blocking = [run(pool, "b1", "sleep", for_s=BLOCK_S, step="One")]
        await script.until(lambda: len(script.blocked) == 1)
        await pid_of(pool, "elsewhere")
        blocking.append(run(pool, "b2", "sleep", for_s=BLOCK_S, step="Two"))
        await script.until(lambda: len(script.blocked) == 2)
        assert len(pool._alive) == 2
        await bounded(asyncio.gather(*blocking))


async def test_who_blocks_is_told_only_when_it_is_known(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "h", "hold", step="Held")
        await script.until_started("h")
        blocking = run(pool, "b", "sleep", for_s=BLOCK_S, step="Slow", tells=False)
        await script.until(lambda: bool(script.blocked))
        assert (script.blocked[0].step, script.blocked[0].others) == (None, ("Held", "Slow"))
        await bounded(blocking)
        held.cancel()


async def test_a_run_whose_time_is_over_behind_a_block_is_not_to_blame(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        blocking = run(pool, "b", "sleep", for_s=BLOCK_S, step="Slow")
        await script.until_started("b")
        behind = run(pool, "w", "params", timeout_s=1.0)
        with pytest.raises(RunnerGone, match="waited for Slow, which blocks the script runner") as gone:
            await bounded(behind)
        assert gone.value.data["fault"] == "neighbour"
        # And the one that blocks has its own time.
        assert isinstance(await bounded(blocking), int)


async def test_a_suspect_that_waits_behind_one_that_blocks_is_not_to_blame(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        blocking = run(pool, "b.2", "sleep", for_s=BLOCK_S, step="Slow", suspect=True)
        await script.until_started("b.2")
        behind = run(pool, "w.2", "params", timeout_s=1.0, suspect=True)
        with pytest.raises(RunnerGone, match="waited for Slow, which blocks the script runner") as gone:
            await bounded(behind)
        assert gone.value.data["fault"] == "neighbour"
        assert [told.step for told in script.blocked] == ["Slow"]
        assert isinstance(await bounded(blocking), int)


async def test_a_process_in_which_cancelled_handlers_linger_is_replaced(
    script: Script, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, real = asyncio.Event(), generation_module.Generation._let_go

    async def let_go(self: generation_module.Generation, process: RunnerProcess) -> None:
        process.is_leaving = True
        begun.set()
        await real(self, process)

    monkeypatch.setattr(generation_module.Generation, "_let_go", let_go)
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "h", "hold")
        await script.until_started("h")
        old = next(iter(pool._alive))
        assert await bounded(run(pool, "l", "linger", count=1)) == await pid_of(pool, "same")
        await bounded(begun.wait())
        assert old._child is not None
        assert await pid_of(pool, "new") != old._child.pid
        assert not held.done()
        await bounded(old.call_run({"run": "x", "input": {"do": "release", "runs": ["h"]}}))
        assert await bounded(held) == "held"
        await bounded(asyncio.shield(old.ended))
        assert "Handlers that were cancelled still run in the script runner" in caplog.text


async def test_handlers_that_end_in_time_cost_no_process(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "h", "hold")
        first = await bounded(run(pool, "l", "linger", count=1))
        await bounded(run(pool, "n", "linger", count=0))
        # Longer than the grace, by the heartbeat's own time.
        await bounded(run(pool, "t", "answer_later", after_s=0.8))
        assert await pid_of(pool, "after") == first
        held.cancel()


async def test_a_runner_without_the_feature_is_not_asked(script: Script) -> None:
    script.before = {}
    async with pool_of(script, script.file("a.script")) as pool:
        await bounded(run(pool, "b", "sleep", for_s=1.0))
        assert (script.blocked, len(pool._alive)) == ([], 1)
