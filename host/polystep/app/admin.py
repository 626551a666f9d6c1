"""What the admin API answers, gathered from the rooms. Implements `Admin`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from polystep import __version__
from polystep.app.project import LiveProject
from polystep.app.runs import OpenRuns
from polystep.bus import Bus
from polystep.contracts.events import UNKNOWN_STEP, DeadLetter
from polystep.contracts.ports import Clock, QueueStore, Schedule, StoreFile, TraceStore
from polystep.contracts.steps import CronTrigger, EventTrigger, Finding, HttpTrigger, SourceFile, StepSpec, StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.state import State
from polystep.streams import Streams
from polystep.trace import TraceRecorder
from polystep.wire import pack, unpack

PURGED_AT_ONCE: Final = 5000
"""Events removed in one transaction; other writes wait meanwhile."""
_MARK: Final = "g"
"""How the cursor of a list of groups begins: a group may be the empty text."""


class ProjectAdmin:
    """Reads and acts on everything of one project."""

    def __init__(
        self,
        project: LiveProject,
        bus: Bus,
        queue: QueueStore,
        state: State,
        streams: Streams,
        schedule: Schedule,
        recorder: TraceRecorder,
        traces: TraceStore,
        runs: OpenRuns,
        clock: Clock,
        files: Sequence[StoreFile] = (),
    ) -> None:
        """`files` hold what is stored; health says which of them cannot be written."""
        self._files = files
        self._project = project
        self._bus = bus
        self._queue = queue
        self._state = state
        self._streams = streams
        self._schedule = schedule
        self._recorder = recorder
        self._traces = traces
        self._runs = runs
        self._clock = clock
        self._started_s = clock.monotonic_s()

    async def health(self) -> JSONObject:
        """Report whether the project is loaded, how much of it, and what is not."""
        project, flow = self._project, self._project.flow
        without_runner = project.without_runner
        failing = [(failure.source.path, failure.message) for failure in flow.failures]
        failing += [(each.file, each.message) for each in flow.findings if each.severity == "error"]
        storage = [each.trouble.message for each in self._files if each.trouble is not None]
        status = "ready"
        if not project.ready:
            status = "starting"
        elif without_runner:
            status = "unavailable"
        elif failing or storage:
            status = "degraded"
        return {
            "status": status,
            "version": __version__,
            "uptimeS": round(self._clock.monotonic_s() - self._started_s, 3),
            "generation": project.generation,
            "steps": len(flow.steps),
            "streams": len(flow.streams),
            "failures": len(flow.failures),
            "failing": [{"file": file, "message": message} for file, message in failing],
            "runnersMissing": [{"runner": name, "message": message} for name, message in without_runner.items()],
            "storage": [{"message": message} for message in storage],
            "openRuns": len(self._runs),
            "traceRecordsDropped": self._recorder.dropped,
        }

    async def steps(self) -> JSONObject:
        """Every step and stream file: what is loaded, and what is not and why."""
        flow = self._project.flow
        never_fire = {row["step"]: row["error"] for row in self._schedule.upcoming()}
        steps: list[JSONValue] = [{**_step(step), "error": never_fire.get(step.name)} for step in flow.steps.values()]
        streams: list[JSONValue] = [_stream(stream) for stream in flow.streams.values()]
        for failure in flow.failures:
            (streams if failure.source.kind == "stream" else steps).append(_failed(failure.source, failure.message))
        findings: list[JSONValue] = [_finding(finding) for finding in flow.findings]
        return {"steps": steps, "streams": streams, "warnings": list(flow.warnings), "findings": findings}

    async def state_groups(self, limit: int, cursor: str | None) -> JSONObject:
        """Groups with their number of keys."""
        found = await self._state.groups(None if cursor is None else cursor.removeprefix(_MARK), limit + 1)
        more = _MARK + found[limit - 1][0] if len(found) > limit else None
        return {"groups": [{"group": group, "keys": keys} for group, keys in found[:limit]], "cursor": more}

    async def state_items(self, group: str, limit: int, cursor: str | None) -> JSONObject:
        """Part of a group."""
        items, more = await self._state.entries(group, cursor, limit)
        return {"items": items, "cursor": more}

    async def state_value(self, group: str, key: str) -> JSONObject | None:
        """One value."""
        found = await self._state.find(group, key)
        return None if found is None else {"value": found[0]}

    async def stream_items(self, stream: str, group: str, limit: int, cursor: str | None) -> JSONObject | None:
        """Part of a group of a stream."""
        if not self._streams.stream_exists(stream):
            return None
        items, more = await self._streams.entries(stream, group, cursor, limit)
        return {"items": cast("JSONValue", items), "cursor": more}

    async def traces(self, limit: int, before: int | None, status: str | None) -> JSONObject:
        """Summaries."""
        await self._recorder.flush()
        return {"traces": cast("JSONValue", await self._traces.traces(limit, before, status))}

    async def trace(self, trace_id: str) -> JSONObject | None:
        """One trace."""
        await self._recorder.flush()
        return await self._traces.trace(trace_id)

    async def traces_like(self, part: str, limit: int) -> JSONObject:
        """Summaries of traces by the beginning or end of their id."""
        await self._recorder.flush()
        return {"traces": cast("JSONValue", await self._traces.traces_like(part, limit))}

    async def logs(self, limit: int, trace_id: str | None, level: str | None, step: str | None) -> JSONObject:
        """Log lines."""
        await self._recorder.flush()
        return {"logs": cast("JSONValue", await self._traces.logs(limit, trace_id, level, step))}

    async def queues(self) -> JSONObject:
        """What waits, by step."""
        now_ms = self._clock.now_ms()
        parked: list[JSONValue] = [
            {"topic": topic, "waiting": count, "oldestMs": max(now_ms - oldest_ms, 0)}
            for topic, count, oldest_ms in await self._queue.parked_topics()
        ]
        waiting = await self._queue.waiting()
        return {"queues": [{"step": step, "waiting": count} for step, count in waiting], "parked": parked}

    async def purge(self, step: str) -> JSONObject | None:
        """Remove what waits for a step; what runs goes on, and emits to it no more."""
        upto_id = await self._bus.begin_purge(step)
        if not upto_id and step != UNKNOWN_STEP and step not in self._project.declared.steps:
            return None
        removed = 0
        while runs := await self._bus.purge(step, PURGED_AT_ONCE, upto_id):
            removed += len(runs)
            await self._recorder.flush()
            await self._traces.interrupt_runs(runs, self._clock.now_ms())
        return {"step": step, "removed": removed}

    async def purge_dead_letters(self, step: str | None) -> JSONObject:
        """Remove dead letters for good."""
        return {"step": step, "removed": await self._queue.purge_dead_letters(step)}

    async def dead_letters(self, limit: int, before: int | None) -> JSONObject:
        """The newest ones."""
        return {"deadLetters": [_letter(letter) for letter in await self._queue.dead_letters(limit, before)]}

    async def replay(self, id: int) -> JSONObject | None:
        """Try one again."""
        letter = await self._bus.replay(id)
        return None if letter is None else {"replayed": id, "step": letter.step, "traceId": letter.trace_id}

    async def cron(self) -> JSONObject:
        """Cron steps and their next fire times."""
        rows: list[JSONValue] = []
        for row in self._schedule.upcoming():
            step = self._project.declared.steps.get(str(row["step"]))
            if row["error"] is None and step is not None and self._project.unloaded(step) is not None:
                row |= {"error": f"{step.source.path} does not load: a tick waits until it does."}
            rows.append(row)
        return {"cron": rows}

    async def fire_cron(self, step: str) -> JSONObject | None:
        """Fire now; `skipped` says when an earlier tick is still at work."""
        spec = self._project.flow.steps.get(step)
        if spec is None or not isinstance(spec.trigger, CronTrigger):
            return None
        tick = await self._bus.publish_tick(step, pack(None))
        if tick is None:
            return {"step": step, "traceId": None, "skipped": f"{step} is still at work; ticks do not overlap."}
        return {"step": step, "traceId": tick.trace_id, "skipped": None}


def _step(step: StepSpec) -> JSONObject:
    shown: JSONObject = {
        "name": step.name,
        "type": step.type,
        "language": step.source.language,
        "file": step.source.path,
        "error": None,
        "description": step.description,
        "flows": list(step.flows),
        "emits": [emit.topic for emit in step.emits],
        "subscribes": list(step.topics),
        "warnings": list(step.warnings),
    }
    match step.trigger:
        case HttpTrigger() as http:
            shown |= {"method": http.method, "path": http.path, "bodySchema": http.body_schema}
            shown |= {"responseSchema": dict(http.response_schema), "queryParams": list(http.query_params)}
            shown |= {"pathParams": list(http.path_params)}
        case EventTrigger() as event:
            shown |= {"input": event.input_schema, "retriesMax": step.queue.retries_max}
        case CronTrigger() as cron:
            shown |= {"cron": cron.expression, "timezone": cron.timezone}
        case None:
            pass
    return shown


def _stream(stream: StreamSpec) -> JSONObject:
    return {
        "name": stream.name,
        "type": "stream",
        "language": stream.source.language,
        "file": stream.source.path,
        "error": None,
        "schema": stream.schema,
        "warnings": list(stream.warnings),
    }


def _finding(finding: Finding) -> JSONObject:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "file": finding.file,
        "message": finding.message,
    }


def _failed(source: SourceFile, message: str) -> JSONObject:
    name = source.path.rsplit("/", 1)[-1]
    return {
        "name": name,
        "type": "stream" if source.kind == "stream" else None,
        "language": source.language,
        "file": source.path,
        "error": message,
    }


def _letter(letter: DeadLetter) -> JSONObject:
    return {
        "id": letter.id,
        "step": letter.step,
        "topic": letter.topic,
        "kind": letter.kind,
        "data": unpack(letter.data),
        "traceId": letter.trace_id,
        "attempts": letter.attempts,
        "error": letter.error,
        "enqueuedAt": letter.enqueued_at_ms,
        "diedAt": letter.died_at_ms,
    }
