"""In-test implementations of the ports the HTTP room is handed. They copy what crosses them."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import aiohttp

from polystep.contracts.clock import SystemClock
from polystep.contracts.errors import Issue
from polystep.contracts.events import ChangeType, StreamChange
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.http import ParameterReader, ResponseStream, Validator
from polystep.contracts.ports.streams import AccessRefused, StreamSubscriber
from polystep.contracts.ports.trace import TraceSink
from polystep.contracts.request_keys import KeptResponse, KeyedRun
from polystep.contracts.steps import Flow, HttpTrigger, SourceFile, StepSpec, StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.http import HttpServer, HttpSettings, ServedProject, ServedStreams
from polystep.operations import TABLE, Params, ProjectFeed, Rooms
from polystep.operations.operation import BoundOperation
from tests.patience import HANG_S

TOKEN = "token-of-this-test"


def api_step(name: str, method: str, path: str) -> StepSpec:
    source = SourceFile(f"steps/{name}.step.ts", "step", "typescript", "node")
    return StepSpec(name=name, type="api", source=source, trigger=HttpTrigger(method, path))


class RequiresSubject:
    """Accepts objects with a `subject`."""

    def issues(self, value: object) -> list[Issue]:
        if isinstance(value, dict) and "subject" in value:
            return []
        return [Issue(("subject",), "is required", "required")]


class FakeProject:
    def __init__(self, *steps: StepSpec) -> None:
        self.revision = 1
        self.ready = True
        self.flow = Flow(steps={step.name: step for step in steps})
        self.validators: dict[str, Validator] = {}
        self.readers: dict[str, dict[str, ParameterReader]] = {}
        self.kept: dict[str, tuple[StepSpec, str]] = {}
        """Steps whose files do not load, and why."""
        self.missing: dict[str, str] = {}

    @property
    def declared(self) -> Flow:
        return replace(self.flow, steps={**{name: step for name, (step, _) in self.kept.items()}, **self.flow.steps})

    def unloaded(self, step: StepSpec) -> str | None:
        return None if step.name in self.flow.steps else self.kept[step.name][1]

    def replace(self, *steps: StepSpec) -> None:
        self.flow = replace(self.flow, steps={step.name: step for step in steps})
        self.revision += 1

    def add_stream(self, name: str) -> None:
        source = SourceFile(f"steps/{name}.stream.ts", "stream", "typescript", "node")
        self.flow = replace(self.flow, streams={name: StreamSpec(name, source)})

    def body_validator(self, step: StepSpec) -> Validator | None:
        return self.validators.get(step.name)

    def parameter_readers(self, step: StepSpec) -> Mapping[str, ParameterReader]:
        return self.readers.get(step.name, {})


@dataclass
class FakeSteps:
    """Answers with `result`, or with what `handler` returns; remembers every request."""

    result: object = field(default_factory=lambda: {"status": 200, "body": {"ok": True}})
    handler: Callable[[JSONObject], Awaitable[object]] | None = None
    calls: list[tuple[str, JSONObject, str]] = field(default_factory=list)
    rejected: list[tuple[str, JSONObject, str, list[Issue]]] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    replayed: list[tuple[str, str, KeptResponse]] = field(default_factory=list)
    answer: ResponseStream | None = None
    """Of the last request."""

    async def run_http(
        self,
        step: StepSpec,
        request: JSONObject,
        trace_id: str,
        response: ResponseStream,
        target: str = "",
        keyed: KeyedRun | None = None,
    ) -> JSONObject:
        self.answer = response
        self.calls.append((step.name, copy.deepcopy(request), trace_id))
        if isinstance(self.result, Exception):
            raise self.result
        result = self.result if self.handler is None else await self.handler(copy.deepcopy(request))
        return cast("JSONObject", copy.deepcopy(result))  # tests return wrong answers on purpose

    def reject_http(
        self, step: StepSpec, request: JSONObject, trace_id: str, issues: Sequence[Issue], target: str = ""
    ) -> None:
        self.rejected.append((step.name, copy.deepcopy(request), trace_id, list(issues)))

    def replay_http(
        self, step: StepSpec, request: JSONObject, trace_id: str, kept: KeptResponse, target: str = ""
    ) -> None:
        self.replayed.append((step.name, trace_id, kept))

    def response_refused(self, step: StepSpec, trace_id: str, message: str) -> None:
        self.refused.append((step.name, trace_id, message))

    @property
    def request(self) -> JSONObject:
        """The last request a handler was given."""
        return self.calls[-1][1]


class FakeHub:
    """Streams in memory; `gate`, when set, holds every snapshot until it is released."""

    def __init__(self) -> None:
        self.streams = {"chat", "closed"}
        self.items: dict[tuple[str, str, str], JSONObject] = {}
        self.rooms: dict[tuple[str, str, str | None], dict[StreamSubscriber, None]] = {}
        self.gate: asyncio.Event | None = None
        self.snapshot_begun = asyncio.Event()
        self.subscribed = asyncio.Event()
        self.unsubscribed = asyncio.Event()
        self.forgotten = asyncio.Event()
        self.failure: Exception | None = None
        self.clock_ms = 1000

    def stream_exists(self, stream: str) -> bool:
        return stream in self.streams

    def subscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        self.rooms.setdefault((stream, group, id), {})[subscriber] = None
        self.subscribed.set()

    def unsubscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        self.rooms.get((stream, group, id), {}).pop(subscriber, None)
        self.unsubscribed.set()

    def forget(self, subscriber: StreamSubscriber) -> None:
        for members in self.rooms.values():
            members.pop(subscriber, None)
        self.forgotten.set()

    async def snapshot(self, stream: str, group: str, id: str) -> JSONObject | None:
        # Read now: what changes while the caller waits is not in it.
        found = copy.deepcopy(self.items.get((stream, group, id)))
        await self._wait()
        return found

    async def pages(self, stream: str, group: str) -> AsyncIterator[list[JSONObject]]:
        found = [copy.deepcopy(v) for (s, g, _), v in self.items.items() if (s, g) == (stream, group)]
        await self._wait()
        for start in range(0, len(found), 2):
            yield found[start : start + 2]

    async def _wait(self) -> None:
        self.snapshot_begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure

    def next_timestamp_ms(self) -> int:
        self.clock_ms += 1
        return self.clock_ms

    def change(self, type_: ChangeType, group: str, id: str | None, data: JSONValue, stream: str = "chat") -> None:
        """Store and tell; a subscriber of the item and of its group is told twice, the worst a hub may do."""
        if id is not None and type_ in ("create", "update") and isinstance(data, dict):
            self.items[stream, group, id] = copy.deepcopy(data)
        change = StreamChange(type_, stream, group, id, copy.deepcopy(data), self.next_timestamp_ms())
        for room in dict.fromkeys([(stream, group, None), (stream, group, id)]):
            for subscriber in list(self.rooms.get(room, {})):
                subscriber.changed(change)


@dataclass
class FakeAccess:
    """Rules of the test: `context` is what every socket is authenticated as, or the refusal that is raised."""

    context: JSONValue = None
    refusal: AccessRefused | None = None
    guarded: set[str] = field(default_factory=set)
    allows: Callable[[JSONValue, str, str | None], Awaitable[bool]] | None = None
    authenticated: list[tuple[JSONObject, str]] = field(default_factory=list)
    joins: list[tuple[str, str, str | None, JSONValue]] = field(default_factory=list)

    async def authenticate(self, headers: JSONObject, url: str) -> JSONValue:
        self.authenticated.append((copy.deepcopy(headers), url))
        if self.refusal is not None:
            raise self.refusal
        return copy.deepcopy(self.context)

    def has_rule(self, stream: str) -> bool:
        return stream in self.guarded

    async def may_join(self, stream: str, group: str, id: str | None, context: JSONValue) -> bool:
        self.joins.append((stream, group, id, copy.deepcopy(context)))
        if self.allows is not None:
            return await self.allows(context, group, id)
        return stream != "closed"


@dataclass
class Told:
    """Stands for the model of a result."""

    body: JSONObject

    def model_dump(self, **_: object) -> JSONObject:
        return self.body


class FakeRecorder:
    """Knows which sinks have been joined to it."""

    def __init__(self) -> None:
        self.sinks: dict[str, TraceSink] = {}
        self.left = asyncio.Event()

    def add_sink(self, name: str, sink: TraceSink) -> None:
        self.sinks[name] = sink

    async def remove_sink(self, name: str) -> None:
        del self.sinks[name]
        self.left.set()


class FakeAdmin:
    """The table's own routes and parameters; each operation answers with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.told: JSONObject = {"status": "ready", "version": "0.1.0"}

        self.recorder = FakeRecorder()
        self.revision = 1
        self.live = ProjectFeed(self.recorder, SystemClock(), lambda: self.revision)

    @property
    def operations(self) -> list[BoundOperation]:
        fake = cast("Rooms", self)
        return [BoundOperation(dataclasses.replace(each, run=self._run(each.name)), fake) for each in TABLE]

    async def health(self) -> JSONObject:
        return self.told

    def openapi(self) -> JSONObject:
        return {"openapi": "3.1.0"}

    def _run(self, name: str) -> Callable[..., Awaitable[Told | None]]:
        async def run(_: Rooms, params: Params) -> Told | None:
            given = params.model_dump(exclude_unset=True)
            self.asked.append((name, given))
            missing = "missing" in given.values()
            return None if missing else Told({"did": name, **given, "blob": b"\x00\xff"})

        return run


class FakeDocuments:
    """Names the steps, and counts how often it was asked."""

    def __init__(self, project: FakeProject) -> None:
        self._project = project
        self.made = 0

    def openapi(self) -> JSONObject:
        self.made += 1
        return {"openapi": [*self._project.flow.steps]}

    def asyncapi(self) -> JSONObject:
        return {"asyncapi": "3.0.0"}


@dataclass
class HttpHarness:
    """A running server, its fakes, and a client."""

    server: HttpServer
    project: FakeProject
    steps: FakeSteps
    hub: FakeHub
    admin: FakeAdmin
    documents: FakeDocuments
    access: FakeAccess
    client: aiohttp.ClientSession
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def raw(self, data: bytes, *, until_closed: bool = True) -> bytes:
        """Send bytes as they are and read the answer to its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(HANG_S):
                writer.write(data)
                await writer.drain()
                return await (reader.read() if until_closed else reader.readuntil(b"\r\n\r\n"))
        finally:
            writer.close()


@asynccontextmanager
async def running(
    *steps: StepSpec,
    settings: HttpSettings | None = None,
    clock: Clock | None = None,
    access: FakeAccess | None = None,
) -> AsyncIterator[HttpHarness]:
    """Start a server with fakes; stops it at the end."""
    project, caller, hub, admin = FakeProject(*steps), FakeSteps(), FakeHub(), FakeAdmin()
    used = settings or HttpSettings(port=0, token=TOKEN)
    documents, rules = FakeDocuments(project), access or FakeAccess()
    served, streams = ServedProject(project, caller, documents), ServedStreams(hub, rules)
    server = HttpServer(used, clock or SystemClock(), served, streams, admin)
    port = server.bind()
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False) as client:
            yield HttpHarness(server, project, caller, hub, admin, documents, rules, client, port)
    finally:
        await server.stop(0.1)
