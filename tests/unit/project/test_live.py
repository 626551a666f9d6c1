"""Loading, reloading, and what happens to events whose step is broken or gone."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from polystep.contracts.steps import CronTrigger, SourceFile, SourcePattern
from polystep.contracts.values import JSONObject
from polystep.discovery import Loaded
from polystep.project import FlowRooms, Loader, Subscriptions
from polystep.project.live import LiveProject
from polystep.runners import RunnerPool
from polystep.schedule import Timetable
from polystep.wire import pack
from tests.patience import HANG_S
from tests.unit.execution.rooms import TRACE, Rooms, rooms
from tests.unit.runners.scripted import Script, bounded, pool_of, run


class Project:
    """A live project over one scripted runner."""

    def __init__(self, rooms: Rooms, script: Script, pools: dict[str, RunnerPool]) -> None:
        self.rooms, self.script, self.pools = rooms, script, pools
        self.timetable = Timetable(rooms.clock, self._fire, lambda *_: None)
        self.live = self.new()

    def new(self) -> LiveProject:
        """As a new start of the host makes it."""
        self.loaded = Loaded()
        rooms = self.rooms
        return LiveProject(
            Loader(self.script.root, self.pools, "Europe/Berlin", rooms.clock),
            Subscriptions(rooms.queue, rooms.clock),
            FlowRooms(rooms.bus, rooms.streams, self.timetable),
            rooms.console,
            rooms.clock,
            self.loaded,
        )

    def file(self, name: str, **told: Any) -> SourceFile:
        (self.script.root / "steps").mkdir(exist_ok=True)
        return self.script.file(f"steps/{name}.script", **told)

    def stream(self, name: str, **told: Any) -> None:
        (self.script.root / "steps").mkdir(exist_ok=True)
        self.script.file(f"steps/{name}.stream", **told)

    async def restart(self) -> None:
        await self.live.stop()
        self.live = self.new()
        await self.load()

    def remove(self, name: str) -> None:
        (self.script.root / "steps" / f"{name}.script").unlink()

    async def load(self) -> None:
        await bounded(self.live.load())

    async def reload(self, *changed: str) -> None:
        await bounded(self.live.reload({"script"}, frozenset(changed)))

    async def publish(self, topic: str) -> None:
        bus = self.rooms.bus
        await bus.publish(bus.plan(topic, pack(1), trace_id=TRACE, parent_run_id=None))

    async def _fire(self, step: str, due_ms: int) -> None:
        raise AssertionError(step)


@contextlib.asynccontextmanager
async def project_in(folder: Path) -> AsyncIterator[Project]:
    script = Script(folder / "project")
    script.root.mkdir()
    async with rooms(folder) as built, pool_of(script) as pool:
        project = Project(built, script, {"script": pool})
        try:
            yield project
        finally:
            await bounded(project.live.stop())


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    async with project_in(tmp_path.resolve()) as built:
        yield built


def event(name: str, *topics: str, **more: Any) -> JSONObject:
    return {"type": "event", "name": name, "subscribes": [*topics], **more}


async def test_the_first_load_tells_what_came_what_is_broken_and_what_is_doubtful(project: Project) -> None:
    project.file("a", config=event("A", "t", emits=["t"]))
    project.file("b", config={"type": "cron", "name": "B", "cron": "0 * * * *"})
    project.file("c", load="fail")
    project.file("d", config=event("D", "never", colour="red"))
    assert not project.live.ready
    await project.load()
    assert (project.live.ready, project.live.revision, list(project.live.flow.steps)) == (True, 2, ["A", "B", "D"])
    assert project.rooms.lines() == [
        "➜ [CREATED] Step (Event) steps/a.script created",
        "➜ [CREATED] Step (Cron) steps/b.script created",
        "➜ [CREATED] Step (Event) steps/d.script created",
        "✖ [ERROR] steps/c.script",
        "  │ bad file",
        "⚠ [WARNING] steps/d.script: config.colour is not known; it has no effect.",
    ]
    # Only when every file is known can a topic be without an other end.
    project.file("c", config=event("C", "t"))
    await project.reload()
    assert project.live.flow.warnings == (
        "steps/d.script: config.colour is not known; it has no effect.",
        "steps/d.script: D subscribes to never, but no step declares that it emits it.",
    )


async def test_a_reload_tells_only_what_changed(project: Project) -> None:
    for name in ("a", "b", "c"):
        project.file(name, config=event(name.upper(), "t", emits=["t"]))
    project.file("x", load="fail")
    await project.load()
    project.rooms.console.line("--")
    project.file("a", config=event("A", "t", emits=["t"], description="new"))
    project.remove("b")
    project.file("d", config=event("D", "t"))
    await project.reload("steps/c.script")
    project.rooms.console.line("--")
    await project.reload()
    project.rooms.console.line("--")
    await project.reload("steps/x.script")
    lines = project.rooms.lines()
    assert lines[lines.index("--") :] == [
        "--",
        "➜ [UPDATED] Step (Event) steps/a.script updated",
        "➜ [UPDATED] Step (Event) steps/c.script updated",
        "➜ [CREATED] Step (Event) steps/d.script created",
        "➜ [REMOVED] Step (Event) steps/b.script removed",
        "--",
        "--",
        "✖ [ERROR] steps/x.script",
        "  │ bad file",
    ]


async def test_a_finding_is_shown_once_also_when_a_file_breaks_and_is_mended(project: Project) -> None:
    project.file("a", config=event("A", "never"))
    project.file("b", config=event("B", "t", emits=["t"]))
    project.file("c", config=event("C", "t", input={"type": "string"}))
    await project.load()
    project.file("b", load="fail")
    await project.reload()
    project.file("b", config=event("B", "t", emits=["t"], input={"type": "number"}))
    await project.reload()
    project.file("a", config=event("A", "t"))
    await project.reload()
    project.file("a", config=event("A", "never"))
    await project.reload()
    lonely = "⚠ [WARNING] steps/a.script: A subscribes to never, but no step declares that it emits it."
    excluding = (
        "✖ [ERROR] steps/c.script: C and B (steps/b.script) subscribe to t, but no event fits both: data is string "
        "for C and number for B. Every event becomes a dead letter of one of them: make their input schemas agree, or "
        "use two topics."
    )
    told = [line for line in project.rooms.lines() if "subscribe" in line]
    assert told == [lonely, excluding, lonely]


async def test_a_file_whose_step_has_another_name_is_updated_not_gone(project: Project) -> None:
    project.file("a", config=event("A", "t", emits=["t"]))
    await project.load()
    project.rooms.console.line("--")
    project.file("a", config=event("Other", "t", emits=["t"]))
    await project.reload("steps/a.script")
    lines = project.rooms.lines()
    assert lines[lines.index("--") :] == ["--", "➜ [UPDATED] Step (Event) steps/a.script updated"]


async def test_what_is_wrong_with_several_files_is_told_once(project: Project) -> None:
    project.file("a", load="fail")
    project.file("b", load="fail")
    await project.load()
    assert project.rooms.lines() == [
        "✖ [ERROR] steps/a.script",
        "  │ bad file",
        "✖ [ERROR] steps/b.script",
        "  │ The same as steps/a.script.",
    ]


async def test_an_empty_project_is_told_where_steps_belong(project: Project) -> None:
    await project.load()
    (line,) = project.rooms.lines()
    assert line == (
        f"⚠ [WARNING] No steps were found in {project.script.root}. Put files that are called *.script under steps/ or "
        "src/."
    )


async def test_events_for_a_step_whose_file_is_broken_wait_for_it(project: Project) -> None:
    project.file("a", config=event("A", "t"))
    await project.load()
    project.file("a", load="fail")
    await project.reload()
    assert list(project.live.flow.steps) == []
    await project.publish("t")
    assert await project.rooms.queue.waiting() == [("A", 1)]
    # Also over a restart: the subscriptions are stored.
    await project.restart()
    await project.publish("t")
    assert (await project.rooms.queue.waiting(), await project.rooms.queue.dead_letters(10)) == ([("A", 2)], [])
    project.file("a", config=event("A", "other"))
    await project.reload()
    await project.publish("t")
    assert (await project.rooms.queue.waiting(), await project.rooms.queue.subscriptions()) == (
        [("A", 2)],
        [("steps/a.script", "A", "other")],
    )


async def test_events_of_an_unknown_topic_wait_while_a_step_file_does_not_load(project: Project) -> None:
    queue = project.rooms.queue
    project.file("a", config=event("A", "t"))
    project.file("w", load="fail")
    await project.load()
    await project.publish("work")
    assert [(topic, count) for topic, count, _ in await queue.parked_topics()] == [("work", 1)]
    project.file("w", config=event("W", "other"))
    await project.reload()
    await project.publish("work")
    assert [(topic, count) for topic, count, _ in await queue.parked_topics()] == [("work", 1)]


async def test_events_for_a_step_that_no_file_has_are_buried_at_the_next_start(project: Project) -> None:
    project.file("a", config=event("A", "t"))
    project.file("b", config=event("B", "t"))
    await project.load()
    await project.publish("t")
    project.remove("a")
    await project.reload()
    assert await project.rooms.queue.waiting() == [("A", 1), ("B", 1)]
    await project.restart()
    letters = await project.rooms.queue.dead_letters(10)
    assert (await project.rooms.queue.waiting(), [(letter.step, letter.error) for letter in letters]) == (
        [("B", 1)],
        [("A", {"name": "step_not_found", "message": "No file of the project has this step any more."})],
    )
    assert (
        "⚠ [WARNING] 1 waiting events were for A, which no file has any more. They are in the dead letters: bring the "
        "step back and replay them."
    ) in project.rooms.lines()


async def test_a_tick_that_waits_for_a_broken_cron_step_is_not_buried(project: Project) -> None:
    project.file("c", config={"type": "cron", "name": "C", "cron": "0 * * * *"})
    await project.load()
    await project.rooms.bus.publish_tick("C", pack(None))
    project.file("c", load="fail")
    await project.restart()
    # An event without a topic is not for it, though.
    await project.publish("")
    assert (await project.rooms.queue.waiting(), await project.rooms.queue.dead_letters(10)) == ([("C", 1)], [])


async def test_cron_steps_without_a_zone_get_the_projects(project: Project) -> None:
    project.file("c", config={"type": "cron", "name": "C", "cron": "0 9 * * *"})
    project.file("d", config={"type": "cron", "name": "D", "cron": "0 9 * * *", "timezone": "Asia/Tokyo"})
    await project.load()
    assert [(row["step"], row["timezone"]) for row in project.timetable.upcoming()] == [
        ("C", "Europe/Berlin"),
        ("D", "Asia/Tokyo"),
    ]
    assert project.live.flow.steps["C"].trigger == CronTrigger("0 9 * * *", None)


async def test_a_runner_that_does_not_start_anew_leaves_its_steps_as_they_were_and_is_tried_again(
    project: Project,
) -> None:
    project.file("a", config=event("A", "t"))
    project.file("c", config={"type": "cron", "name": "C", "cron": "0 * * * *"})
    await project.load()
    project.script.before = {"hello": "exit"}
    project.file("b", config=event("B", "t"))
    await project.reload()
    live = project.live
    assert (list(live.flow.steps), [failure.source.path for failure in live.flow.failures]) == (
        ["A", "C"],
        ["steps/b.script"],
    )
    (problem,) = [finding for finding in live.flow.findings if finding.severity == "error"]
    assert problem.message == (
        "The script runner did not start: it exited with status 3.\n"
        "The script steps go on as they were; the start is tried again."
    )
    assert [row["step"] for row in project.timetable.upcoming()] == ["C"]
    assert (await bounded(run(project.pools["script"], "r", "params", file="steps/a.script")))["file"]
    assert live.without_runner == {}
    project.script.before = {}
    await starts_again(project)
    assert (list(live.flow.steps), live.flow.failures) == (["A", "B", "C"], ())
    assert all(finding.severity == "warning" for finding in live.flow.findings)


async def test_a_runner_that_never_started_is_missing_until_a_later_try_succeeds(project: Project) -> None:
    project.file("a", config=event("A", "t"))
    project.script.before = {"hello": "exit"}
    await project.load()
    live = project.live
    assert live.ready
    reason = "The script runner did not start: it exited with status 3."
    assert (live.missing, live.without_runner) == ({"script": reason}, {"script": reason})
    assert [failure.message for failure in live.flow.failures] == [reason]
    await project.publish("t")
    before = live.revision
    await starts_again(project)
    assert live.revision > before, "it was not tried again"
    assert live.flow.failures
    project.script.before = {}
    await starts_again(project)
    assert (list(live.flow.steps), live.missing, live.without_runner) == (["A"], {}, {})
    async with asyncio.timeout(HANG_S):
        await project.rooms.bus.start()
        while await project.rooms.queue.parked_topics():
            await project.rooms.clock.settle()
    assert await project.rooms.queue.waiting() == [("A", 1)]


async def starts_again(project: Project) -> None:
    """Wait until the next try, which comes after a pause, has been switched to."""
    before = project.live.revision
    async with asyncio.timeout(HANG_S):
        while project.live.revision == before:
            await project.rooms.clock.advance(1)


async def test_what_broken_files_declared_stays_in_use_until_they_are_mended_or_deleted(project: Project) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    project.file("a", config={"type": "api", "name": "A", "path": "/a", "method": "GET"})
    project.file("c", config={"type": "cron", "name": "C", "cron": "0 * * * *"})
    project.stream("s", config={"name": "s", "schema": schema})
    await project.load()
    for name in ("a", "c"):
        project.file(name, load="fail")
    project.stream("s", load="fail")
    for restarted in (False, True):
        if restarted:
            await project.restart()
        else:
            await project.reload()
        live = project.live
        assert (list(live.flow.steps), list(live.flow.streams)) == ([], [])
        assert list(live.declared.steps) == ["A", "C"]
        assert live.unloaded(live.declared.steps["A"]) == "bad file"
        assert project.rooms.streams.stream_exists("s")
        validator = project.loaded.validators.item("s")
        assert validator is not None
        assert [issue.path for issue in validator.issues({"n": "x"})] == [("n",)]
        assert [row["step"] for row in project.timetable.upcoming()] == ["C"]
    for name in ("a.script", "c.script", "s.stream"):
        (project.script.root / "steps" / name).unlink()
    await project.reload()
    assert (project.live.declared.steps, project.live.declared.streams) == ({}, {})
    assert (project.rooms.streams.stream_exists("s"), project.timetable.upcoming()) == (False, [])


async def test_cron_steps_that_never_fire_are_told_at_start_and_reload(project: Project) -> None:
    def cron(name: str, expression: str, **more: str) -> JSONObject:
        return {"type": "cron", "name": name, "cron": expression, **more}

    project.file("a", config=cron("A", "61 * * * *"))
    await project.load()
    project.file("b", config=cron("B", "0 9 * * *", timezone="Mars/Base"))
    project.file("c", config=cron("C", "0 9 31 2 *"))
    project.file("d", config=cron("D", "0 9 * * *"))
    await project.reload()
    told = [line.split(" never fires: ") for line in project.rooms.lines() if "never fires" in line]
    assert [begin for begin, _ in told] == [
        "✖ [ERROR] steps/a.script: A",
        "✖ [ERROR] steps/b.script: B",
        "✖ [ERROR] steps/c.script: C",
    ]
    assert ["61 * * * *" in told[0][1], "Mars/Base" in told[1][1], "matches no date" in told[2][1]] == [True] * 3


class OtherPool:
    """A second language, whose load takes until it is let."""

    def __init__(self, pool: RunnerPool) -> None:
        self.kind = dataclasses.replace(
            pool.kind, name="other", patterns=(SourcePattern(".other", "step", "other", "other"),)
        )
        self._pool = pool
        self.is_missing = False
        self.began, self.let = asyncio.Event(), asyncio.Event()

    async def stage(self, sources: list[SourceFile]) -> Any:
        staged = await self._pool.stage(sources)
        self.began.set()
        await self.let.wait()
        return staged

    def switch(self, staged: Any) -> None:
        self._pool.switch(staged)

    def begin_standby(self) -> None:
        self._pool.begin_standby()


@contextlib.asynccontextmanager
async def other_language(project: Project) -> AsyncIterator[OtherPool]:
    async with pool_of(project.script) as pool:
        other = OtherPool(pool)
        project.pools["other"] = other  # type: ignore[assignment]
        (project.script.root / "steps").mkdir(exist_ok=True)
        project.script.file("steps/o.other", config=event("O", "o", emits=["t", "never"]))
        project.live = project.new()
        try:
            yield other
        finally:
            await project.live.stop()


async def test_each_language_is_ready_by_itself(project: Project) -> None:
    async with other_language(project) as other:
        project.file("a", config=event("A", "t", emits=["o"]))
        loading = asyncio.create_task(project.live.load())
        await bounded(other.began.wait())
        live = project.live
        async with asyncio.timeout(HANG_S):
            while "A" not in live.flow.steps:
                await project.rooms.clock.settle()
        # What is between languages is judged when all are known, and so is where an event goes.
        assert (live.ready, live.flow.failures, live.flow.findings) == (False, (), ())
        await project.publish("o")
        assert [topic for topic, _, _ in await project.rooms.queue.parked_topics()] == ["o"]
        other.let.set()
        await bounded(loading)
        assert (live.ready, sorted(live.flow.steps)) == (True, ["A", "O"])
        assert [finding.message for finding in live.flow.findings] == ["O emits never, but no step subscribes to it."]


async def test_a_language_that_hangs_keeps_no_other_from_its_reloads(project: Project) -> None:
    async with other_language(project) as other:
        other.let.set()
        project.file("a", config=event("A", "t"))
        await project.load()
        other.let.clear()
        other.began.clear()
        await project.live.begin_reload({"other"}, frozenset())
        await bounded(other.began.wait())
        for name in ("B", "C"):
            project.file("a", config=event(name, "t"))
            await project.reload("steps/a.script")
            assert sorted(project.live.flow.steps) == [name, "O"]


async def test_a_save_of_two_languages_tells_each_file_once(project: Project) -> None:
    async with other_language(project) as other:
        other.let.set()
        project.file("a", config=event("A", "t"))
        project.file("x", config=event("X", "t"))
        await project.load()
        project.rooms.console.line("--")
        project.file("x", load="fail")
        changed = frozenset({"steps/a.script", "steps/x.script", "steps/o.other"})
        await bounded(project.live.reload(["script", "other"], changed))
        lines = project.rooms.lines()
        told = lines[lines.index("--") :]
        assert sorted(line for line in told if "UPDATED" in line) == [
            "➜ [UPDATED] Step (Event) steps/a.script updated",
            "➜ [UPDATED] Step (Event) steps/o.other updated",
        ]
        assert told.count("✖ [ERROR] steps/x.script") == 1
