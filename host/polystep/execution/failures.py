"""Failed attempts, described once for the terminal, the traces and the dead letters."""

from __future__ import annotations

from collections.abc import Callable

from polystep.contracts.errors import InvalidValue, PolystepError, StepFailed
from polystep.contracts.events import Delivery
from polystep.contracts.locations import location_from
from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.steps import StepSpec
from polystep.contracts.storage import NotStored
from polystep.contracts.values import JSONObject
from polystep.execution.attempts import OpenAttempt
from polystep.execution.log_lines import location_lines
from polystep.execution.violations import describe
from polystep.trace import TraceRecorder


class FailedAttempts:
    """Reporter that describes and shows failures of handlers."""

    def __init__(
        self,
        recorder: TraceRecorder,
        reporter: Reporter,
        explained: Callable[[JSONObject, str], JSONObject],
        storage_trouble: Callable[[], NotStored | None],
    ) -> None:
        """Report through the recorder and the terminal.

        Args:
            recorder: Redacts descriptions, and takes the log lines.
            reporter: Shows them.
            explained: Adds location and readable stack to an error of a file.
            storage_trouble: Returns the reason why writes fail at the moment.
        """
        self._recorder = recorder
        self._reporter = reporter
        self._explained = explained
        self._storage_trouble = storage_trouble

    def describe(self, error: PolystepError, step: StepSpec | None = None) -> JSONObject:
        """Describe an error without secrets; one of `step`'s own code gets its location and readable stack."""
        described = describe(error)
        if step is not None and isinstance(error, StepFailed | InvalidValue):
            described = self._explained(described, step.source.path)
        return self._recorder.redacted(described)

    def cause(self, failure: PolystepError) -> PolystepError:
        """Return the host's own trouble when a handler failed at one of its writes; else the failure itself."""
        trouble = self._storage_trouble()
        if trouble is not None and isinstance(failure, StepFailed) and failure.data.get("name") == trouble.name:
            return trouble
        return failure

    def show_http(self, attempt: OpenAttempt, error: JSONObject) -> None:
        """Log and show the failure of a request."""
        self._show(attempt.step.name, attempt.run_id, attempt.trace_id, error, "The client got an error answer.", 1)

    def show_delivery(self, delivery: Delivery, error: JSONObject, what_next: str) -> None:
        """Log and show the failure of an attempt; `what_next` is a sentence about the delivery."""
        self._show(delivery.step, delivery.run_id, delivery.trace_id, error, what_next, delivery.attempt)

    def show_refused_response(self, step: StepSpec, trace_id: str, message: str) -> None:
        """Log and show that the response of a handler could not be sent."""
        kept, _ = self._recorder.log("error", message, step=step.name, trace_id=trace_id, source="host")
        lines = [kept, *location_lines(self._explained({}, step.source.path)), f"Trace {trace_id}"]
        self._reporter.error(f"{step.name}: its answer cannot be sent", "\n".join(lines))

    def _show(self, step: str, run_id: str, trace_id: str, error: JSONObject, what_next: str, number: int) -> None:
        name, reason, stack = str(error["name"]), str(error["message"]), error.get("stack")
        location = location_from(error.get("place"))
        fields: JSONObject = {"attempt": number}
        if location is not None:
            fields["place"] = str(location)
        if isinstance(stack, str):
            fields["stack"] = stack
        message, _ = self._recorder.log(
            "error", f"{name}: {reason}", fields=fields, step=step, trace_id=trace_id, run_id=run_id, source="host"
        )
        details = [*location_lines(error), f"{what_next} Trace {trace_id}"]
        self._reporter.error(f"{step}: {message}", "\n".join(details))
