"""One call of a handler: its attempt is open while the runner works on it."""

from __future__ import annotations

from collections.abc import Mapping

from polystep.contracts.errors import StepFailed
from polystep.contracts.limits import OPERATIONS_PER_ATTEMPT_MAX, TRACE_BYTES_PER_ATTEMPT_MAX
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.attempts import OpenAttempt, OpenAttempts
from polystep.runners import RunnerPool
from polystep.trace import TraceRecorder


class Handlers:
    """Caller of handlers in the runner of their file."""

    def __init__(self, attempts: OpenAttempts, pools: Mapping[str, RunnerPool], recorder: TraceRecorder) -> None:
        self._attempts = attempts
        self._pools = pools
        self._recorder = recorder

    async def call(self, attempt: OpenAttempt, value: JSONValue, *, suspect: bool = False) -> JSONValue:
        """Call a handler with `value`; returns its result.

        Args:
            attempt: Accepts the handler's calls until it ends.
            value: The request, or the data of the event.
            suspect: Its runner died during an attempt before: it gets a process of its own.

        Raises:
            Overloaded: Its response was not begun, or an event not taken, since too much is under way.
            PolystepError: The handler failed, timed out, or its runner died.
        """
        step, pool = attempt.step, self._pools[attempt.step.source.runner]
        attempt.is_crowded = pool.is_full
        if attempt.response is not None:
            attempt.begin_stream = lambda: pool.begin_stream(attempt.name)
        params: JSONObject = {
            "run": attempt.name,
            "file": step.source.path,
            "step": step.name,
            "type": step.type,
            "input": value,
            "trace_id": attempt.trace_id,
            "traceparent": f"00-{attempt.trace_id}-{attempt.run_id}-01",
            "attempt": attempt.number,
            "flows": list(step.flows),
        }
        if attempt.delivery is not None and attempt.delivery.resumes:
            params["resumed"] = attempt.delivery.resumes
        if attempt.delivery is not None and attempt.delivery.kind == "call":
            params["wants_value"] = True
        if attempt.scheduled_ms is not None:
            params["scheduled_ms"] = attempt.scheduled_ms
        self._attempts.open(attempt)
        try:
            return await pool.run(
                params,
                step.timeout_s,
                suspect=suspect,
                more_s=lambda: _more_s(attempt),
            )
        except StepFailed as failure:
            # Its response was not begun. For the handler that is an error of a call; for the client we are overloaded.
            if attempt.refused is not None:
                raise attempt.refused from failure
            raise
        finally:
            self._attempts.close(attempt)
            if attempt.share.left_out:
                self._log_left_out(attempt)

    def _log_left_out(self, attempt: OpenAttempt) -> None:
        message = (
            f"{attempt.share.left_out} records of this run were left out of its trace, which holds at most "
            f"{OPERATIONS_PER_ATTEMPT_MAX} operations and {TRACE_BYTES_PER_ATTEMPT_MAX} bytes of one attempt."
        )
        self._recorder.log(
            "warn", message, step=attempt.step.name, trace_id=attempt.trace_id, run_id=attempt.run_id, source="host"
        )


def _more_s(attempt: OpenAttempt) -> float:
    """Return the time that an attempt gets beyond its deadline: to stream its response, or for what it has kept."""
    if attempt.response is not None and attempt.response.started:
        return attempt.step.timeout_s
    return 0.0 if attempt.journal is None else attempt.journal.more_s()
