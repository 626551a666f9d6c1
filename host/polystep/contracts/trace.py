"""Records of a trace: each names one thing that happened.

The trace recorder makes them, already redacted and cut, and hands them to its sinks in the order they were recorded.
Texts called JSON hold one JSON value. A span is recorded when it has ended, so a batch is not sorted by start.
"""

from __future__ import annotations

from typing import NamedTuple


class RunQueued(NamedTuple):
    """Run that waits from now on; a replay of a dead letter queues the same run again."""

    run_id: str
    """16 hexadecimal digits. W3C trace context: the run is a span of its trace, and this is its id."""
    trace_id: str
    """32 hexadecimal digits."""
    parent_run_id: str | None
    """Run that emitted the event."""
    step: str
    type: str
    """`api`, `event` or `cron`."""
    trigger: str
    """JSON object with a `kind`: what started the run."""
    queued_ms: int
    input: bytes | None = None
    """Data of the delivery, or the request, whole, as the wire codec packs it; `None` where it is too large."""


class AttemptStarted(NamedTuple):
    """Handler that is about to be called."""

    run_id: str
    trace_id: str
    attempt: int
    """From 1."""
    started_ms: int


class SpanEnded(NamedTuple):
    """Context call of a handler that was answered, or span that its runner has reported."""

    run_id: str
    trace_id: str
    attempt: int
    span_id: str
    """16 hexadecimal digits, unique in the trace."""
    type: str
    """`state`, `stream`, `emit`, `response`; of a runner's span the type that the runner gave, such as `http`."""
    started_ms: float
    """Unix time with a fraction."""
    duration_ms: float
    """From the arrival of the call to its answer."""
    data: str
    """JSON object."""


class RunReplayed(NamedTuple):
    """Replay of a run: the first run of a trace, or the run itself once more when it was a dead letter."""

    trace_id: str
    """Trace that the replay began; of a dead letter the run's own."""
    of_trace_id: str
    of_run_id: str
    step: str
    edited: bool
    """It got another input than the run."""
    at_ms: int


class LogLine(NamedTuple):
    """Line of a step, of a runner's process or of the host."""

    time_ms: int
    level: str
    """`debug`, `info`, `warn` or `error`."""
    message: str
    fields: str | None
    """JSON object."""
    step: str | None
    trace_id: str | None
    run_id: str | None
    source: str


class AttemptEnded(NamedTuple):
    """Handler that returned, failed or was cut short."""

    run_id: str
    trace_id: str
    attempt: int
    """0 when the run ended without an attempt."""
    ended_ms: int
    duration_ms: float
    status: str
    """Of the attempt."""
    run_status: str
    """`waiting` when another attempt follows."""
    error: str | None
    """JSON object."""
    result: str | None
    """JSON; of an HTTP step, its response."""


TraceRecord = RunQueued | RunReplayed | AttemptStarted | SpanEnded | LogLine | AttemptEnded
