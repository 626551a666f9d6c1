"""Runs of `api` steps: one attempt a request, traced, with failures of the step apart from faults of the client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from polystep.contracts.errors import ContractBroken, Issue, Overloaded, PolystepError
from polystep.contracts.ids import Ids
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.http import ResponseStream
from polystep.contracts.request_keys import KeptResponse, KeyedRun
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.attempts import OpenAttempt
from polystep.execution.failures import FailedAttempts
from polystep.execution.handlers import Handlers
from polystep.execution.journal import AttemptJournal
from polystep.execution.responses import Responses
from polystep.execution.violations import ResponseBroken, issues_of, request_broken
from polystep.trace import TraceRecorder


class HttpRuns:
    """Caller of `api` steps for the HTTP room: the port `StepCaller`."""

    def __init__(
        self,
        handlers: Handlers,
        responses: Responses,
        failures: FailedAttempts,
        recorder: TraceRecorder,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._handlers = handlers
        self._responses = responses
        self._failures = failures
        self._recorder = recorder
        self._clock = clock
        self._ids = ids

    async def run_http(
        self,
        step: StepSpec,
        request: JSONObject,
        trace_id: str,
        response: ResponseStream,
        target: str = "",
        keyed: KeyedRun | None = None,
    ) -> JSONObject:
        """Run an api step; returns the handler's result, which has no meaning when it streamed its response."""
        run_id = self._ids.run()
        attempt = OpenAttempt(run_id, run_id, trace_id, 1, step, buffers_emits=False, response=response)
        if keyed is not None:
            attempt.journal = AttemptJournal(None, keyed.journal, self._clock.monotonic_s, keyed)
        self._queued(run_id, step, request, trace_id, target)
        began_s = self._clock.monotonic_s()
        error: JSONObject | None = None
        result: JSONValue = None
        status = "failed"
        try:
            result = await self._handlers.call(attempt, request)
            if response.started:
                result = response.summary
            else:
                self._responses.check(step, result, trace_id, run_id)
            status = "completed"
        except asyncio.CancelledError:
            if response.client_left:
                status, result = "completed", _seen_enough(response)
            else:
                error = {"name": "cancelled", "message": "The host stopped before the handler was done."}
            raise
        except PolystepError as failure:
            if response.client_left:
                status, result = "completed", _seen_enough(response)
                return {}
            if isinstance(failure, ContractBroken) and not isinstance(failure, ResponseBroken):
                # The step's own validation refused the request: the same to the client, and in the trace, as ours.
                issues = issues_of(failure)
                status, error = "rejected", _request_error(issues)
                raise request_broken(issues) from failure
            error = self._failures.describe(failure, step)
            self._show(attempt, failure, error)
            if (cause := self._failures.cause(failure)) is not failure:
                # A write of the handler failed at the disk: that is our fault, not the step's.
                raise cause from failure
            raise
        finally:
            if attempt.journal is not None:
                attempt.journal.close()
            self._recorder.attempt_ended(
                run_id,
                trace_id,
                1,
                duration_ms=(self._clock.monotonic_s() - began_s) * 1000,
                status=status,
                run_status=status,
                error=error,
                result=result,
            )
        # What is no map is for the HTTP room to refuse: it knows what a response must look like.
        return cast("JSONObject", result)

    def _show(self, attempt: OpenAttempt, failure: PolystepError, error: JSONObject) -> None:
        # The pool reports those that it has no slot for, seldom.
        if not isinstance(failure, Overloaded):
            self._failures.show_http(attempt, error)

    def reject_http(
        self, step: StepSpec, request: JSONObject, trace_id: str, issues: Sequence[Issue], target: str = ""
    ) -> None:
        """Trace a request that broke the step's schemas before the handler ran."""
        self._ended_before(step, request, trace_id, target, "rejected", error=_request_error(issues))

    def replay_http(
        self, step: StepSpec, request: JSONObject, trace_id: str, kept: KeptResponse, target: str = ""
    ) -> None:
        """Trace a request that got the response of an earlier one with its key."""
        result: JSONObject = {"status": kept.status, "replayedFrom": kept.trace_id}
        self._ended_before(step, request, trace_id, target, "completed", result=result)

    def _ended_before(
        self,
        step: StepSpec,
        request: JSONObject,
        trace_id: str,
        target: str,
        status: str,
        *,
        error: JSONObject | None = None,
        result: JSONObject | None = None,
    ) -> None:
        """Trace a request that was answered without its handler."""
        run_id = self._ids.run()
        self._queued(run_id, step, request, trace_id, target)
        self._recorder.attempt_ended(
            run_id, trace_id, 1, duration_ms=0.0, status=status, run_status=status, error=error, result=result
        )

    def _queued(self, run_id: str, step: StepSpec, request: JSONObject, trace_id: str, target: str) -> None:
        trigger = _trigger(step, request)
        requests = self._recorder.requests
        shown = requests.plain(trigger)
        is_kept = shown is not None or not requests.hides(target, request)
        kept = requests.pack(str(trigger["method"]), target, request) if is_kept else None
        self._recorder.run_queued(run_id, trace_id, None, step.name, step.type, trigger, kept, shown)
        self._recorder.attempt_started(run_id, trace_id, 1)

    def response_refused(self, step: StepSpec, trace_id: str, message: str) -> None:
        """Log and show that a handler's response could not be sent."""
        self._failures.show_refused_response(step, trace_id, message)


def _request_error(issues: Sequence[Issue]) -> JSONObject:
    broken = request_broken(issues)
    return {"name": broken.name, "message": broken.message, **broken.data}


def _seen_enough(response: ResponseStream) -> JSONObject:
    """Summarise a stream that its client left: browsers do so sooner or later, and the step has not failed."""
    return {**response.summary, "clientLeft": True}


def _trigger(step: StepSpec, request: JSONObject) -> JSONObject:
    trigger = step.trigger
    return {
        "kind": "http",
        "method": getattr(trigger, "method", None),
        "path": getattr(trigger, "path", None),
        "pathParams": request.get("pathParams"),
        "queryParams": request.get("queryParams"),
        "body": request.get("body"),
    }
