"""Runs steps: opens the run, calls the runner, tells success from every kind of failure, and traces all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, cast

from polystep.app.console import Console
from polystep.app.log_lines import place_lines
from polystep.app.nowhere import Nowhere
from polystep.app.responses import ResponsePolicy, Responses
from polystep.app.runs import OpenRun, OpenRuns
from polystep.app.verdicts import ResponseBroken, describe, input_broken, issues_of, request_broken
from polystep.contracts.errors import (
    ContractBroken,
    HostStopping,
    InvalidValue,
    Issue,
    Overloaded,
    PolystepError,
    RunnerGone,
    StepFailed,
)
from polystep.contracts.events import Delivery, NewDelivery, Outcome, ParkedEvent
from polystep.contracts.ids import Ids
from polystep.contracts.limits import OPERATIONS_PER_ATTEMPT_MAX, TRACE_BYTES_PER_ATTEMPT_MAX
from polystep.contracts.places import place_from
from polystep.contracts.ports import AnswerStream, Clock
from polystep.contracts.steps import StepSpec
from polystep.contracts.storage import NotStored
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Validators
from polystep.runners import RunnerPool
from polystep.trace import TraceRecorder
from polystep.wire import unpack

_BLAME: Final[Mapping[str, Literal["released", "suspect", "failed"]]] = {
    "neighbour": "released",
    "unknown": "suspect",
    "own": "failed",
}
"""What becomes of a run whose runner died, by whose fault that was; its own fault is a failure."""

_SHOWN: Final = {"suspect": "interrupted", "released": "interrupted", "postponed": "interrupted"}
"""What traces call an attempt that did not end by itself."""


class Execution:
    """Implements `StepCaller` for HTTP, `DeliveryRunner` and `DeliveryObserver` for the bus."""

    def __init__(
        self,
        runs: OpenRuns,
        pools: Callable[[str], RunnerPool],
        validators: Callable[[], Validators],
        recorder: TraceRecorder,
        console: Console,
        clock: Clock,
        ids: Ids,
        responses: ResponsePolicy,
        nowhere: Nowhere,
        explained: Callable[[JSONObject, str], JSONObject],
        storage: Callable[[], NotStored | None],
    ) -> None:
        """`explained` adds what `runners.Failures` knows of an error of a file; `storage` says why writes fail."""
        self._runs = runs
        self._pools = pools
        self._validators = validators
        self._recorder = recorder
        self._console = console
        self._clock = clock
        self._responses = Responses(validators, recorder, console, responses)
        self._nowhere = nowhere
        self._ids = ids
        self._explained = explained
        self._storage = storage
        self._durations_ms: dict[int, float] = {}
        """By delivery, from the end of its handler until its outcome is stored."""

    async def run_http(self, step: StepSpec, request: JSONObject, trace_id: str, answer: AnswerStream) -> JSONObject:
        """Run an api step; returns what its handler gave, which has no meaning when it streamed its answer."""
        run_id = self._ids.run()
        run = OpenRun(run_id, run_id, trace_id, 1, step, buffers_emits=False, answer=answer)
        self._recorder.run_queued(run.run_id, trace_id, None, step.name, step.type, _http_trigger(step, request))
        self._recorder.attempt_started(run.run_id, trace_id, 1)
        began_s = self._clock.monotonic_s()
        error: JSONObject | None = None
        result: JSONValue = None
        status = "failed"
        try:
            result = await self._call(run, request, suspect=False)
            if answer.started:
                result = answer.summary
            else:
                self._responses.check(step, result, trace_id, run_id)
            status = "completed"
        except asyncio.CancelledError:
            if answer.client_left:
                status, result = "completed", _seen_enough(answer)
            else:
                error = {"name": "cancelled", "message": "The host stopped before the handler was done."}
            raise
        except PolystepError as failure:
            if answer.client_left:
                status, result = "completed", _seen_enough(answer)
                return {}
            if isinstance(failure, ContractBroken) and not isinstance(failure, ResponseBroken):
                # The step's own validation refused the request: the same to the client, and in the trace, as ours.
                issues = issues_of(failure)
                status, error = "rejected", _request_error(issues)
                raise request_broken(issues) from failure
            error = self._describe(failure, step)
            # The pool tells of those that it has no place for, seldom.
            if not isinstance(failure, Overloaded):
                self._log_failure(run, error, "The client got an error answer.")
            trouble = self._storage()
            if trouble is not None and isinstance(failure, StepFailed) and failure.data.get("name") == trouble.name:
                # A write of the handler failed at the disk: that is our fault, not the step's.
                raise trouble from failure
            raise
        finally:
            self._recorder.attempt_ended(
                run.run_id,
                trace_id,
                1,
                duration_ms=(self._clock.monotonic_s() - began_s) * 1000,
                status=status,
                run_status=status,
                error=error,
                result=result,
            )
        # What is no map is for the HTTP room to refuse: it knows what an answer must look like.
        return cast("JSONObject", result)

    def reject_http(self, step: StepSpec, request: JSONObject, trace_id: str, issues: Sequence[Issue]) -> None:
        """Trace a request that broke the contract before the handler ran."""
        run_id = self._ids.run()
        self._recorder.run_queued(run_id, trace_id, None, step.name, step.type, _http_trigger(step, request))
        self._recorder.attempt_started(run_id, trace_id, 1)
        self._recorder.attempt_ended(
            run_id,
            trace_id,
            1,
            duration_ms=0.0,
            status="rejected",
            run_status="rejected",
            error=_request_error(issues),
        )

    def answer_refused(self, step: StepSpec, trace_id: str, message: str) -> None:
        """Tell the user that a handler's answer could not be sent."""
        kept, _ = self._recorder.log("error", message, step=step.name, trace_id=trace_id, source="host")
        lines = [kept, *place_lines(self._explained({}, step.source.path)), f"Trace {trace_id}"]
        self._console.error(f"{step.name}: its answer cannot be sent", "\n".join(lines))

    async def run_delivery(self, delivery: Delivery, step: StepSpec) -> Outcome:
        """Run one attempt of an event or cron step."""
        self._recorder.attempt_started(delivery.run_id, delivery.trace_id, delivery.attempt)
        began_s = self._clock.monotonic_s()
        run = OpenRun(
            f"{delivery.run_id}.{delivery.token}",
            delivery.run_id,
            delivery.trace_id,
            delivery.attempt,
            step,
            buffers_emits=True,
        )
        try:
            return await self._attempt(run, delivery, step)
        finally:
            self._durations_ms[delivery.id] = (self._clock.monotonic_s() - began_s) * 1000

    def enqueued(self, deliveries: Sequence[NewDelivery]) -> None:
        """Trace that runs are waiting now, and which never will: their events were refused."""
        for new in deliveries:
            trigger: JSONObject = (
                {"kind": "cron"}
                if new.kind == "cron"
                else {"kind": "event", "topic": new.topic, "data": unpack(new.data)}
            )
            self._recorder.run_queued(new.run_id, new.trace_id, new.parent_run_id, new.step, new.kind, trigger)
            if new.refused is not None:
                # Attempt 0 is none: the run has failed without one.
                self._recorder.attempt_ended(
                    new.run_id,
                    new.trace_id,
                    0,
                    duration_ms=0.0,
                    status="rejected",
                    run_status="failed",
                    error=new.refused,
                )

    def settled(self, delivery: Delivery, outcome: Outcome, retry_at_ms: int | None, buried: bool) -> None:
        """Trace how an attempt ended, and tell the user of failures."""
        run_status = "completed" if outcome.status == "completed" else "failed" if buried else "waiting"
        self._recorder.attempt_ended(
            delivery.run_id,
            delivery.trace_id,
            delivery.attempt,
            duration_ms=self._durations_ms.pop(delivery.id, 0.0),
            status=_SHOWN.get(outcome.status, outcome.status),
            run_status=run_status,
            error=outcome.error,
        )
        if outcome.status != "failed" or outcome.error is None:
            return
        if buried:
            what = "It is in the dead letters now and can be replayed."
        else:
            wait_s = max((retry_at_ms or 0) - self._clock.now_ms(), 0) / 1000
            what = f"Attempt {delivery.attempt}; the next one starts in {wait_s:.1f} s."
        self._log_failure(delivery, outcome.error, what)

    def unparked(self, event: ParkedEvent, steps: Sequence[str]) -> None:
        """Trace where an event went that had waited for a subscriber."""
        if steps:
            level, message = "info", f"The event of {event.topic} was delivered to {', '.join(steps)}."
        else:
            level, message = "warn", self._nowhere.notice(event.topic)
        self._recorder.log(level, message, trace_id=event.trace_id, run_id=event.run_id, source="host")
        # Attempt 0 is none: no handler ran for it.
        self._recorder.attempt_ended(
            event.run_id,
            event.trace_id,
            0,
            duration_ms=0.0,
            status="completed",
            run_status="completed",
        )

    def superseded(self, delivery: Delivery) -> None:
        """Say that a late answer was refused."""
        self._durations_ms.pop(delivery.id, None)
        self._console.warning(f"{delivery.step}: an answer came after its lease had passed on; it was refused.")

    async def _attempt(self, run: OpenRun, delivery: Delivery, step: StepSpec) -> Outcome:
        data = unpack(delivery.data)
        validator = self._validators().input(step.name)
        if validator is not None and (issues := validator.issues(data)):
            return self._input_refused(step, delivery, issues)
        try:
            await self._call(run, data, suspect=delivery.crashes > 0)
        except RunnerGone as failure:
            return Outcome(_BLAME.get(str(failure.data.get("fault")), "failed"), error=self._describe(failure))
        except HostStopping as failure:
            return Outcome("released", error=self._describe(failure))
        except Overloaded as failure:
            return Outcome("postponed", error=self._describe(failure))
        except ContractBroken as failure:
            return self._input_refused(step, delivery, issues_of(failure))
        except PolystepError as failure:
            return Outcome("failed", error=self._describe(failure, step), retryable=failure.retryable)
        return Outcome("completed", emits=tuple(run.emits))

    def _input_refused(self, step: StepSpec, delivery: Delivery, issues: Sequence[Issue]) -> Outcome:
        error = self._describe(input_broken(step.name, delivery.topic, issues))
        return Outcome("failed", error=error, retryable=False)

    async def _call(self, run: OpenRun, value: JSONValue, *, suspect: bool) -> JSONValue:
        step, pool = run.step, self._pools(run.step.source.runner)
        if run.answer is not None:
            run.begin_stream = lambda: pool.begin_stream(run.name)
        self._runs.open(run)
        try:
            return await pool.run(
                {
                    "run": run.name,
                    "file": step.source.path,
                    "step": step.name,
                    "type": step.type,
                    "input": value,
                    "trace_id": run.trace_id,
                    "traceparent": f"00-{run.trace_id}-{run.run_id}-01",
                    "attempt": run.attempt,
                    "flows": list(step.flows),
                },
                step.timeout_s,
                suspect=suspect,
                unlimited=lambda: run.answer is not None and run.answer.started,
            )
        except StepFailed as failure:
            # Its answer was not begun. For the handler that is an error of a call; for the client we are overloaded.
            if run.refused is not None:
                raise run.refused from failure
            raise
        finally:
            self._runs.close(run)
            if run.share.left_out:
                self._tell_left_out(run)

    def _tell_left_out(self, run: OpenRun) -> None:
        message = (
            f"{run.share.left_out} records of this run were left out of its trace, which holds at most "
            f"{OPERATIONS_PER_ATTEMPT_MAX} operations and {TRACE_BYTES_PER_ATTEMPT_MAX} bytes of one attempt."
        )
        self._recorder.log("warn", message, step=run.step.name, trace_id=run.trace_id, run_id=run.run_id, source="host")

    def _describe(self, error: PolystepError, step: StepSpec | None = None) -> JSONObject:
        """Redacted once, here: the console, the traces and the dead letters all show the same."""
        described = describe(error)
        if step is not None and isinstance(error, StepFailed | InvalidValue):
            described = self._explained(described, step.source.path)
        return self._recorder.redacted(described)

    def _log_failure(self, run: OpenRun | Delivery, error: JSONObject, what_next: str) -> None:
        step = run.step.name if isinstance(run, OpenRun) else run.step
        name, reason, stack = str(error["name"]), str(error["message"]), error.get("stack")
        place = place_from(error.get("place"))
        fields: JSONObject = {"attempt": run.attempt}
        if place is not None:
            fields["place"] = str(place)
        if isinstance(stack, str):
            fields["stack"] = stack
        message, _ = self._recorder.log(
            "error",
            f"{name}: {reason}",
            fields=fields,
            step=step,
            trace_id=run.trace_id,
            run_id=run.run_id,
            source="host",
        )
        details = [*place_lines(error), f"{what_next} Trace {run.trace_id}"]
        self._console.error(f"{step}: {message}", "\n".join(details))


def _request_error(issues: Sequence[Issue]) -> JSONObject:
    broken = request_broken(issues)
    return {"name": broken.name, "message": broken.message, **broken.data}


def _seen_enough(answer: AnswerStream) -> JSONObject:
    """What browsers do with every stream sooner or later: no failure of the step."""
    return {**answer.summary, "clientLeft": True}


def _http_trigger(step: StepSpec, request: JSONObject) -> JSONObject:
    trigger = step.trigger
    return {
        "kind": "http",
        "method": getattr(trigger, "method", None),
        "path": getattr(trigger, "path", None),
        "pathParams": request.get("pathParams"),
        "queryParams": request.get("queryParams"),
        "body": request.get("body"),
    }
