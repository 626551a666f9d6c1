"""Open attempts: calls from runners are checked against them, and their effects are kept until they end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from polystep.contracts.errors import Overloaded, RunEnded
from polystep.contracts.events import Delivery, NewDelivery
from polystep.contracts.ports.http import ResponseStream
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.journal import AttemptJournal
from polystep.trace import AttemptShare


class OpenCall(NamedTuple):
    """Outgoing call of a handler that has begun and not ended."""

    name: str
    began_ms: float
    attributes: JSONObject
    received: int | None
    """Characters of the answer of a language model that came so far; `None` of other calls."""


@dataclass(slots=True)
class OpenAttempt:
    """Attempt in progress: one call of a handler."""

    name: str
    """The `run` of the wire: run id and fencing token. A superseded attempt's name is not open any more."""
    run_id: str
    trace_id: str
    number: int
    """From 1."""
    step: StepSpec
    buffers_emits: bool
    """Event and cron steps: emits are stored with the completion. HTTP steps: at once."""
    response: ResponseStream | None = None
    """Of an HTTP step: where its handler may stream its response to."""
    begin_stream: Callable[[], None] = lambda: None
    """Begin the response at its runner; raises `Overloaded` when too many are open."""
    is_crowded: Callable[[], bool] = lambda: False
    """Report whether others wait for a slot of its runner."""
    refused: Overloaded | None = None
    """Its response was not begun, or an event not taken, for that reason, whatever the handler makes of it."""
    emits: list[NewDelivery] = field(default_factory=list)
    delivery: Delivery | None = None
    """Of an event or cron step."""
    scheduled_ms: int | None = None
    """Of a cron step: the time for which its tick was due."""
    journal: AttemptJournal | None = None
    """Results and waits of the run; `None` as long as it has kept nothing."""
    is_trial: bool = False
    """Its run sends no events: only this step was to run."""
    is_cancelled: bool = False
    """Its run is to end."""
    cancel_reason: JSONObject | None = None
    """The event that has cancelled it, as an error; `None` when somebody wants it to end."""
    task: asyncio.Task[object] | None = None
    """Runs the attempt; cancelled when the run is suspended."""
    calls_open: dict[int, OpenCall] | None = None
    """Outgoing calls of its handler that last, by the number that the runner gave; `None` as long as there was none."""
    share: AttemptShare = field(default_factory=AttemptShare)
    """Its records in the trace, counted."""


class OpenAttempts:
    """Table of the open attempts by name."""

    def __init__(self) -> None:
        self._attempts: dict[str, OpenAttempt] = {}
        self._trials: set[str] = set()
        """Traces whose requests are trials."""
        self.on_call: Callable[[OpenAttempt], None] = lambda _: None
        """Called when an outgoing call of an attempt lasts, or has received more."""

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def names(self) -> list[str]:
        """Names of the open attempts."""
        return list(self._attempts)

    def by_step(self) -> dict[str, int]:
        """Count the open attempts by step."""
        return dict(Counter(attempt.step.name for attempt in self._attempts.values()))

    def open(self, attempt: OpenAttempt) -> None:
        """Accept calls of this attempt."""
        if self._trials and attempt.trace_id in self._trials:
            attempt.is_trial = True
        self._attempts[attempt.name] = attempt

    @contextmanager
    def trial(self, trace_id: str) -> Iterator[None]:
        """Let a request that begins meanwhile, in this trace, send no events."""
        self._trials.add(trace_id)
        try:
            yield
        finally:
            self._trials.discard(trace_id)

    def close(self, attempt: OpenAttempt) -> None:
        """Refuse its calls from now on."""
        self._attempts.pop(attempt.name, None)

    def find(self, name: JSONValue) -> OpenAttempt | None:
        """Return the attempt of this name when it is open."""
        return self._attempts.get(name) if isinstance(name, str) else None

    def of_trace(self, trace_id: str) -> list[OpenAttempt]:
        """Return the open attempts of a trace."""
        return [attempt for attempt in self._attempts.values() if attempt.trace_id == trace_id]

    def cancel_run(self, run_id: str, reason: JSONObject | None = None) -> OpenAttempt | None:
        """End the open attempt of the run of an event or cron step; returns it, `None` when there is none here."""
        for attempt in self._attempts.values():
            if attempt.run_id == run_id and attempt.delivery is not None and attempt.task is not None:
                attempt.is_cancelled, attempt.cancel_reason = True, reason
                attempt.task.cancel("cancelled")
                return attempt
        return None

    def get(self, name: JSONValue) -> OpenAttempt:
        """Return the attempt of this name.

        Raises:
            RunEnded: It is finished or was superseded; its calls have no effect (PS-8.2).
        """
        attempt = self.find(name)
        if attempt is None:
            raise RunEnded(
                "This run has ended or was superseded by a later attempt; the call has no effect. "
                "Await every call before the handler returns."
            )
        return attempt
