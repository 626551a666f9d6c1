"""A process that uses more memory than its limit: replaced, ended with what it runs, and who is to blame."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection

import pytest

from polystep.contracts.errors import RunnerGone
from polystep.runners import RunnerPool, RunnerProcess
from polystep.runners import generation as generation_module
from polystep.runners import memory as memory_module
from polystep.runners import process as process_module
from polystep.runners import quarantine as quarantine_module
from polystep.testing.turns import until
from tests.unit.runners.scripted import Script, bounded, pool_of, run

MIB = 1024 * 1024
LIMIT_MB = 200


@pytest.fixture
def sizes_mb(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Memory of each process, by its number; 50 MiB unless it is said."""
    sizes: dict[int, int] = {}
    monkeypatch.setattr(memory_module, "tree_bytes", lambda pid: sizes.get(pid, 50) * MIB)
    for module in (memory_module, generation_module):
        monkeypatch.setattr(module, "MEMORY_EVERY_S", 0.01)
    monkeypatch.setattr(process_module, "_STEP_S", 0.3)
    monkeypatch.setattr(quarantine_module, "CELL_KEPT_S", 0.1)
    return sizes


def pid_of(process: RunnerProcess) -> int:
    assert process.pid is not None
    return process.pid


async def release(process: RunnerProcess, *runs: str) -> None:
    await bounded(process.call_run({"run": "release", "input": {"do": "release", "runs": [*runs]}}))


def holder(pool: RunnerPool, name: str) -> RunnerProcess:
    (found,) = [each for each in pool._alive if name in each.runs]
    return found


async def gone(running: asyncio.Future[object]) -> tuple[object, str]:
    with pytest.raises(RunnerGone) as caught:
        await bounded(running)
    return caught.value.data["fault"], caught.value.message


async def test_it_takes_no_more_runs_and_ends_with_those_it_has(script: Script, sizes_mb: dict[int, int]) -> None:
    async with pool_of(script, script.file("a.script"), memory_mb=LIMIT_MB) as pool:
        held = run(pool, "held", "hold")
        await script.until_started("held")
        large = holder(pool, "held")
        await until(lambda: large.memory_mb == 50)
        assert [(each.pid, each.memory_mb) for each in pool.limited] == [(large.pid, 50)]
        sizes_mb[pid_of(large)] = LIMIT_MB + 1
        await until(lambda: large.is_leaving)
        assert (await bounded(run(pool, "next", "describe")))["pid"] != large.pid
        assert not held.done()
        await release(large, "held")
        assert await bounded(held) == "held"
        await bounded(asyncio.shield(large.ended))
        assert large.outgrown == ""


async def test_runs_that_do_not_end_start_again_apart_and_none_is_to_blame_yet(
    script: Script, sizes_mb: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation_module, "MEMORY_GRACE_S", 0.05)
    async with pool_of(script, script.file("a.script"), memory_mb=LIMIT_MB) as pool:
        held = run(pool, "held.1", "hold")
        await script.until_started("held.1")
        sizes_mb[pid_of(holder(pool, "held.1"))] = LIMIT_MB + 1
        told = "it used 201 MB, and its limit is 200 MB (memory_mb of [runners.script])"
        assert await gone(held) == ("unknown", f"The script runner is gone: {told}.")
        again = run(pool, "held.2", "hold", suspect=True)
        await script.until_started("held.2")
        apart = holder(pool, "held.2")
        assert (await bounded(run(pool, "other", "describe")))["pid"] != apart.pid
        await release(apart, "held.2")
        assert await bounded(again) == "held"
        assert pool._quarantine._groups == {}


async def test_what_must_not_be_cut_ends_first(
    script: Script, sizes_mb: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation_module, "MEMORY_GRACE_S", 0.01)
    asked: list[list[str]] = []
    ended = asyncio.Event()

    async def let_units_end(runs: Collection[str]) -> None:
        asked.append([*runs])
        await ended.wait()

    calls = dataclasses.replace(script.calls, let_units_end=let_units_end)
    monkeypatch.setattr(Script, "calls", calls)
    async with pool_of(script, script.file("a.script"), memory_mb=LIMIT_MB) as pool:
        held = run(pool, "held", "hold")
        await script.until_started("held")
        sizes_mb[pid_of(holder(pool, "held"))] = LIMIT_MB + 1
        await until(lambda: asked == [["held"]])
        assert holder(pool, "held").usable
        ended.set()
        assert (await gone(held))[0] == "unknown"


async def test_one_that_needs_too_much_in_a_fresh_process_is_to_blame(script: Script, sizes_mb: dict[int, int]) -> None:
    async with pool_of(script, script.file("a.script"), memory_mb=LIMIT_MB) as pool:
        both = [run(pool, f"{name}.1", "hold") for name in ("large", "small")]
        await script.until_started("large.1", "small.1")
        # Far over its limit, a process has no grace.
        sizes_mb[pid_of(holder(pool, "large.1"))] = LIMIT_MB * 2
        assert [(await gone(each))[0] for each in both] == ["unknown", "unknown"]
        both = [run(pool, f"{name}.2", "hold", suspect=True) for name in ("large", "small")]
        await script.until_started("large.2", "small.2")
        assert holder(pool, "large.2") is holder(pool, "small.2")
        sizes_mb[pid_of(holder(pool, "large.2"))] = LIMIT_MB + 1
        assert [(await gone(each))[0] for each in both] == ["unknown", "unknown"]
        large, small = (run(pool, f"{name}.3", "hold", suspect=True) for name in ("large", "small"))
        await script.until_started("large.3", "small.3")
        sizes_mb[pid_of(holder(pool, "large.3"))] = 777
        fault, message = await gone(large)
        assert fault == "own"
        assert "it used 777 MB, and its limit is 200 MB" in message
        await release(holder(pool, "small.3"), "small.3")
        assert await bounded(small) == "held"


async def test_a_pool_without_a_limit_measures_nothing(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(memory_module, "tree_bytes", asked.append)
    async with pool_of(script, script.file("a.script")) as pool:
        await bounded(run(pool, "r", "describe"))
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not any("memory" in name for name in names)
        assert (pool.limited, asked) == ([], [])
