"""Journals of deliveries: read when a leg begins, and looked at when it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from polystep.contracts.durations import duration_ms
from polystep.contracts.errors import HostStopping, InvalidParams, PolystepError, RunnerGone, StepFailed
from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.journal import JournalStore
from polystep.contracts.steps import StepSpec
from polystep.execution.attempts import OpenAttempt
from polystep.execution.journal import AttemptJournal
from polystep.trace import TraceRecorder


class Journals:
    """The durable side of an attempt's beginning and end."""

    def __init__(self, store: JournalStore, recorder: TraceRecorder, clock: Clock) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self.let_units_end: Callable[[], Awaitable[None]] = _at_once
        """Returns when no handler is inside the function of a `once`; set by who knows."""

    async def begin_leg(self, delivery: Delivery) -> AttemptJournal:
        """Read what the run has kept."""
        return AttemptJournal(delivery, await self._store.read(delivery.run_id), self._clock.monotonic_s)

    def end_leg(self, attempt: OpenAttempt) -> None:
        """Close the journal of a leg; functions of `once` that it was in are traced as cut."""
        if attempt.journal is None:
            return
        for key, unit in attempt.journal.units.items():
            self._recorder.context_call(attempt, "once", {"operation": "cut", "key": key}, unit.began_s)
        attempt.journal.close()

    def cancelled(self, attempt: OpenAttempt) -> Outcome | None:
        """Return the outcome of a leg that was cancelled, for good or for a wait; `None` when the host stops."""
        if not attempt.is_cancelled or attempt.task is None:
            return self.suspended(attempt)
        attempt.task.uncancel()
        return Outcome("cancelled", error=attempt.cancel_reason)

    def suspended(self, attempt: OpenAttempt) -> Outcome | None:
        """Return the outcome of a leg that was cancelled for a wait; `None` when it was not."""
        journal = attempt.journal
        if journal is None or journal.run_at_ms is None:
            return None
        if attempt.task is not None:
            attempt.task.uncancel()
        return Outcome("suspended", run_at_ms=journal.run_at_ms, waits=journal.asked)

    def held(self, attempt: OpenAttempt, failure: PolystepError) -> Outcome | None:
        """Return the outcome of a leg whose process went while its handler only waited: it is not to blame."""
        journal = attempt.journal
        if journal is None:
            return None
        if journal.run_at_ms is not None:
            return self.suspended(attempt)
        if not journal.is_idle or not isinstance(failure, RunnerGone | HostStopping):
            return None
        due_ms = min(wait.due_ms for wait in journal.waits.values())
        return Outcome("suspended", run_at_ms=due_ms, waits=journal.asked)

    def retry_at_ms(self, failure: PolystepError, step: StepSpec) -> int | None:
        """Return when a handler wants its failure to be tried again; `None` when it does not say."""
        wanted = failure.data.get("retry_after") if isinstance(failure, StepFailed) else None
        if wanted is None:
            return None
        try:
            return self._clock.now_ms() + duration_ms(wanted, "retryAfter of an error")
        except InvalidParams as error:
            self._recorder.log("warn", f"{error.message} The usual pause is taken.", step=step.name, source="host")
            return None

    def report_changed(self, attempt: OpenAttempt) -> None:
        """Log that a leg made other events than the one before, whose events had left with a wait."""
        if attempt.journal is None or not (topics := attempt.journal.unmatched()):
            return
        self._recorder.log(
            "warn",
            f"Events of {', '.join(topics)} had left before a wait, and after it the handler did not make them again "
            "with the same data. If it made them with other data, such as a time or a random id, they went out twice: "
            "take such values from `once`.",
            step=attempt.step.name,
            trace_id=attempt.trace_id,
            run_id=attempt.run_id,
            source="host",
        )


async def _at_once() -> None:
    """Nothing is waited for."""
