"""Every operation of the table gives the same over HTTP and on the command line, as its schema says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import jsonschema
import pytest
from openapi_spec_validator import validate

from polystep.app import ProjectFolder
from polystep.contracts.asks import Ask
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.inspection import Inspection
from polystep.contracts.ports.letters import LetterFilter, NewBulk
from polystep.contracts.steps import CronTrigger, EventTrigger, Flow, SourceFile, StepSpec, StreamSpec
from polystep.contracts.values import JSONObject
from polystep.discovery import Loaded
from polystep.http import HttpServer, HttpSettings, ServedProject, ServedStreams
from polystep.operations import TABLE, Data, Operation, Place, ProjectAdmin, ProjectFeed, Traces, Work
from polystep.operations import Rooms as ProjectRooms
from polystep.operations.editor_program import EditorProgram
from polystep.operations.layout_file import Layout
from polystep.operations.openapi import openapi_document
from polystep.project.live import LiveProject
from polystep.schedule import Timetable
from polystep.trace.recorder import AttemptShare
from polystep.wire import pack
from tests.unit.cli.commands import polystep
from tests.unit.execution.rooms import Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.http.fakes import TOKEN, FakeAccess, FakeDocuments, FakeHub, FakeProject, FakeSteps
from tests.unit.operations.parts import asks_of, inspection_of

TRACE, RUN, ASK = "c" * 32, "d" * 16, "e" * 16
QUEUED, DEAD = "9" * 16, "8" * 16
NOTHING_PLACED = Layout({}, None, None).version
VOLATILE = {
    "id",
    "cursor",
    "traceId",
    "runId",
    "uptimeS",
    "eventId",
    "durationMs",
    "diedAt",
    "enqueuedAt",
    "headers",
    "firstByteMs",
    "readAt",
}
VOLATILE |= {"discarded", "replayed", "trace_id"}
VOLATILE |= {"newest", "firstAt", "lastAt", "uptoId", "begunAt", "endedAt", "dropped", "pausedAt"}
"""What two calls may give differently."""


def _source(name: str) -> SourceFile:
    return SourceFile(f"steps/{name}", "step", "script", "script")


EVENT = StepSpec("Work", "event", _source("work.script"), EventTrigger(("work",), None), flows=("f",))
CRON = StepSpec("Daily", "cron", _source("daily.script"), CronTrigger("0 * * * *", "UTC"))
STREAM = StreamSpec("chat", SourceFile("steps/chat.script", "stream", "script", "script"), None)
FLOW = Flow({step.name: step for step in (EVENT, CRON)}, {"chat": STREAM})

# Parameters of each operation, by their names in JSON. An operation that is missing here fails the test.
SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "steps": {},
    "step_source": {"step": "Work"},
    "flows": {},
    "flow": {"flow": "f"},
    "flow_counts": {"flow": "f"},
    "flow_layout": {"flow": "f"},
    "place_nodes": {"flow": "f", "nodes": {}, "version": NOTHING_PLACED},
    "emit": {"topic": "work", "data": [1], "step": "Work"},
    "cancel_event": {"topic": "work", "id": "none"},
    "cancel": {"runId": QUEUED},
    "replay_run": {"runId": RUN},
    "run_journal": {"runId": DEAD},
    "rerun": {"runId": DEAD, "key": "k"},
    "replays": {"id": TRACE[:8]},
    "request": {"method": "GET", "path": "/none?a=1"},
    "validate": {"topic": "work", "data": [1], "step": "Work"},
    "starters": {},
    "create_starter": {"language": "python"},
    "state_groups": {"limit": 1, "prefix": "g"},
    "state": {"group": "g/1", "limit": 1},
    "state_keys": {"group": "g/1", "prefix": "k", "limit": 1},
    "state_value": {"group": "g/1", "key": "k 1"},
    "state_set": {"group": "g/1", "key": "k 3", "value": {"a": [None]}, "version": ""},
    "state_rename": {"group": "g/1", "key": "k 1", "to": "k 4"},
    "state_history": {"group": "g/1", "key": "k 1"},
    "state_delete": {"group": "g/1", "key": "k 1"},
    "stream_groups": {"stream": "chat"},
    "stream": {"stream": "chat", "group": "general"},
    "stream_item": {"stream": "chat", "group": "general", "id": "1"},
    "stream_subscribers": {"stream": "chat"},
    "stream_history": {"stream": "chat", "group": "general", "id": "1"},
    "stream_set": {"stream": "chat", "group": "general", "id": "2", "data": {"text": "ho"}},
    "stream_delete": {"stream": "chat", "group": "general", "id": "1"},
    "traces": {"status": "running", "step": "Work", "flow": "f", "text": "WORK", "since": 1},
    "trace": {"id": TRACE[:8]},
    "trace_runs": {"id": TRACE},
    "trace_skeleton": {"id": TRACE[:8]},
    "trace_models": {"id": TRACE},
    "trace_usual": {"id": TRACE},
    "double_effects": {"traceId": TRACE, "limit": 1},
    "trace_operation": {"id": TRACE, "operation": 1},
    "run": {"runId": RUN},
    "run_operations": {"runId": RUN, "attempt": 1},
    "run_error": {"runId": "e" * 16},
    "open_in_editor": {"step": "Work"},
    "logs": {"minLevel": "info", "traceId": TRACE, "text": "CARE"},
    "rates": {"window": "1d", "flow": "f"},
    "queues": {},
    "asks": {},
    "ask": {"id": ASK},
    "answer": {"id": ASK, "value": {"ok": True}, "by": "ann"},
    "cancel_ask": {"id": ASK, "by": "ann"},
    "once_keys": {"prefix": "mail ", "limit": 1},
    "forget_once": {"key": "mail 7/8"},
    "pause": {"step": "Work"},
    "resume": {"step": "Work"},
    "queue": {"step": "Work", "state": "ready"},
    "queue_keys": {"step": "Work"},
    "try_now": {"step": "Work"},
    "drop": {"step": "Work", "id": 1},
    "purge": {"step": "Work"},
    "dead_letters": {"step": "Work"},
    "dead_letter_groups": {"text": "NO"},
    "dead_letter_count": {"topic": "work"},
    "dead_letter": {"id": 1},
    "replay": {"id": 1},
    "replay_many": {"ids": [1], "data": {"n": 1}},
    "discard": {"id": 1},
    "purge_dead_letters": {"step": "Work"},
    "bulks": {},
    "bulk": {"id": 1},
    "bulk_preview": {"step": "Work", "patch": {"n": 2}},
    "bulk_start": {"act": "discard", "step": "Work", "count": 1},
    "bulk_stop": {"id": 1},
    "cron": {},
    "cron_week": {"begin": 1_700_000_000_000},
    "clear_traces": {"before": 1_700_000_000_000},
    "cron_history": {"step": "Daily", "times": 2},
    "fire": {"step": "Daily", "at": 1000},
    "pause_cron": {"step": "Daily", "note": "careful"},
    "resume_cron": {"step": "Daily"},
}
FLAGS = {
    ("logs", "traceId"): "--trace",
    ("double_effects", "traceId"): "--trace-id",
    ("logs", "minLevel"): "--min-level",
    ("rerun", "key"): "--from",
}
ARGUMENTS = {
    "emit": ("topic", "data"),
    "cancel_event": ("topic", "id"),
    "request": ("method", "path"),
    "state_rename": ("to",),
    "state_set": ("value",),
    "stream_set": ("data",),
}
ARGUMENTS |= {"validate": ("data",), "answer": ("value",)}
VERBATIM = ("topic", "method", "path")


def _sample(name: str, ids: Mapping[str, int]) -> dict[str, Any]:
    """Parameters with the id of a dead letter, a bulk or a delivery that there is."""
    given = dict(SAMPLES[name])
    what = "bulk" if name.startswith("bulk") else "waiting" if name == "drop" else "letter"
    given |= {"id": ids[what]} if given.get("id") == 1 else {}
    return given | ({"ids": [ids["letter"]]} if "ids" in given else {})


@dataclass
class Host:
    """A served project, without runners."""

    rooms: Rooms
    inspection: Inspection
    folder: Path
    client: aiohttp.ClientSession
    run_id = RUN
    trace_id = TRACE
    number = 1

    @property
    def share(self) -> AttemptShare:
        return AttemptShare()

    async def fill(self) -> None:
        """Store one of everything."""
        rooms = self.rooms
        for key in ("k 1", "k 2"):
            await rooms.state.set("g/1", key, {"n": 2**53 - 1})
        await rooms.state.set("h", "k", None)
        await rooms.streams.set("chat", "general", "1", {"text": "hi"})
        rooms.recorder.run_queued(
            RUN, TRACE, None, "Work", "event", {"kind": "event", "topic": "work", "data": [1]}, pack([1])
        )
        rooms.recorder.attempt_started(RUN, TRACE, 1)
        rooms.recorder.run_queued("e" * 16, "f" * 32, None, "Work", "event", {"kind": "event"})
        error: JSONObject = {
            "name": "E",
            "message": "m",
            "place": {"file": "steps/work.script", "line": 1, "column": 1},
        }
        rooms.recorder.attempt_ended(
            "e" * 16, "f" * 32, 1, duration_ms=1, status="failed", run_status="failed", error=error
        )
        rooms.recorder.log("warn", "careful", step="Work", trace_id=TRACE, run_id=RUN, fields={"a": 1})
        rooms.recorder.span(self, "odd", {}, None, 0)
        await rooms.recorder.flush()
        for run_id in (DEAD, "7" * 16, QUEUED):
            (queued, *_) = rooms.bus.plan("work", pack([1]), trace_id=TRACE, parent_run_id=None)
            await rooms.queue.enqueue([queued._replace(run_id=run_id)])
        (claimed,) = (await rooms.queue.claim({"Work": 1}, "test", rooms.clock.now_ms(), 1000)).deliveries
        asked = Ask(ASK, "ask", claimed.run_id, "k", "Work", TRACE, "Send?", pack([1]), b"{}", 5, 10**15, b"hash")
        await rooms.queue.journal.begin_wait(claimed, JournalEntry("k", "ask", 5, due_ms=10**15), [], [], None, asked)
        for key in ("mail 7/8", "mail 9"):
            await rooms.queue.once_keys.take(claimed, JournalEntry(key, "once", 5), 10**10, 100)
        await rooms.queue.bury(claimed, {"name": "no", "message": "m"}, rooms.clock.now_ms())
        await rooms.queue.bulks.begin(NewBulk("replay", LetterFilter(step="none"), {}, None, None), 0)

    async def clear(self) -> None:
        """Remove it again, with what an operation has added."""
        for step in ("Work", "Daily"):
            await self.rooms.queue.purge(step, 100, 100)
        await self.rooms.queue.purge_dead_letters(None)
        await self.rooms.state.clear("g/1")
        await self.rooms.streams.delete("chat", "general", "2")
        await self.inspection.queue.pause("Work", None)
        for path in self.folder.parent.glob("steps/*_step.py"):
            path.unlink()
        await self.inspection.queue.pause_cron("Daily", None)

    async def ids(self) -> dict[str, int]:
        """Return the ids of the newest dead letter, the newest bulk and the newest delivery."""
        letters, bulks = await self.rooms.queue.dead_letters(1), await self.rooms.queue.bulks.records(1, None)
        return {"letter": letters[0].id, "bulk": bulks[0].id, "waiting": await self.rooms.queue.last_id("Work")}

    async def over_http(self, operation: Operation[Any, Any], given: Mapping[str, Any]) -> Any:
        path = operation.path
        for name in operation.in_path:
            path = path.replace(f"{{{name}}}", quote(str(given[name]), safe=""))
        left = {name: value for name, value in given.items() if name not in operation.in_path}
        request: dict[str, Any] = {"headers": {"Authorization": f"Bearer {TOKEN}"}}
        if operation.method == "GET":
            request["params"] = left
        elif left:
            request["json"] = left
        url = f"/__polystep/api/{path}"
        async with self.client.request(operation.method, _encoded(self.client, url), **request) as answer:
            assert answer.status == 200, await answer.text()
            return json.loads(await answer.text())

    async def on_command_line(self, operation: Operation[Any, Any], given: Mapping[str, Any]) -> Any:
        words = [operation.name.replace("_", "-")]
        for name, value in given.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if name in operation.in_path or name in ARGUMENTS.get(operation.name, ()):
                words.append(text)
            elif name == "ids":
                words += ["--ids", str(value[0])]
            else:
                words += [FLAGS.get((operation.name, name), f"--{name}"), text]
        if operation.name.startswith(("purge", "clear")):
            words.append("--yes")
        done = await asyncio.to_thread(polystep, *words, "--json", "--project", str(self.folder))
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


def _encoded(client: aiohttp.ClientSession, path: str) -> Any:
    from yarl import URL

    return URL(f"{client._base_url}".rstrip("/") + path, encoded=True)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with make_rooms(tmp_path, EVENT, CRON) as rooms:
        rooms.streams.replace({"chat": STREAM})
        inspection = inspection_of(rooms)
        editor = EditorProgram("true", {}, is_local=True)
        feed = ProjectFeed(rooms.recorder, rooms.clock, lambda: 1)
        (tmp_path / "steps").mkdir()
        (tmp_path / "steps/work.script").write_text("step\n")
        timetable = Timetable(rooms.clock, _never, lambda *_: None)
        timetable.replace({"Daily": cast("CronTrigger", CRON.trigger)})
        known = {
            "flow": FLOW,
            "declared": FLOW,
            "ready": True,
            "revision": 1,
            "without_runner": {},
            "switched_ms": (2,),
        }
        project = cast("LiveProject", SimpleNamespace(**known, unloaded=lambda _: None))
        asks = asks_of(rooms, tmp_path)
        parts = ProjectRooms(
            project,
            Work(
                rooms.bus, rooms.queue, timetable, rooms.runs, Loaded(FLOW), inspection.queue, asks, inspection.letters
            ),
            Data(rooms.state, rooms.streams, inspection.data),
            Traces(rooms.recorder, rooms.traces, inspection.traces),
            rooms.clock,
            Place(
                tmp_path,
                lambda: f"http://127.0.0.1:{server.bind()}",
                0.0,
                feed,
                editor,
            ),
        )
        fake = FakeProject()
        server = HttpServer(
            HttpSettings(port=0, token=TOKEN),
            rooms.clock,
            ServedProject(fake, FakeSteps(), FakeDocuments(fake)),
            ServedStreams(FakeHub(), FakeAccess()),
            ProjectAdmin(parts),
        )
        folder = ProjectFolder(tmp_path / "project")
        (tmp_path / "project").mkdir()
        folder.take()
        folder.new_token(TOKEN)
        url = f"http://127.0.0.1:{server.bind()}"
        folder.announce(url)
        await server.start()
        try:
            async with aiohttp.ClientSession(url) as client:
                yield Host(rooms, inspection, tmp_path / "project", client)
        finally:
            await server.stop(0.1)
            folder.release()


async def _never(step: str, due_ms: int) -> None:
    raise AssertionError(step)


def _steady(value: Any) -> Any:
    """Without what two calls may give differently."""
    if isinstance(value, list):
        return [_steady(each) for each in value]
    if isinstance(value, dict):
        return {name: _steady(each) for name, each in value.items() if name not in VOLATILE}
    return value


def test_the_document_is_valid_and_names_every_operation_once() -> None:
    document: Any = openapi_document(TABLE)
    validate(document)
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert sorted(names) == sorted({operation.name for operation in TABLE}) == sorted(SAMPLES)
    assert all(operation.help.endswith(".") for operation in TABLE)
    assert all((operation.method == "GET") == (operation.effect == "reads") for operation in TABLE)


@pytest.mark.parametrize("operation", TABLE, ids=lambda each: each.name)
async def test_http_and_the_command_line_give_what_the_schema_says(operation: Operation[Any, Any], host: Host) -> None:
    await host.fill()
    over_http = await host.over_http(operation, _sample(operation.name, await host.ids()))
    document: Any = openapi_document(TABLE)
    schema = {"$ref": f"#/components/schemas/{operation.result.__name__}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(over_http)
    if operation.effect == "changes":
        await host.clear()
        await host.fill()
    on_command_line = await host.on_command_line(operation, _sample(operation.name, await host.ids()))
    assert _steady(on_command_line) == _steady(over_http)
