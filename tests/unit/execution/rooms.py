"""The rooms that calls and runs go through: real ones over files of the test."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from polystep.bus import Bus, BusOptions
from polystep.console import Console
from polystep.contracts.ids import Ids
from polystep.contracts.steps import EventTrigger, Flow, SourceFile, StepSpec, StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded, SchemaValidator, Validators
from polystep.execution import Calls, Emits, LogLines, Notifications, UnroutedEvents
from polystep.execution.attempts import OpenAttempt, OpenAttempts
from polystep.runners import Failures
from polystep.state import State
from polystep.stores import (
    SqliteChanges,
    SqliteQueueStore,
    SqliteStateStore,
    SqliteStreamStore,
    SqliteTraceStore,
    open_durable,
    open_traces,
)
from polystep.streams import Streams
from polystep.testing import FakeClock, NoRunner
from polystep.trace import Preview, TraceRecorder

TRACE = "a" * 32


def event_step(name: str, *topics: str, **more: object) -> StepSpec:
    source = SourceFile(f"steps/{name}.script", "step", "script", "script")
    return StepSpec(name, "event", source, EventTrigger(topics), **more)  # type: ignore[arg-type]


class Answer:
    """A streamed answer that may have begun."""

    def __init__(self, *, started: bool = False, client_left: bool = False) -> None:
        self.started, self.client_left = started, client_left
        self.summary: JSONObject = {"status": 200, "streamed": {"chunks": 2, "bytes": 7}}

    async def start(self, status: JSONValue, headers: JSONValue) -> None:
        self.started = True

    async def write(self, data: JSONValue) -> None:
        raise AssertionError(data)


@dataclass
class Rooms:
    """Everything, and what it shows."""

    clock: FakeClock
    queue: SqliteQueueStore
    state: State
    streams: Streams
    traces: SqliteTraceStore
    recorder: TraceRecorder
    bus: Bus
    runs: OpenAttempts
    calls: Calls
    notifications: Notifications
    console: Console
    output: io.StringIO
    items: dict[str, SchemaValidator]
    inputs: dict[str, SchemaValidator]
    preview: Preview

    def open(self, step: StepSpec, *, buffers_emits: bool = True) -> OpenAttempt:
        run = OpenAttempt("run", "0123456789abcdef", TRACE, 1, step, buffers_emits)
        self.runs.open(run)
        self.recorder.run_queued(run.run_id, TRACE, None, step.name, step.type, {})
        return run

    def lines(self) -> list[str]:
        self.console.stop()
        return self.output.getvalue().splitlines()

    async def operations(self) -> list[JSONObject]:
        """What is traced of the open run, without the time."""
        return [
            {key: value for key, value in each.items() if key not in ("attempt", "spanId", "at", "durationMs")}
            for each in await self.timed_operations()
        ]

    async def timed_operations(self) -> list[JSONObject]:
        """What is traced of the open run."""
        await self.recorder.flush()
        trace = await self.traces.trace(TRACE)
        runs = trace["runs"] if trace is not None else []
        assert isinstance(runs, list)
        assert isinstance(runs[0], dict)
        operations = runs[0]["operations"]
        assert isinstance(operations, list)
        return [each for each in operations if isinstance(each, dict)]

    async def logs(self) -> list[JSONObject]:
        await self.recorder.flush()
        return await self.traces.logs(100)


@contextlib.asynccontextmanager
async def rooms(folder: Path, *steps: StepSpec) -> AsyncIterator[Rooms]:
    clock = FakeClock()
    durable, traces_file = open_durable(folder / "d.db", "process"), open_traces(folder / "t.db")
    preview = Preview({})
    queue, traces = SqliteQueueStore(durable, clock), SqliteTraceStore(traces_file)
    recorder, runs, output = TraceRecorder(traces, clock, preview), OpenAttempts(), io.StringIO()
    console = Console(output)
    state, streams = State(SqliteStateStore(durable)), Streams(SqliteStreamStore(durable, SqliteChanges(clock)), clock)
    nobody = NoRunner()
    bus = Bus(queue, clock, nobody, nobody, Ids(), BusOptions("test"))
    bus.replace(Flow({step.name: step for step in steps}))
    source = SourceFile("steps/s.stream.ts", "stream", "typescript", "node")
    streams.replace({"s": StreamSpec("s", source)})
    items: dict[str, SchemaValidator] = {}
    inputs: dict[str, SchemaValidator] = {}
    loaded, failures = Loaded(), Failures(folder)
    loaded.validators = Validators({}, inputs, items)
    lines = LogLines(recorder, console, clock, failures.readable)
    emits = Emits(bus, recorder, loaded, lines, UnroutedEvents(console, loaded, dev=False))
    calls = Calls(runs, emits, state, streams, recorder, loaded)
    notifications = Notifications(runs, lines, recorder, failures)
    await durable.start()
    await traces_file.start()
    try:
        yield Rooms(
            clock,
            queue,
            state,
            streams,
            traces,
            recorder,
            bus,
            runs,
            calls,
            notifications,
            console,
            output,
            items,
            inputs,
            preview,
        )
    finally:
        console.stop()
        await bus.stop()
        await durable.stop()
        await traces_file.stop()
