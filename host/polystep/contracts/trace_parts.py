"""Parts of one trace, as few columns as its picture needs: payloads, results and stacks are not among them.

Operations and log lines come as columns: a hundred thousand of them would be as many tuples for the interpreter to look
after, and the event loop would wait while it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple


class TraceCursor(NamedTuple):
    """Place up to which a reader knows a trace."""

    span: int
    """Id of the last operation."""
    line: int
    """Id of the last log line."""
    at_ms: int
    """Runs and attempts that have changed since this time are not known."""


class RunPart(NamedTuple):
    """Run of a trace. Times are Unix milliseconds."""

    run_id: str
    position: int
    """Order in which runs were stored."""
    parent_run_id: str | None
    step: str
    status: str
    queued_ms: int
    started_ms: int | None
    ended_ms: int | None
    kind: str
    """Of its trigger."""
    text: str
    """Cause of it: method and path, a topic, or nothing."""
    spans: int
    """Number of its operations."""
    changed: bool
    """It, or one of its attempts, has changed since the cursor."""


class AttemptPart(NamedTuple):
    """Attempt of a run."""

    run_id: str
    attempt: int
    status: str
    started_ms: int
    ended_ms: int | None
    duration_ms: float | None
    text: str
    """Its error, in short."""


class Leaves(NamedTuple):
    """Operations of a run in the order they began, or its log lines in the order they came, as columns."""

    starts: list[int]
    """Microseconds since the trace began."""
    lengths: list[int]
    """Microseconds."""
    ids: list[int]
    kinds: list[str]
    names: list[str]
    """Words for each, and behind a `NAME_SEPARATOR` the group, stream or topic."""
    texts: list[str]
    failed: list[int]
    """0 or 1."""
    attempts: list[int]
    """Of log lines 0: their times say to which one they belong."""


NAME_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class TraceParts:
    """Parts of a trace: all, or those that a cursor does not know."""

    runs: list[RunPart]
    """All runs, in the order they were stored."""
    attempts: list[AttemptPart]
    """Of all runs, or of those that have changed; by run, in order."""
    spans: Mapping[str, Leaves]
    """By run."""
    lines: Mapping[str, Leaves]
    """By run."""
    left_out: int
    """Operations and lines beyond the bound."""
    cursor: TraceCursor
    """Place after this reading, with the time of it."""
