"""Runs that were inside a process that died: apart from the others, together, then in halves."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from polystep.contracts.errors import RunnerGone
from polystep.contracts.values import JSONValue
from polystep.runners import RunnerPool
from polystep.runners import process as process_module
from polystep.runners import quarantine as quarantine_module
from tests.unit.runners.scripted import Script, bounded, pool_of, replace, run


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_STEP_S", 0.3)
    monkeypatch.setattr(quarantine_module, "CELL_KEPT_S", 0.1)


class Deliveries:
    """Attempts runs as the bus does: who may be to blame is tried again as a suspect, who is to blame is not."""

    def __init__(self, pool: RunnerPool) -> None:
        self.pool = pool
        self.attempts: dict[str, int] = {}
        self.pids: dict[str, list[int]] = {}

    async def settle(self, name: str, do: str, **told: Any) -> object:
        """The handler's value, or `own` when it ended its process."""
        crashes = 0
        while True:
            attempt = self.attempts[name] = self.attempts.get(name, 0) + 1
            try:
                return await run(self.pool, f"{name}.{attempt}", do, suspect=crashes > 0, **told)
            except RunnerGone as gone:
                if gone.data["fault"] == "own":
                    return "own"
                crashes += gone.data["fault"] == "unknown"


async def test_suspects_run_again_together_and_apart_from_the_others(script: Script) -> None:
    script.before = {"runs_max": 128}
    async with pool_of(script, script.file("a.script")) as pool:
        deliveries = Deliveries(pool)
        settling = [asyncio.ensure_future(deliveries.settle(f"v{number}", "hold")) for number in range(100)]
        await script.until_started(*(f"v{number}.1" for number in range(100)))
        (killed,) = pool._alive
        assert killed._child is not None
        os.kill(killed._child.pid, 9)
        # All at once, not one after the other: none of them has ended when the last one begins.
        await script.until_started(*(f"v{number}.2" for number in range(100)))
        shared = (await bounded(run(pool, "r", "describe")))["pid"]
        (apart,) = [each for each in pool._alive if each._child is not None and each._child.pid != shared]
        names: list[JSONValue] = [f"v{number}.2" for number in range(100)]
        await bounded(apart.call_run({"run": "x", "input": {"do": "release", "runs": names}}))
        assert set(await bounded(asyncio.gather(*settling))) == {"held"}
        await bounded(asyncio.shield(apart.ended))
        assert (pool._quarantine._groups, pool._quarantine._cells) == ({}, {})


async def test_a_culprit_is_found_by_halves_and_its_neighbours_are_unharmed(script: Script) -> None:
    script.before = {"runs_max": 128}
    async with pool_of(script, script.file("a.script")) as pool:
        deliveries = Deliveries(pool)
        victims = [
            asyncio.ensure_future(deliveries.settle(f"v{number:02}", "answer_later", after_s=0.5))
            for number in range(16)
        ]
        culprit = asyncio.ensure_future(deliveries.settle("v07x", "exit_later", after_s=0.2))
        await script.until_started("v07x.1")
        async with asyncio.timeout(30):
            assert await culprit == "own"
            assert all(isinstance(pid, int) for pid in await asyncio.gather(*victims))
        # The shared process, all suspects together, then 9, 5, 3, 2 and 1 of them.
        assert deliveries.attempts["v07x"] <= 7
        assert max(deliveries.attempts.values()) <= 7
        # What the culprit is given later is apart from everybody, although no crash was counted for it.
        held = run(pool, "n", "hold")
        await script.until_started("n")
        with pytest.raises(RunnerGone) as again:
            await bounded(run(pool, "v07x.9", "exit"))
        assert (again.value.data["fault"], held.done()) == ("own", False)


async def test_what_is_suspected_from_before_the_host_started_is_divided_too(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        stranger, culprit = run(pool, "s.5", "hold", suspect=True), run(pool, "c.5", "hold", suspect=True)
        await script.until_started("s.5", "c.5")
        (apart,) = pool._quarantine._cells
        assert apart._child is not None
        os.kill(apart._child.pid, 9)
        for each in (stranger, culprit):
            with pytest.raises(RunnerGone) as gone:
                await bounded(each)
            assert gone.value.data["fault"] == "unknown"
        assert pool._quarantine._groups["s"] is not pool._quarantine._groups["c"]


async def test_a_cell_takes_no_more_than_its_runner_can(script: Script) -> None:
    script.before = {"runs_max": 2}
    async with pool_of(script, script.file("a.script")) as pool:
        suspects = [run(pool, f"s{number}", "answer_later", after_s=0.1, suspect=True) for number in range(5)]
        await bounded(asyncio.gather(*suspects))
        assert [script.started.index(f"s{number}") // 2 for number in range(5)] == [0, 0, 1, 1, 2]


async def test_a_reload_gives_suspects_a_process_with_the_new_files(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        before = await bounded(run(pool, "s.1", "answer_later", after_s=0, suspect=True))
        await replace(pool, script.file("a.script", config={"name": "new"}))
        assert await bounded(run(pool, "s.2", "answer_later", after_s=0, suspect=True)) != before


async def test_only_so_many_suspects_are_remembered(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_module, "SUSPECTS_MAX", 3)
    async with pool_of(script, script.file("a.script")) as pool:
        pool._quarantine.divide(next(iter(pool._alive)), ["1", "2"])
        pool._quarantine.divide(next(iter(pool._alive)), ["3", "4"])
        assert list(pool._quarantine._groups) == ["2", "3", "4"]
