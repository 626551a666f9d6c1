"""Runs in a pool: slots, timeouts, who is to blame, generations, standby, stop."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from polystep.contracts.errors import HostStopping, LoadFailed, RunCancelled, RunnerGone, RunTimedOut, StepFailed
from polystep.contracts.steps import LoadFailure
from polystep.runners import PoolSize, RunnerPool
from polystep.runners import generation as generation_module
from polystep.runners import pool as pool_module
from polystep.runners import process as process_module
from polystep.runners import quarantine as quarantine_module
from tests.unit.runners.scripted import Script, bounded, open_descriptors, pool_of, replace, run, until_gone


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_STEP_S", 0.3)
    monkeypatch.setattr(pool_module, "CANCEL_GRACE_S", 0.2)
    monkeypatch.setattr(quarantine_module, "CELL_PAUSE_S", 0.0)
    monkeypatch.setattr(quarantine_module, "CELL_KEPT_S", 0.1)


async def pid_of(pool: RunnerPool, name: str = "pid") -> int:
    return int((await bounded(run(pool, name, "describe")))["pid"])


async def fault(running: Any) -> object:
    with pytest.raises(RunnerGone) as gone:
        await bounded(running)
    return gone.value.data["fault"]


# --- Loading ---


async def test_files_load_with_their_notes_and_a_broken_one_fails_alone(script: Script) -> None:
    files = [
        script.file("a.script", answer={"warnings": ["note"]}),
        script.file("b.script", load="fail"),
        script.file("c.script"),
    ]
    async with pool_of(script) as pool:
        staged = await replace(pool, *files)
    assert [(each.source, each.warnings) for each in staged.loaded] == [(files[0], ("note",)), (files[2], ())]
    assert list(staged.failures) == [LoadFailure(files[1], "bad file")]


async def test_what_handlers_get_is_told_of_what_the_runner_checks(script: Script) -> None:
    made = {"input": {"type": "number"}, "bodySchema": {}, "pathParams": True}
    files = [
        script.file("a.script", answer={"contracts": ["input", "pathParams"], "made": made}),
        script.file("b.script", answer={"contracts": ["input"], "made": 1}),
    ]
    async with pool_of(script) as pool:
        staged = await replace(pool, *files)
    assert [each.handler_schemas for each in staged.loaded] == [{"input": {"type": "number"}}, {}]


async def test_a_file_that_ends_or_hangs_its_process_is_left_out_and_the_others_load(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation_module, "LOAD_TIMEOUT_S", 0.5)
    files = [
        script.file("a.script"),
        script.file("b.script", load="exit"),
        script.file("c.script", load="hang"),
        script.file("d.script", load="fail"),
        script.file("e.script"),
    ]
    async with pool_of(script) as pool:
        staged = await replace(pool, *files)
        assert (await bounded(run(pool, "r", "params", file="e.script")))["file"] == "e.script"
    assert [each.source.path for each in staged.loaded] == ["a.script", "e.script"]
    assert list(staged.failures) == [
        LoadFailure(files[1], "Importing b.script ended its process: it exited with status 4."),
        LoadFailure(
            files[2],
            "Importing c.script did not finish within 0.5 s, so its process was ended. Look for what waits or loops at "
            "its top level.",
        ),
        LoadFailure(files[3], "bad file"),
    ]


async def test_a_process_that_was_killed_while_it_loaded_is_no_fault_of_the_file(script: Script) -> None:
    files = [script.file("a.script"), script.file("b.script", load="exit", only_first=True)]
    async with pool_of(script) as pool:
        staged = await replace(pool, *files)
        assert list(staged.failures) == []
        assert (await bounded(run(pool, "r", "params", file="b.script")))["file"] == "b.script"


async def test_a_runner_that_does_not_start_fails_every_file_and_the_old_one_goes_on(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good) as pool:
        before = await pid_of(pool)
        script.before = {"hello": "exit"}
        staged = await replace(pool, good, script.file("b.script"))
        assert (list(staged.loaded), staged.generation) == ([], None)
        assert {failure.message for failure in staged.failures} == {
            "The script runner did not start: it exited with status 3."
        }
        assert await pid_of(pool, "again") == before


async def test_a_further_process_that_cannot_be_loaded_fails_the_start_and_leaves_nothing(script: Script) -> None:
    flaky = script.file("a.script", load="exit", after_first=True)
    async with pool_of(script, size=2) as pool:
        staged = await replace(pool, flaky)
        assert [failure.message for failure in staged.failures] == [
            "A further process could not be loaded: Importing a.script ended its process: it exited with status 4."
        ]
        assert pool._alive == set()


# --- Slots ---


async def test_runs_beyond_runs_max_wait_and_are_served_in_the_order_they_came(script: Script) -> None:
    script.before = {"runs_max": 2}
    async with pool_of(script, script.file("a.script")) as pool:
        running = [run(pool, name, "hold", type="api") for name in ("1", "2", "3", "4", "5")]
        await script.until_started("1", "2")
        running[3].cancel()
        await bounded(asyncio.wait([running[3]]))
        assert script.started == ["1", "2"]
        # One slot at a time: a release needs one itself, so it goes round the pool.
        process = next(iter(pool._alive))
        await bounded(process.call_run({"run": "x", "input": {"do": "release", "runs": ["1"]}}))
        await script.until_started("3")
        await bounded(process.call_run({"run": "y", "input": {"do": "release", "runs": ["2", "3"]}}))
        await script.until_started("5")
        await bounded(process.call_run({"run": "z", "input": {"do": "release", "runs": ["5"]}}))
        assert [name for name in script.started if name.isdigit()] == ["1", "2", "3", "5"]
        assert process.slots_taken <= 1
        await bounded(asyncio.gather(running[0], running[1], running[2], running[4]))
        assert process.slots_taken == 0


async def test_runs_are_spread_over_the_processes(script: Script) -> None:
    async with pool_of(script, script.file("a.script"), size=2) as pool:
        first = run(pool, "1", "hold")
        await script.until_started("1")
        pids = {await pid_of(pool, f"p{number}") for number in range(2)}
        assert len(pids) == 1
        assert sorted(process.slots_taken for process in pool._alive) == [0, 1]
        await bounded(pool.stop(0))
        assert await fault(first) == "neighbour"


async def test_a_slot_given_to_a_run_that_was_cancelled_is_given_on(script: Script) -> None:
    script.before = {"runs_max": 1}
    async with pool_of(script, script.file("a.script")) as pool:
        held, second, third = (run(pool, name, "hold") for name in ("1", "2", "3"))
        await script.until_started("1")
        process = next(iter(pool._alive))
        # The answer and the cancellation meet: the slot has been promised to "2" when it is cancelled.
        held.add_done_callback(lambda _: second.cancel())
        await bounded(process.call_run({"run": "x", "input": {"do": "release", "runs": ["1"]}}))
        await script.until_started("3")
        assert (await bounded(held), second.cancelled(), process.slots_taken) == ("held", True, 1)
        third.cancel()
        await bounded(asyncio.wait([third]))
        assert process.slots_taken == 0


# --- Ends of runs ---


async def test_a_handler_that_raises_is_its_own_failure(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        with pytest.raises(StepFailed) as failed:
            await bounded(run(pool, "r", "raise"))
        assert failed.value.data == {"name": "ValueError", "message": "no", "stack": "at x"}


async def test_the_timeout_is_told_to_the_runner_in_milliseconds(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        assert (await bounded(run(pool, "r", "params", timeout_s=2.5)))["timeout_ms"] == 2500


async def test_a_run_that_answers_the_cancellation_times_out_and_its_process_stays(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        before = await pid_of(pool)
        with pytest.raises(RunTimedOut) as late:
            await bounded(run(pool, "r", "hold", timeout_s=0.1))
        assert late.value.message == (
            "The handler did not finish within 0.1 s. Set `infrastructure.handler.timeout` (seconds) in its config "
            "if it needs longer."
        )
        assert await pid_of(pool, "after") == before
        # PS-7.8: why it was cancelled is the bridge's to tell.
        await script.until_started("r cancelled: timeout")


@pytest.mark.parametrize("how", ["block", "ignore_cancel"])
async def test_a_run_that_answers_nothing_has_its_process_replaced_and_neighbours_are_not_to_blame(
    script: Script, how: str
) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        before = await pid_of(pool)
        neighbour = run(pool, "n", "hold")
        await script.until_started("n")
        with pytest.raises(RunTimedOut):
            await bounded(run(pool, "r", how, timeout_s=0.3))
        assert await fault(neighbour) == "neighbour"
        assert await pid_of(pool, "after") != before
        await until_gone(before)


async def test_a_run_that_was_alone_in_a_process_that_died_is_to_blame(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        assert await fault(run(pool, "r", "exit")) == "own"


async def test_of_several_in_a_process_that_died_each_is_suspected(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "n", "hold")
        await script.until_started("n")
        killer = run(pool, "r", "exit")
        assert (await fault(killer), await fault(held)) == ("unknown", "unknown")


async def test_a_run_that_waited_while_the_process_died_runs_in_the_next_one(script: Script) -> None:
    script.before = {"runs_max": 1}
    async with pool_of(script, script.file("a.script")) as pool:
        killer, waiting = run(pool, "r", "exit"), run(pool, "w", "params")
        assert await fault(killer) == "own"
        assert (await bounded(waiting))["run"] == "w"


async def test_a_cancelled_run_is_cancelled_in_the_runner_and_keeps_no_slot(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "r", "hold")
        await script.until_started("r")
        held.cancel()
        await bounded(asyncio.wait([held]))
        process = next(iter(pool._alive))
        assert (held.cancelled(), process.runs, process.slots_taken) == (True, {}, 0)
        await bounded(process.drained())


async def test_a_cancel_that_the_runner_did_by_itself_is_told(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "r", "hold")
        await script.until_started("r")
        next(iter(pool._alive)).cancel_run("r", "test")
        with pytest.raises(RunCancelled):
            await bounded(held)


async def test_a_run_alone_has_a_process_of_its_own_and_is_to_blame_by_itself(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "n", "hold")
        await script.until_started("n")
        shared = {each.pid for each in (process._child for process in pool._alive) if each is not None}
        alone = (await bounded(run(pool, "a", "describe", suspect=True)))["pid"]
        assert alone not in shared
        await until_gone(alone)
        assert await fault(run(pool, "r", "exit", suspect=True)) == "own"
        assert not held.done()


async def test_a_run_alone_that_no_process_can_be_made_for_is_given_back(script: Script) -> None:
    flaky = script.file("a.script", load="exit", after_first=True)
    async with pool_of(script, flaky) as pool:
        assert await fault(run(pool, "a", "params", suspect=True)) == "neighbour"
        assert len(pool._alive) == 1


async def test_a_run_of_a_file_that_a_reload_took_away_is_given_back(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        await replace(pool, script.file("b.script"))
        assert await fault(run(pool, "r", "params")) == "neighbour"
        assert await fault(run(pool, "r", "params", suspect=True)) == "neighbour"


async def test_without_files_there_is_no_runner(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        await replace(pool)
        with pytest.raises(HostStopping, match="No script runner is running"):
            await bounded(run(pool, "r", "params"))


# --- Restarts ---


async def test_a_process_that_ended_between_runs_is_started_again_with_its_files(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        before = await pid_of(pool)
        ended = next(iter(pool._alive)).ended
        os.kill(before, 9)
        await bounded(asyncio.shield(ended))
        assert await pid_of(pool, "after") != before


async def test_a_restart_that_fails_is_tried_again(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation_module, "RESTARTS_PAUSE_S", (0.0,))
    async with pool_of(script, script.file("a.script")) as pool:
        flaky = script.root / "a.script"
        flaky.write_text('{"load": "fail"}')
        assert await fault(run(pool, "r", "exit")) == "own"
        waiting = run(pool, "w", "params")
        tried = threading.Event()
        real = generation_module.Generation.load_into

        async def seen(self: generation_module.Generation, process: Any) -> None:
            tried.set()
            await real(self, process)

        monkeypatch.setattr(generation_module.Generation, "load_into", seen)
        await bounded(asyncio.to_thread(tried.wait, 10))
        flaky.write_text("{}")
        assert (await bounded(waiting))["run"] == "w"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses before starts, which are none in the test."""
    noted: list[float] = []
    real = asyncio.sleep

    async def note(delay_s: float) -> None:
        noted.append(delay_s)
        await real(0)

    monkeypatch.setattr(generation_module.asyncio, "sleep", note)  # type: ignore[attr-defined]
    return noted


async def test_processes_that_keep_ending_by_themselves_are_started_at_growing_pauses(
    script: Script, pauses: list[float]
) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        for number in range(4):
            pid = await pid_of(pool, f"r{number}")
            (process,) = pool._alive
            os.kill(pid, 9)
            await bounded(asyncio.shield(process.ended))
        await pid_of(pool)
    assert pauses == [0.0, 0.0, 0.5, 1.0]


async def test_handlers_that_end_their_process_do_not_keep_the_others_waiting(
    script: Script, pauses: list[float]
) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        for number in range(4):
            assert await fault(run(pool, f"r{number}", "exit", type="api")) == "own"
        await pid_of(pool)
    assert pauses == [0.0, 0.0, 0.0, 0.0]


# --- Generations ---


async def test_open_runs_finish_in_the_old_generation_and_waiting_ones_move_to_the_new(script: Script) -> None:
    script.before = {"runs_max": 1}
    good = script.file("a.script")
    async with pool_of(script, good) as pool:
        held, waiting = run(pool, "old", "hold"), run(pool, "new", "describe")
        await script.until_started("old")
        old = next(iter(pool._alive))
        await replace(pool, good)
        assert old._child is not None
        assert (await bounded(waiting))["pid"] != old._child.pid
        assert not held.done()
        await bounded(old.call_run({"run": "x", "input": {"do": "release", "runs": ["old"]}}))
        assert (await bounded(held), await bounded(asyncio.shield(old.ended))) == ("held", "it exited with status 0")


async def test_a_run_that_has_its_slot_when_the_switch_comes_is_not_lost(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good) as pool:
        staged = await bounded(pool.stage([good]))
        early = run(pool, "r", "describe")
        # In the same turn of the loop: the run has asked for its slot and has not been sent.
        pool.switch(staged)
        assert (await bounded(early))["pid"] > 0


async def test_what_is_staged_and_not_switched_to_is_ended_by_the_next_stage(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good) as pool:
        first = await bounded(pool.stage([good]))
        assert len(pool._alive) == 2
        await replace(pool, good)
        pool.switch(first)
        assert first.generation is not pool._current
        assert (await bounded(run(pool, "r", "params")))["run"] == "r"


async def test_of_too_many_draining_generations_the_oldest_is_stopped(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good) as pool:
        held = []
        for number in range(pool_module.DRAINING_MAX + 1):
            held.append(run(pool, f"r{number}", "hold"))
            await script.until_started(f"r{number}")
            await replace(pool, good)
        assert await fault(held[0]) == "neighbour"
        assert [each.done() for each in held] == [True, False, False, False]
        for task in held:
            task.cancel()


async def test_twenty_reloads_leave_no_process_descriptor_thread_or_task(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good, standby=True) as pool:
        await bounded(asyncio.gather(*pool._tasks))
        before = (len(open_descriptors()), threading.active_count(), len(asyncio.all_tasks()))
        for _ in range(20):
            await replace(pool, good)
            await pid_of(pool)
            await bounded(asyncio.gather(*pool._tasks, *pool._draining))
        await bounded(asyncio.gather(*(process.ended for process in pool._alive if not process.usable)))
        assert len(pool._alive) == 2
        # The thread that waited for a process ends right after it has told of its end.
        for thread in threading.enumerate():
            if thread.name.startswith("wait:") and len(threading.enumerate()) > before[1]:
                thread.join(0.2)
        after = (len(open_descriptors()), threading.active_count(), len(asyncio.all_tasks()))
    assert after == before
    assert pool._alive == set()


# --- Standby ---


async def standby_of(pool: RunnerPool) -> Any:
    await bounded(asyncio.gather(*pool._tasks))
    assert pool._standby is not None
    return pool._standby


async def test_a_reload_uses_the_standby_and_makes_another(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good, standby=True) as pool:
        waiting = await standby_of(pool)
        await replace(pool, good)
        assert await pid_of(pool) == waiting._child.pid
        assert await standby_of(pool) is not waiting


async def test_a_standby_waits_until_every_language_is_loaded(script: Script) -> None:
    pool = RunnerPool(script.kind(), script.root, script.calls, dict, lambda _: None, PoolSize(standby=True))
    try:
        await replace(pool, script.file("a.script"))
        assert (pool._tasks, len(pool._alive)) == (set(), 1)
        pool.begin_standby()
        assert await standby_of(pool) is not None
    finally:
        await bounded(pool.stop(0))


async def test_the_first_load_takes_the_process_that_was_started_ahead(script: Script) -> None:
    pool = RunnerPool(script.kind(), script.root, script.calls, dict, lambda _: None)
    try:
        pool.start_ahead()
        ahead = pool._ahead
        assert ahead is not None
        await bounded(ahead)
        (process,) = pool._alive
        staged = await replace(pool, script.file("a.script"))
        assert ([each.source.path for each in staged.loaded], pool._alive) == (["a.script"], {process})
        # The next load has no process ahead.
        await replace(pool, script.file("a.script"))
        await bounded(asyncio.gather(*pool._draining))
        assert process not in pool._alive
    finally:
        await bounded(pool.stop(0))


async def test_a_runner_that_cannot_be_prepared_ahead_says_so_at_the_load_and_is_tried_again(script: Script) -> None:
    kind, tried = script.kind(), []

    async def fails_once(project: Path, progress: Any) -> Any:
        tried.append(project)
        if len(tried) == 1:
            raise LoadFailed("no such program")
        return await kind.prepare(project, progress)

    flaky = dataclasses.replace(kind, prepare=fails_once)
    pool = RunnerPool(flaky, script.root, script.calls, dict, lambda _: None)
    try:
        pool.start_ahead()
        staged = await bounded(pool.stage([script.file("a.script")]))
        assert ([each.message for each in staged.failures], len(tried)) == (["no such program"], 1)
        assert (await replace(pool, script.file("a.script"))).started
    finally:
        await bounded(pool.stop(0))


async def test_a_stop_ends_the_process_that_was_started_ahead(script: Script) -> None:
    pool = RunnerPool(script.kind(), script.root, script.calls, dict, lambda _: None)
    pool.start_ahead()
    await bounded(pool.stop(0))
    assert pool._alive == set()


async def test_a_standby_with_other_variables_is_replaced(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good, standby=True) as pool:
        stale = await standby_of(pool)
        script.environment["NEW"] = "1"
        await replace(pool, good)
        assert (await bounded(run(pool, "r", "describe")))["environment"]["NEW"] == "1"
        await bounded(asyncio.shield(stale.ended))
        assert await standby_of(pool) is not stale


async def test_a_standby_that_died_is_replaced(script: Script) -> None:
    good = script.file("a.script")
    async with pool_of(script, good, standby=True) as pool:
        dead = await standby_of(pool)
        await bounded(dead.kill())
        await replace(pool, good)
        assert await standby_of(pool) is not dead


async def test_a_standby_with_other_variables_is_not_used_for_a_restart(script: Script) -> None:
    async with pool_of(script, script.file("a.script"), standby=True) as pool:
        await standby_of(pool)
        script.environment["NEW"] = "1"
        assert await fault(run(pool, "x", "exit")) == "own"
        assert (await bounded(run(pool, "r", "describe")))["environment"]["NEW"] == "1"


# --- Stop ---


async def test_a_stop_lets_open_runs_end_within_the_grace(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        held = run(pool, "r", "hold")
        await script.until_started("r")
        process = next(iter(pool._alive))
        stopping = asyncio.create_task(pool.stop(10))
        await bounded(process.call_run({"run": "x", "input": {"do": "release", "runs": ["r"]}}))
        await bounded(stopping)
        assert (await bounded(held), process.ended.result()) == ("held", "it exited with status 0")


async def test_a_stop_kills_what_blocks_and_its_run_is_not_to_blame(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        blocked = run(pool, "r", "block")
        await script.until_started("r")
        await bounded(pool.stop(0))
        assert (await fault(blocked), pool._alive) == ("neighbour", set())


async def test_a_stop_while_files_load_leaves_nothing(script: Script) -> None:
    async with pool_of(script) as pool:
        script.before = {"print": ["here"]}
        loading = asyncio.create_task(pool.stage([script.file("a.script", load="hang")]))
        await script.until(lambda: bool(script.lines))
        await bounded(pool.stop(0))
        with pytest.raises(HostStopping, match="stopped while the script steps were loading"):
            await bounded(loading)
        assert pool._alive == set()


async def test_a_load_that_is_cancelled_leaves_nothing(script: Script) -> None:
    files = [script.file("a.script"), script.file("b.script", load="hang")]
    async with pool_of(script, size=2) as pool:
        script.before = {"print": ["here"]}
        loading = asyncio.create_task(pool.stage(files))
        await script.until(lambda: bool(script.lines))
        loading.cancel()
        await bounded(asyncio.wait([loading]))
        assert (loading.cancelled(), pool._alive) == (True, set())


async def test_a_stop_ends_runs_that_are_alone(script: Script) -> None:
    async with pool_of(script, script.file("a.script")) as pool:
        alone = run(pool, "r", "hold", suspect=True)
        await script.until_started("r")
        await bounded(pool.stop(0))
        with pytest.raises(RunnerGone):
            await bounded(alone)
        assert pool._alive == set()


async def test_a_host_that_ends_at_once_takes_the_blocked_runners_along(script: Script) -> None:
    async with pool_of(script, script.file("a.script"), standby=True) as pool:
        blocked = run(pool, "r", "block")
        await script.until_started("r")
        await standby_of(pool)
        ends = [process.ended for process in pool._alive]
        pool.kill_now()
        assert await bounded(asyncio.gather(*map(asyncio.shield, ends))) == ["it was killed by signal SIGKILL"] * 2
        with pytest.raises(RunnerGone):
            await bounded(blocked)
