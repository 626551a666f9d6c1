"""Ports of what operators look up and change in the stores: nothing here is on the path of an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias

from polystep.contracts.events import DeliveryKind
from polystep.contracts.ports.letters import LetterQueries
from polystep.contracts.rates import RateRow
from polystep.contracts.trace_parts import TraceCursor, TraceParts
from polystep.contracts.values import JSONObject


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Conditions on traces; `None` is none."""

    status: str | None = None
    steps: Sequence[str] | None = None
    """A run of one of these."""
    text: str | None = None
    """Somewhere in the trace's id, in the names of its steps or in their errors, in any case of letters."""
    since_ms: int | None = None
    until_ms: int | None = None
    """Before this time."""


@dataclass(frozen=True, slots=True)
class LogWord:
    """Word that lines must hold in their message, step or fields; or must not."""

    text: str
    """Small letters, as SQLite makes them: of A to Z alone."""
    is_refused: bool = False
    field: str | None = None
    """The word is also found where this field has one of `values`."""
    values: Sequence[str] = ()
    """JSON."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Conditions on log lines; `None` is none."""

    levels: Sequence[str] | None = None
    words: Sequence[LogWord] = ()
    """Each holds."""
    steps: Sequence[str] | None = None
    """Of one of these."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """Values of `step`, `trace_id` and `run_id`."""
    since_ms: int | None = None
    until_ms: int | None = None
    """Before this time."""


@dataclass(frozen=True, slots=True)
class WriteFilter:
    """Operations of one type with data that begins with the members of one of these objects, in their order."""

    type: str
    begins: Sequence[JSONObject]


class TraceQueries(Protocol):
    """Parts of traces and logs."""

    async def traces(self, wanted: TraceFilter, limit: int, before: int | None) -> list[JSONObject]:
        """Read summaries, newest first, as `TraceStore.traces`."""
        ...

    async def trace(self, trace_id: str) -> JSONObject | None:
        """Read the summary of one."""
        ...

    async def ticks(self, step: str, limit: int, before: int | None) -> list[JSONObject]:
        """Read summaries of the traces that a cron step began, newest first, with `scheduledAt`."""
        ...

    async def runs(self, trace_id: str, limit: int, after: int) -> list[JSONObject]:
        """Read runs of a trace in the order they were queued, without what belongs to them; `position` orders them."""
        ...

    async def parts(
        self, trace_id: str, zero_ms: int, rows_max: int, now_ms: int, after: TraceCursor | None
    ) -> TraceParts:
        """Read what a picture of a trace needs, in slices, so that other readers come in between.

        Args:
            trace_id: The trace; of an unknown one there are no parts.
            zero_ms: When it began; times of operations and lines are counted from there.
            rows_max: Runs, attempts of runs with several, operations and lines at most. All runs and attempts come
                first; of the rest, log lines have a quarter at least.
            now_ms: Time of the reading.
            after: What is known: operations and lines up to there are left out, but those of runs that have changed.
        """
        ...

    async def operation(self, trace_id: str, position: int) -> JSONObject | None:
        """Read one operation of a trace with its `runId`; `position` is that of its part."""
        ...

    async def double_effects(self, trace_id: str | None, limit: int) -> list[JSONObject]:
        """Find calls that change something elsewhere and that two legs of a run made outside `once`, newest first.

        Of one trace, or of what was traced lately. A call counts when it was answered with a status below 400.
        """
        ...

    async def models(self, trace_id: str, limit: int) -> list[JSONObject]:
        """Add up the calls of language models in a trace, by model and provider: their number and their tokens."""
        ...

    async def usual_times(self, trace_id: str, runs: int, steps: int, rows: int) -> list[JSONObject]:
        """Read medians of the last `runs` completed runs of each of `steps` steps of a trace, without its own.

        Each has the medians of up to `rows` kinds of operations. What is older than the newest runs of all is not seen.
        """
        ...

    async def run(self, run_id: str) -> JSONObject | None:
        """Read one run with its attempts."""
        ...

    async def input(self, run_id: str) -> bytes | None:
        """Read the whole data of the delivery or request of a run, packed; `None` when it is not kept."""
        ...

    async def replay_of(self, trace_id: str) -> JSONObject | None:
        """Read the replay that began a trace; `None` when none did."""
        ...

    async def replays(self, trace_id: str, limit: int, after: int) -> list[JSONObject]:
        """Read the replays of the runs of a trace, oldest first; `position` orders them."""
        ...

    async def operations(self, run_id: str, attempt: int | None, limit: int, after: int) -> list[JSONObject]:
        """Read operations of a run, or of one attempt, in the order they ended; `position` orders them."""
        ...

    async def writes(self, wanted: WriteFilter, limit: int, before: int | None) -> tuple[list[JSONObject], int | None]:
        """Read operations, newest first, with `runId`, `traceId` and `step`; and since when all are known.

        At most the newest half million operations are searched.
        """
        ...

    async def logs(self, wanted: LogFilter, limit: int, before: int | None, after: int | None) -> list[JSONObject]:
        """Read log lines: newest first, or with `after` oldest first behind that id."""
        ...

    async def rates(self, width_s: int, since_ms: int, until_ms: int, steps: Sequence[str] | None) -> list[RateRow]:
        """Read what was counted of runs in stretches of one of `WIDTHS`, of all steps or of these."""
        ...


QueueState: TypeAlias = Literal["ready", "running", "blocked", "delayed", "retrying"]


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Conditions on what a queue holds."""

    now_ms: int
    state: QueueState | None = None
    fifo_key: str | None = None
    after: str | None = None
    """The `position` of the last one of the part before."""


class QueueCount(NamedTuple):
    """Deliveries of one step that are not finished, by state."""

    step: str
    ready: int
    """Due now."""
    blocked: int
    """Behind an earlier one of their FIFO key."""
    delayed: int
    """Due later, and never failed."""
    retrying: int
    """Due later, after a failure."""
    running: int
    oldest_ms: int | None = None
    """Time at which the first of those that are due or blocked became due."""


class QueuedDelivery(NamedTuple):
    """Delivery that is not finished."""

    id: int
    state: QueueState
    kind: DeliveryKind
    topic: str
    data: bytes
    trace_id: str
    run_id: str
    fifo_key: str | None
    run_at_ms: int
    """Time at which it is due, or was."""
    enqueued_at_ms: int
    attempt: int
    error: JSONObject | None
    """Of its last failure."""
    position: str
    """Cursor of the next one."""


class QueuedKey(NamedTuple):
    """FIFO key of a step with deliveries that are not finished."""

    key: str
    deliveries: int
    head_id: int
    """The delivery that the others wait for."""


class QueueQueries(Protocol):
    """Queues and paused steps."""

    async def deliveries(
        self, step: str, wanted: QueueFilter, limit: int, bytes_max: int
    ) -> tuple[list[QueuedDelivery], bool]:
        """Read what is not finished of a step, as many as fit, and whether there are more.

        Those of one state come as they are due; those of one FIFO key as they run.
        """
        ...

    async def keys(self, step: str, after: str | None, limit: int) -> list[QueuedKey]:
        """Read the FIFO keys of a step behind `after`, in the order of their names."""
        ...

    async def counts(self, now_ms: int) -> list[QueueCount]:
        """Count what is not finished, by step."""
        ...

    async def waiting_by_topic(self, step: str, limit: int) -> dict[str, int]:
        """Count by topic what waits for a step, of at most so many deliveries."""
        ...

    async def dead_letter_counts(self) -> dict[str, int]:
        """Count dead letters by step."""
        ...

    async def paused(self) -> dict[str, int]:
        """Read the paused steps, and since when, in Unix milliseconds."""
        ...

    async def pause(self, step: str, now_ms: int | None) -> None:
        """Store that a step is paused; with `None`, that it is not."""
        ...

    async def paused_cron(self) -> dict[str, tuple[int, str]]:
        """Read the cron steps that do not fire: since when, in Unix milliseconds, and what was noted about it."""
        ...

    async def pause_cron(self, step: str, now_ms: int | None, note: str = "") -> None:
        """Store that a cron step does not fire; with `None`, that it does."""
        ...


class Versioned(NamedTuple):
    """Stored value, and the version that it has until it is written again."""

    value: bytes
    version: str


class DataQueries(Protocol):
    """State and stream items by prefix, and writes that change only what the writer has seen."""

    async def state_groups(self, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Read groups that begin with `prefix`, with their numbers of keys, in the order of their names."""
        ...

    async def state_keys(self, group: str, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Read keys of a group that begin with `prefix`, with the bytes of their values, in order."""
        ...

    async def state_value(self, group: str, key: str) -> Versioned | None:
        """Read one value."""
        ...

    async def change_state(self, group: str, key: str, value: bytes | None, version: str | None) -> Versioned | None:
        """Write a value, or remove it, if the stored one still has `version`; the empty text stands for no value.

        Args:
            group: The group.
            key: The key.
            value: What to write; `None` removes.
            version: What the writer has seen; `None` writes whatever is there.

        Returns:
            What was there before, `None` when nothing was. When its version is not the one given, nothing is changed.
        """
        ...

    async def rename_state(self, group: str, key: str, to: str, version: str | None) -> Versioned | str | None:
        """Move a value to another key of its group, if it still has `version` when one is given.

        Returns:
            The value that was moved; "taken" when the other key has one; `None` when there is none. When its version
            is not the one given, nothing is changed.
        """
        ...

    async def stream_groups(self, stream: str, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """Read groups of a stream that begin with `prefix`, with their numbers of items, as `state_groups`."""
        ...


@dataclass(frozen=True, slots=True)
class Inspection:
    """All of these ports."""

    traces: TraceQueries
    queue: QueueQueries
    letters: LetterQueries
    data: DataQueries
