"""What rooms ask of each other. A port's docstring is law for its implementers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from polystep.contracts.errors import Issue
from polystep.contracts.events import (
    Claim,
    DeadLetter,
    Delivery,
    NewDelivery,
    Outcome,
    ParkedEvent,
    StreamChange,
)
from polystep.contracts.parking import ParkedStore
from polystep.contracts.steps import CronTrigger, Flow, StepSpec
from polystep.contracts.storage import NotStored
from polystep.contracts.unloaded import UnloadedView
from polystep.contracts.upkeep import PurgeAdmin, QueueUpkeep
from polystep.contracts.values import JSONObject, JSONValue


class Clock(Protocol):
    """The only source of time."""

    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back, for durations."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Return after `delay_s` seconds; at once when it is not positive."""
        ...


@runtime_checkable
class Service(Protocol):
    """Something long-lived. `stop` may come twice or without `start`, and returns when nothing of it runs."""

    async def start(self) -> None:
        """Begin work; returns when ready."""
        ...

    async def stop(self) -> None:
        """End work and wait for it."""
        ...


class QueueStore(ParkedStore, QueueUpkeep, Protocol):
    """Durable deliveries. Every method is one transaction; what it returned about is on disk.

    A delivery is `ready` (from its `run_at_ms` on), `blocked` (an earlier one with its step and FIFO key is not
    finished), or `running` under a lease with a token that grows with every claim. Methods that take a claimed
    delivery change nothing and return False, or `None`, when its token is not the current one: the attempt was
    superseded.
    """

    def enqueue(self, deliveries: Sequence[NewDelivery], claim: Claim | None = None) -> asyncio.Future[list[Delivery]]:
        """Store all or none; those that are refused as dead letters, here and in `complete`.

        Those of `UNKNOWN_STEP` are parked: they are no deliveries yet. Returns those that were claimed. Of these, the
        ones that wait for an earlier one of their key are only stored.
        """
        ...

    async def claim(self, wants: Mapping[str, int], owner: str, now_ms: int, lease_ms: int) -> list[Delivery]:
        """Take up to `wants[step]` due deliveries of each step, oldest first, and count one more attempt each.

        Deliveries whose lease ran out at another owner are due again; those of `owner` itself are `recover`'s.
        """
        ...

    async def complete(
        self, delivery: Delivery, emits: Sequence[NewDelivery], claim: Claim | None = None
    ) -> list[Delivery] | None:
        """Remove the delivery and store its emits, together or not at all.

        Returns those of its emits that were claimed; `None` when the attempt was superseded.
        """
        ...

    async def retry(self, delivery: Delivery, run_at_ms: int, error: JSONObject) -> bool:
        """Make it due at `run_at_ms` with one failure more."""
        ...

    async def release(self, delivery: Delivery, crashed: bool) -> bool:
        """Make it due at once without using up a failure; `crashed` counts a crash."""
        ...

    async def bury(self, delivery: Delivery, error: JSONObject, now_ms: int) -> bool:
        """Move it to the dead letters; a FIFO key goes on with its next delivery."""
        ...

    async def renew(self, deliveries: Sequence[Delivery], owner: str, lease_until_ms: int) -> None:
        """Extend the leases of running deliveries."""
        ...

    async def recover(self, owner: str) -> int:
        """Make every delivery that `owner` had running due at once; returns how many."""
        ...

    async def next_due_ms(self, steps: Sequence[str], owner: str) -> int | None:
        """When the earliest ready delivery of these steps is due, or another owner's lease; `None` when there is none.

        Leases of `owner` itself do not count: it renews them for as long as it lives.
        """
        ...

    async def is_waiting(self, step: str) -> bool:
        """Whether the step has a delivery that is not finished."""
        ...

    async def waiting(self) -> list[tuple[str, int]]:
        """Deliveries not finished, by step."""
        ...

    async def pending_among(self, run_ids: Sequence[str]) -> set[str]:
        """Those of `run_ids` whose delivery is not finished, or whose event is parked."""
        ...

    async def bury_orphans(self, known_steps: Sequence[str], error: JSONObject, now_ms: int) -> list[tuple[str, int]]:
        """Move waiting deliveries of steps that no longer exist to the dead letters; returns them by step."""
        ...

    async def dead_letters(self, limit: int, before_id: int | None = None) -> list[DeadLetter]:
        """Newest first."""
        ...

    async def replay(self, id: int, now_ms: int) -> DeadLetter | None:
        """Make a dead letter a delivery again with a fresh budget, due at once; `None` when there is none."""
        ...

    async def subscriptions(self) -> list[tuple[str, str, str]]:
        """`(file, step, topic)` as last saved."""
        ...

    async def save_subscriptions(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Replace all of them."""
        ...


class StoreFile(Protocol):
    """A file of a store."""

    @property
    def trouble(self) -> NotStored | None:
        """Why the last write failed, until another one succeeds."""
        ...


class TraceStore(Protocol):
    """Where trace records end up. Not on the hot path: a crash may lose the last fraction of a second of them."""

    async def write(self, records: Sequence[tuple[object, ...]]) -> None:
        """Apply records in order; `TraceRecorder` makes them."""
        ...

    async def traces(self, limit: int, before: int | None = None, status: str | None = None) -> list[JSONObject]:
        """Summaries, newest first."""
        ...

    async def trace(self, trace_id: str) -> JSONObject | None:
        """One whole trace."""
        ...

    async def traces_like(self, part: str, limit: int) -> list[JSONObject]:
        """Summaries of the traces whose id begins or ends with this, newest first."""
        ...

    async def logs(
        self, limit: int, trace_id: str | None = None, level: str | None = None, step: str | None = None
    ) -> list[JSONObject]:
        """Log lines, newest first."""
        ...

    async def open_runs(self) -> list[str]:
        """Runs that are waiting or running."""
        ...

    async def interrupt_runs(self, run_ids: Sequence[str], now_ms: int) -> None:
        """Mark open runs that an earlier process left behind, and that no delivery will finish."""
        ...

    async def prune(self, traces_max: int, runs_max: int, logs_max: int, older_than_ms: int, bytes_max: int) -> bool:
        """Remove some of the oldest beyond these bounds, `runs_max` within one trace; whether there are more.

        Beyond `bytes_max` for all, whichever is older goes first: lines or whole traces.
        """
        ...


class DeliveryRunner(Protocol):
    """Runs one attempt of a delivery and says how it ended; never raises but for cancellation."""

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        """Run the step's handler with the delivery's data."""
        ...


class DeliveryObserver(Protocol):
    """Told what the bus does, for traces. Must not block or raise."""

    def enqueued(self, deliveries: Sequence[NewDelivery]) -> None:
        """These are stored."""
        ...

    def settled(self, delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
        """An attempt ended and its result is stored: done, due again at `retry_at_ms`, or in the dead letters."""
        ...

    def unparked(self, event: ParkedEvent, steps: Sequence[str]) -> None:
        """A parked event was delivered to these steps; to none when every file loads and nobody subscribes."""
        ...

    def superseded(self, delivery: Delivery) -> None:
        """The answer of an attempt came after its lease was taken over; it was refused."""
        ...


class Validator(Protocol):
    """A compiled JSON Schema."""

    def issues(self, value: object) -> list[Issue]:
        """Where `value` breaks the schema; empty when it fits."""
        ...


class AnswerStream(Protocol):
    """An HTTP answer that a handler sends piece by piece."""

    @property
    def started(self) -> bool:
        """The status is the handler's; no other answer can be sent."""
        ...

    @property
    def client_left(self) -> bool:
        """The client closed its connection before the end, or wanted the headers alone."""
        ...

    @property
    def summary(self) -> JSONObject:
        """What has been sent: `{status, streamed: {chunks, bytes}}`."""
        ...

    async def start(self, status: JSONValue, headers: JSONValue) -> None:
        """Take status and headers.

        Raises:
            InvalidParams: HTTP cannot carry them, or the answer was started before.
        """
        ...

    async def write(self, data: JSONValue) -> None:
        """Send one chunk; returns when the connection has taken it.

        Raises:
            InvalidParams: The answer was not started.
            RunCancelled: Nobody reads it any more.
        """
        ...


class ParameterReader(Protocol):
    """The compiled schema of a query, or of the parameters of a path."""

    def read(self, given: JSONObject) -> tuple[JSONObject, list[Issue]]:
        """Texts in the types that the schema asks for, and where they break it."""
        ...


class StepCaller(Protocol):
    """What the HTTP room needs to run an `api` step."""

    async def run_http(self, step: StepSpec, request: JSONObject, trace_id: str, answer: AnswerStream) -> JSONObject:
        """Run the handler with the request; returns `{status, headers?, body?}` as the handler gave it.

        A handler may send its answer through `answer` instead; then what is returned has no meaning.

        Raises:
            ContractBroken: `http_status` 400, the step's own validation refuses the request; 500, the answer does not
                fit what the step declares. Already traced.
            PolystepError: The handler failed, timed out, or its runner died. Already traced and logged.
        """
        ...

    def reject_http(self, step: StepSpec, request: JSONObject, trace_id: str, issues: Sequence[Issue]) -> None:
        """Record a request that broke the step's contract before its handler ran."""
        ...

    def answer_refused(self, step: StepSpec, trace_id: str, message: str) -> None:
        """Record that a handler's answer could not be sent; the client got a 500."""
        ...


class ProjectView(UnloadedView, Protocol):
    """The live project, as the HTTP room sees it. Changes with every reload."""

    @property
    def flow(self) -> Flow:
        """What is loaded now."""
        ...

    @property
    def generation(self) -> int:
        """Grows with every reload; routes are rebuilt when it changed."""
        ...

    @property
    def ready(self) -> bool:
        """Every step that can load is loaded."""
        ...

    def body_validator(self, step: StepSpec) -> Validator | None:
        """The compiled `bodySchema`."""
        ...

    def parameter_readers(self, step: StepSpec) -> Mapping[str, ParameterReader]:
        """The compiled `queryParams` and `pathParams`, by these names; those that are not enforced are absent."""
        ...


class Documents(Protocol):
    """The live project described to other tools, as it is at the moment of the call."""

    def openapi(self) -> JSONObject:
        """Its routes, as an OpenAPI 3.1 document."""
        ...

    def asyncapi(self) -> JSONObject:
        """Its topics and streams, as an AsyncAPI 3 document."""
        ...


class StreamSubscriber(Protocol):
    """One WebSocket client's side of the streams room."""

    def changed(self, change: StreamChange) -> None:
        """Take one change without blocking; called in commit order."""
        ...


class StreamHub(Protocol):
    """What the WebSocket needs of the streams room. Rooms are keyed by stream, group and item together."""

    def stream_exists(self, stream: str) -> bool:
        """Whether a stream of this name is loaded."""
        ...

    def subscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Register before reading the snapshot, so that no change falls between the two. Twice is once."""
        ...

    def unsubscribe(self, subscriber: StreamSubscriber, stream: str, group: str, id: str | None) -> None:
        """Forget one subscription; unknown ones are fine."""
        ...

    def forget(self, subscriber: StreamSubscriber) -> None:
        """Forget all subscriptions of a client that has gone."""
        ...

    async def snapshot(self, stream: str, group: str, id: str) -> JSONObject | None:
        """One item; `None` when there is none."""
        ...

    def pages(self, stream: str, group: str) -> AsyncIterator[list[JSONObject]]:
        """All items of a group, oldest first, in parts that are small enough for the event loop."""
        ...

    def next_timestamp_ms(self) -> int:
        """Strictly greater than every timestamp given before."""
        ...


class Admin(PurgeAdmin, Protocol):
    """What the admin API reads and does. Every answer is plain JSON in the shape that the route documents."""

    async def health(self) -> JSONObject:
        """`{status: "starting"|"ready"|"degraded"|"unavailable", version, failing: [{file, message}], ...}`."""

    async def steps(self) -> JSONObject:
        """`{steps: [...], streams: [...], findings: [{kind, severity, file, message}], warnings: [text]}`."""

    async def state_groups(self, limit: int, cursor: str | None) -> JSONObject:
        """`{groups: [{group, keys}], cursor}`; the cursor of the next part, `None` at the end."""
        ...

    async def state_items(self, group: str, limit: int, cursor: str | None) -> JSONObject:
        """`{items: {key: value}, cursor}`.

        Raises:
            InvalidParams: The cursor is none.
        """
        ...

    async def state_value(self, group: str, key: str) -> JSONObject | None:
        """`{value}`, `None` when there is none."""

    async def stream_items(self, stream: str, group: str, limit: int, cursor: str | None) -> JSONObject | None:
        """`{items: [...], cursor}`, `None` for an unknown stream; raises as `state_items`."""
        ...

    async def traces(self, limit: int, before: int | None, status: str | None) -> JSONObject:
        """`{traces: [{traceId, name, status, ...}]}` newest first."""

    async def trace(self, trace_id: str) -> JSONObject | None:
        """The whole trace."""

    async def traces_like(self, part: str, limit: int) -> JSONObject:
        """`{traces: [...]}` newest first, of those whose id begins or ends with `part`."""

    async def logs(self, limit: int, trace_id: str | None, level: str | None, step: str | None) -> JSONObject:
        """`{logs: [{level, message, fields, step, traceId, time}]}` newest first."""

    async def queues(self) -> JSONObject:
        """`{queues: [{step, waiting}], parked: [{topic, waiting, oldestMs}]}`.

        Parked events wait for files that do not load: no step is known to subscribe to their topic.
        """

    async def dead_letters(self, limit: int, before: int | None) -> JSONObject:
        """`{deadLetters: [...]}` newest first."""

    async def replay(self, id: int) -> JSONObject | None:
        """Replay one dead letter; `{replayed: id, step, traceId}`, `None` when there is none."""

    async def cron(self) -> JSONObject:
        """`{cron: [{step, expression, timezone, next, error}]}`."""

    async def fire_cron(self, step: str) -> JSONObject | None:
        """Fire a cron step now; `{step, traceId}`, `None` when there is no such cron step."""


CronFire = Callable[[str, int], Awaitable[None]]
"""Called with the step and the Unix milliseconds it was due; returns when the tick is durable."""


class Schedule(Protocol):
    """Cron steps and when they fire."""

    def replace(self, triggers: Mapping[str, CronTrigger]) -> None:
        """Set the schedule; unchanged entries keep their next fire time."""

    def upcoming(self) -> list[JSONObject]:
        """`{step, expression, timezone, next, error}` each; `next` is ISO 8601 or None, `error` a text or None."""
