"""Runs of event and cron steps: one attempt for each delivery that the bus has claimed, and its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from polystep.contracts.errors import ContractBroken, HostStopping, Issue, Overloaded, PolystepError, RunnerGone
from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.ports.clock import Clock
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONValue
from polystep.discovery import Loaded
from polystep.execution.attempts import OpenAttempt
from polystep.execution.failures import FailedAttempts
from polystep.execution.handlers import Handlers
from polystep.execution.journals import Journals
from polystep.execution.violations import input_broken, issues_of, output_broken
from polystep.trace import TraceRecorder
from polystep.wire import pack, unpack

_BLAME: Final[Mapping[str, Literal["released", "suspect", "failed"]]] = {
    "neighbour": "released",
    "unknown": "suspect",
    "own": "failed",
}
"""The outcome of an attempt whose runner died, by the fault; its own fault is a failure."""


class Deliveries:
    """Runner of deliveries for the bus: the port `DeliveryRunner`."""

    def __init__(
        self,
        handlers: Handlers,
        loaded: Loaded,
        failures: FailedAttempts,
        recorder: TraceRecorder,
        clock: Clock,
        journals: Journals,
    ) -> None:
        self._handlers = handlers
        self._loaded = loaded
        self._failures = failures
        self._recorder = recorder
        self._clock = clock
        self._journals = journals

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        """Run one attempt of an event or cron step."""
        self._recorder.attempt_started(delivery.run_id, delivery.trace_id, delivery.attempt)
        began_s = self._clock.monotonic_s()
        name = f"{delivery.run_id}.{delivery.token}"
        attempt = OpenAttempt(name, delivery.run_id, delivery.trace_id, delivery.attempt, step, buffers_emits=True)
        attempt.delivery, attempt.task = delivery, asyncio.current_task()
        attempt.is_trial = delivery.kind == "trial"
        data = unpack(delivery.data)
        if step.type == "cron":
            # The time for which the tick was due: it is told beside the input, of which a cron step has none.
            attempt.scheduled_ms, data = data if isinstance(data, int) else None, None
        validator = self._loaded.validators.input(step.name)
        if validator is not None and (issues := validator.issues(data)):
            outcome = self._refused(delivery, issues)
        else:
            try:
                if delivery.resumes is not None:
                    attempt.journal = await self._journals.begin_leg(delivery)
                value = await self._handlers.call(attempt, data, suspect=delivery.crashes > 0)
            except PolystepError as failure:
                outcome = self._journals.held(attempt, failure) or self._failed(failure, delivery, step)
            except asyncio.CancelledError:
                if (ended := self._journals.cancelled(attempt)) is None:
                    raise
                outcome = ended
            else:
                if delivery.resumes:
                    self._journals.report_changed(attempt)
                outcome = self._completed(attempt, delivery, value)
            finally:
                if attempt.journal is not None:
                    self._journals.end_leg(attempt)
        return outcome._replace(duration_ms=(self._clock.monotonic_s() - began_s) * 1000)

    async def let_units_end(self) -> None:
        """Wait for the functions of `once` that run."""
        await self._journals.let_units_end()

    def _completed(self, attempt: OpenAttempt, delivery: Delivery, value: JSONValue) -> Outcome:
        if delivery.kind != "call":
            return Outcome("completed", tuple(attempt.emits))
        validator = self._loaded.validators.output(delivery.step)
        if validator is not None and (issues := validator.issues(value)):
            return Outcome("failed", error=self._failures.describe(output_broken(delivery.step, issues)))
        return Outcome("completed", tuple(attempt.emits), value=pack(value))

    def _failed(self, failure: PolystepError, delivery: Delivery, step: StepSpec) -> Outcome:
        match failure:
            case RunnerGone():
                status = _BLAME.get(str(failure.data.get("fault")), "failed")
                return Outcome(status, error=self._failures.describe(failure))
            case HostStopping():
                return Outcome("released", error=self._failures.describe(failure))
            case Overloaded():
                return Outcome("postponed", error=self._failures.describe(failure))
            case ContractBroken():
                return self._refused(delivery, issues_of(failure))
        run_at_ms = self._journals.retry_at_ms(failure, step)
        error = self._failures.describe(failure, step)
        return Outcome("failed", error=error, retryable=failure.retryable, run_at_ms=run_at_ms)

    def _refused(self, delivery: Delivery, issues: Sequence[Issue]) -> Outcome:
        error = self._failures.describe(input_broken(delivery.step, delivery.topic, issues))
        return Outcome("failed", error=error, retryable=False)
