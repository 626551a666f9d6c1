"""The rooms that calls and runs go through: real ones over files of the test."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from polystep.app import Console
from polystep.app.calls import Calls
from polystep.app.nowhere import Nowhere
from polystep.app.runs import OpenRun, OpenRuns
from polystep.bus import Bus
from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.ids import Ids
from polystep.contracts.steps import EventTrigger, Flow, SourceFile, StepSpec, StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import SchemaValidator
from polystep.runners import Failures
from polystep.state import State
from polystep.stores import (
    SqliteQueueStore,
    SqliteStateStore,
    SqliteStreamStore,
    SqliteTraceStore,
    open_durable,
    open_traces,
)
from polystep.streams import Streams
from polystep.testing.clock import FakeClock
from polystep.trace import Preview, TraceRecorder

TRACE = "a" * 32


def event_step(name: str, *topics: str, **more: object) -> StepSpec:
    source = SourceFile(f"steps/{name}.script", "step", "script", "script")
    return StepSpec(name, "event", source, EventTrigger(topics), **more)  # type: ignore[arg-type]


class NoRunner:
    """For a bus that is never started."""

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        raise AssertionError(delivery)

    def enqueued(self, deliveries: object) -> None:
        """Nothing is traced."""

    def settled(self, *_: object) -> None:
        raise AssertionError

    def unparked(self, *_: object) -> None:
        raise AssertionError

    def superseded(self, delivery: Delivery) -> None:
        raise AssertionError(delivery)


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
class House:
    """Everything, and what it shows."""

    clock: FakeClock
    queue: SqliteQueueStore
    state: State
    streams: Streams
    traces: SqliteTraceStore
    recorder: TraceRecorder
    bus: Bus
    runs: OpenRuns
    calls: Calls
    console: Console
    output: io.StringIO
    items: dict[str, SchemaValidator]
    inputs: dict[str, SchemaValidator]
    preview: Preview

    def open(self, step: StepSpec, *, buffers_emits: bool = True) -> OpenRun:
        run = OpenRun("run", "0123456789abcdef", TRACE, 1, step, buffers_emits)
        self.runs.open(run)
        self.recorder.run_queued(run.run_id, TRACE, None, step.name, step.type, {})
        return run

    def lines(self) -> list[str]:
        self.console.stop()
        return self.output.getvalue().splitlines()

    async def operations(self) -> list[JSONObject]:
        """What is traced of the open run, without the time."""
        await self.recorder.flush()
        trace = await self.traces.trace(TRACE)
        runs = trace["runs"] if trace is not None else []
        assert isinstance(runs, list)
        assert isinstance(runs[0], dict)
        operations = runs[0]["operations"]
        assert isinstance(operations, list)
        return [
            {key: value for key, value in each.items() if key not in ("at", "attempt")}
            for each in operations
            if isinstance(each, dict)
        ]

    async def logs(self) -> list[JSONObject]:
        await self.recorder.flush()
        return await self.traces.logs(100)


@contextlib.asynccontextmanager
async def house(folder: Path, *steps: StepSpec) -> AsyncIterator[House]:
    clock = FakeClock()
    durable, traces_file = open_durable(folder / "d.db", "process"), open_traces(folder / "t.db")
    preview = Preview({})
    queue, traces = SqliteQueueStore(durable, clock), SqliteTraceStore(traces_file)
    recorder, runs, output = TraceRecorder(traces, clock, preview), OpenRuns(), io.StringIO()
    console = Console(output)
    state, streams = State(SqliteStateStore(durable)), Streams(SqliteStreamStore(durable), clock)
    nobody = NoRunner()
    bus = Bus(queue, clock, nobody, nobody, Ids(), owner="test")
    bus.replace(Flow({step.name: step for step in steps}))
    source = SourceFile("steps/s.stream.ts", "stream", "typescript", "node")
    streams.replace({"s": StreamSpec("s", source)})
    items: dict[str, SchemaValidator] = {}
    inputs: dict[str, SchemaValidator] = {}
    nowhere = Nowhere(console, Flow, dev=False)
    calls = Calls(runs, bus, state, streams, recorder, console, clock, items.get, inputs.get, nowhere, Failures(folder))
    await durable.start()
    await traces_file.start()
    try:
        yield House(
            clock, queue, state, streams, traces, recorder, bus, runs, calls, console, output, items, inputs, preview
        )
    finally:
        console.stop()
        await bus.stop()
        await durable.stop()
        await traces_file.stop()
