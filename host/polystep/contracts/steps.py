"""Contents of a project: steps, streams, the files that failed, and the topics between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from polystep.contracts.limits import RUN_TIMEOUT_S, RUNS_PER_RUNNER
from polystep.contracts.locations import Location
from polystep.contracts.values import JSONObject

StepType: TypeAlias = Literal["api", "event", "cron", "noop"]
FileKind: TypeAlias = Literal["step", "stream", "access"]
"""`access`: a file whose rule decides who may open a WebSocket."""
FindingKind: TypeAlias = Literal[
    "load", "config", "schema", "topic", "route", "cron", "access", "project", "double_effect"
]
Severity: TypeAlias = Literal["error", "warning"]
EVERY_STEP: Final = "*"
WITHOUT_FLOW: Final = "-"
FLOW_WORDS: Final[Mapping[str, str]] = {EVERY_STEP: "all steps", WITHOUT_FLOW: "the steps without a flow"}
"""Stand in place of the name of a flow, in addresses and commands."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that holds a step, a stream or the access rule, found by its name."""

    path: str
    """Relative to the project, with forward slashes."""
    kind: FileKind
    language: str
    """As shown to people: `typescript`, `javascript`, `python`."""
    runner: str
    """Runner that loads it: `node`, `python`."""


@dataclass(frozen=True, slots=True)
class SourcePattern:
    """Ending of the names of one kind of file of one language, such as `.step.ts`."""

    suffix: str
    kind: FileKind
    language: str
    runner: str
    in_root: bool = False
    """The suffix is the whole name of a file in the project's root, such as `motia.config.ts`."""


@dataclass(frozen=True, slots=True)
class Emit:
    """A topic that a step declares it emits."""

    topic: str
    label: str | None = None
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class WaitTopic:
    """A topic whose events the runs of a step wait for."""

    topic: str
    by: str = ""
    """Path in the data of its events whose value a wait names; empty where a wait takes every event."""


@dataclass(frozen=True, slots=True)
class CancelTopic:
    """A topic whose events cancel runs of a step."""

    topic: str
    by: str = ""
    """Path in the data of its events, and in the input of the runs: runs whose value there is that of the event are
    cancelled. Empty where an event cancels every run of the step."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Rule by which requests with the same `Idempotency-Key` run once."""

    required: bool = False
    """A request without a key is refused."""
    ttl_ms: int = 86_400_000
    """A key is remembered for so long."""
    headers: tuple[str, ...] = ()
    """Names of response headers that are kept beside `content-*` and `location`, in lower case."""


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """Method, path and schemas by which an `api` step is reached."""

    method: str
    path: str
    """Express style: `/users/:id`."""
    body_schema: JSONObject | None = None
    response_schema: Mapping[str, JSONObject] = field(default_factory=dict)
    """By status code as text."""
    query_params: tuple[JSONObject, ...] = ()
    """One `{name, description?, required?, schema?}` each, however they were declared."""
    path_params: tuple[JSONObject, ...] = ()
    """The same for the parameters in `path`."""
    query_schema: JSONObject | None = None
    """Schema of the whole query as an object; `None` when the declaration only documents."""
    path_schema: JSONObject | None = None
    idempotency: Idempotency | None = None
    """`None`: keys of requests have no meaning."""


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """Topics that an `event` step consumes."""

    topics: tuple[str, ...]
    input_schema: JSONObject | None = None
    output_schema: JSONObject | None = None
    """Of the result for a run that calls the step."""


@dataclass(frozen=True, slots=True)
class CronTrigger:
    """Time at which a `cron` step fires."""

    expression: str
    """Five fields, or six with leading seconds."""
    timezone: str | None = None
    """IANA name; `None` is the machine's zone."""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Rules by which the deliveries of one step are attempted."""

    retries_max: int = 3
    """Attempts after the first one before the dead letters."""
    concurrency: int = RUNS_PER_RUNNER
    """Attempts of this step at once, over all hosts on one store."""
    fifo: bool = False
    """Events without a FIFO key are ordered too, as if they all had the same one."""
    delay_s: float = 0.0
    """From emit to the first attempt."""
    expires_ms: int | None = None
    """From the due time to the first start; what has not started by then becomes a dead letter."""
    cancel_on: tuple[CancelTopic, ...] = ()
    count_waiting: bool = False
    """A run that is suspended counts for `concurrency` too: it keeps its place."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step, as its config declares it."""

    name: str
    type: StepType
    source: SourceFile
    trigger: HttpTrigger | EventTrigger | CronTrigger | None
    """By type: api, event, cron; `None` for noop."""
    description: str | None = None
    flows: tuple[str, ...] = ()
    emits: tuple[Emit, ...] = ()
    """Empty means that any topic may be emitted, as in Motia."""
    virtual_emits: tuple[Emit, ...] = ()
    virtual_subscribes: tuple[str, ...] = ()
    waits_for: tuple[WaitTopic, ...] = ()
    queue: QueuePolicy = QueuePolicy()
    timeout_s: float = RUN_TIMEOUT_S
    warnings: tuple[str, ...] = ()
    native_schemas: tuple[str, ...] = ()
    """As in `LoadedFile`."""
    handler_schemas: Mapping[str, JSONObject] = field(default_factory=dict)
    """As in `LoadedFile`."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that this step subscribes to; none unless it is an event step."""
        return self.trigger.topics if isinstance(self.trigger, EventTrigger) else ()

    def may_emit(self, topic: str) -> bool:
        """Report whether the config allows `topic`."""
        return not self.emits or any(emit.topic == topic for emit in self.emits)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream, as its config declares it."""

    name: str
    source: SourceFile
    schema: JSONObject | None = None
    guarded: bool = False
    """The config has `canAccess`, which is asked at every join."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessSpec:
    """The project's rule for WebSockets: the `authenticate` of one file."""

    source: SourceFile
    context_schema: JSONObject | None = None
    """JSON Schema of what it returns."""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """Answer of a runner for one file."""

    source: SourceFile
    config: JSONObject
    has_handler: bool
    warnings: tuple[str, ...] = ()
    native_schemas: tuple[str, ...] = ()
    """Members of the config by which its runner itself checks what goes into the handler (PS-7.11)."""
    handler_schemas: Mapping[str, JSONObject] = field(default_factory=dict)
    """By such a member: JSON Schema of what the handler gets, where that is not what goes in (PS-6.4); for types."""


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A file that is not running, and why."""

    source: SourceFile
    message: str
    """Reason and remedy; may be several lines, with the source around the location."""
    location: Location | None = None
    """In this file, or in one that it imports."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Problem, or likely one, of a project that loads."""

    kind: FindingKind
    severity: Severity
    """error: something that is declared can never work. warning: it may be meant so."""
    file: str
    """Relative to the project; empty when it is about no single file."""
    message: str
    """Problem and remedy."""
    location: Location | None = field(default=None, compare=False)
    """Place in the file; a finding that moved to another line is the same finding."""

    def __str__(self) -> str:
        return f"{self.location or self.file}: {self.message}" if self.file else self.message


@dataclass(frozen=True, slots=True)
class Flow:
    """Everything that is loaded at one moment: steps and streams by name, and the files that failed."""

    steps: Mapping[str, StepSpec] = field(default_factory=dict)
    streams: Mapping[str, StreamSpec] = field(default_factory=dict)
    failures: tuple[LoadFailure, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Problems of configs, and of steps together."""
    access: AccessSpec | None = None
    """`None`: every WebSocket is anonymous."""
    access_closed: str = ""
    """Reason for refusing every WebSocket: a rule may exist that is not loaded. Empty when they are served."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the findings, one sentence each."""
        return tuple(map(str, self.findings))
