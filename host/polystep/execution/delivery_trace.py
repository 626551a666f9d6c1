"""Trace of deliveries: waiting runs, the ends of their attempts, parked events that found a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from polystep.contracts.events import Delivery, NewDelivery, Outcome, ParkedEvent, RemovedDelivery
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.values import JSONObject
from polystep.execution.failures import FailedAttempts
from polystep.execution.unrouted import UnroutedEvents
from polystep.trace import AttemptShare, TraceRecorder
from polystep.wire import unpack

_SHOWN: Final = {
    "suspect": "interrupted",
    "released": "interrupted",
    "postponed": "interrupted",
    "suspended": "suspended",
}
"""The status in traces of an attempt that did not end by itself."""


class _Emitter(NamedTuple):
    """Attempt that has emitted an event."""

    run_id: str
    trace_id: str
    number: int
    share: AttemptShare


class DeliveryTrace:
    """Observer of the bus that traces deliveries: the port `DeliveryObserver`."""

    def __init__(
        self,
        recorder: TraceRecorder,
        reporter: Reporter,
        failures: FailedAttempts,
        unrouted: UnroutedEvents,
        clock: Clock,
    ) -> None:
        self._recorder = recorder
        self._reporter = reporter
        self._failures = failures
        self._unrouted = unrouted
        self._clock = clock

    def enqueued(self, deliveries: Sequence[NewDelivery]) -> None:
        """Trace runs that wait from now on, and runs that never start since their events were refused."""
        for new in deliveries:
            if new.taken_by or new.signals or new.cancels:  # the event itself is traced
                continue
            trigger: JSONObject = (
                {"kind": "cron", "at": unpack(new.data)}
                if new.kind == "cron"
                else {"kind": "call", "topic": new.topic, "data": unpack(new.data)}
                if new.kind == "call"
                else {"kind": "event", "topic": new.topic, "data": unpack(new.data)}
            )
            kind = new.kind
            if kind == "trial":
                kind, trigger["trial"] = "event", True
            self._recorder.run_queued(new.run_id, new.trace_id, new.parent_run_id, new.step, kind, trigger, new.data)
            if new.refused is not None:
                self._ended_without_attempt(new.run_id, new.trace_id, "rejected", "failed", new.refused)

    def settled(self, delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
        """Trace the end of an attempt; log and show a failure."""
        run_status = "failed" if buried else "waiting"
        if outcome.status in ("completed", "cancelled"):
            run_status = outcome.status
        self._recorder.attempt_ended(
            delivery.run_id,
            delivery.trace_id,
            delivery.attempt,
            duration_ms=outcome.duration_ms,
            status=_SHOWN.get(outcome.status, outcome.status),
            run_status=run_status,
            error=outcome.error,
        )
        if outcome.status != "failed" or outcome.error is None:
            return
        if buried:
            what_next = "It is in the dead letters now and can be replayed."
        else:
            wait_s = max((retry_at_ms or 0) - self._clock.now_ms(), 0) / 1000
            what_next = f"Attempt {delivery.attempt}; the next one starts in {wait_s:.1f} s."
        self._failures.show_delivery(delivery, outcome.error, what_next)

    def unparked(self, event: ParkedEvent, steps: Sequence[str]) -> None:
        """Trace the steps that got a parked event."""
        if steps:
            level, message = "info", f"The event of {event.topic} was delivered to {', '.join(steps)}."
        else:
            level, message = "warn", self._unrouted.notice(event.topic)
        self._recorder.log(level, message, trace_id=event.trace_id, run_id=event.run_id, source="host")
        self._ended_without_attempt(event.run_id, event.trace_id, "completed", "completed")

    def duplicated(self, new: NewDelivery, event_id: str, attempt: int) -> None:
        """Trace an event that was not stored, in the run that emitted it."""
        if new.parent_run_id is None or new.key is None:
            return
        traced: JSONObject = {
            "operation": "duplicate",
            "topic": new.topic,
            "id": new.key.id,
            "note": f"duplicate of {event_id}",
        }
        emitter = _Emitter(new.parent_run_id, new.trace_id, attempt, AttemptShare())
        self._recorder.span(emitter, "emit", traced, None, 0.0)

    def cancelled(self, removed: Sequence[RemovedDelivery]) -> None:
        """Trace runs that will never start."""
        for each in removed:
            if each.run_id:
                self._ended_without_attempt(each.run_id, each.trace_id, "cancelled", "cancelled", each.reason)

    def superseded(self, delivery: Delivery) -> None:
        """Warn that a late answer was refused."""
        self._reporter.warning(f"{delivery.step}: an answer came after its lease had passed on; it was refused.")

    def _ended_without_attempt(
        self, run_id: str, trace_id: str, status: str, run_status: str, error: JSONObject | None = None
    ) -> None:
        # Attempt 0 is none: no handler ran.
        self._recorder.attempt_ended(
            run_id, trace_id, 0, duration_ms=0.0, status=status, run_status=run_status, error=error
        )
