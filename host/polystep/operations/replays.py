"""Operations that run something again: the event or the request of a run, also with another input."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from polystep.contracts.errors import Issue
from polystep.contracts.ids import Ids
from polystep.contracts.limits import RUN_INPUT_BYTES_MAX
from polystep.contracts.operations import OperationRefused, bad_parameter
from polystep.contracts.steps import HttpTrigger
from polystep.contracts.values import JSONObject, JSONValue
from polystep.operations.events import EmitParams, NewDeliveryRow, RequestParams, emitted, sent
from polystep.operations.operation import Listed, Operation, Params, Part, Result, Value, position
from polystep.operations.rooms import Rooms
from polystep.operations.traces import whole_id
from polystep.wire import unpack

_TOO_LATE: Final = 504


class ReplayRunParams(Params):
    """Choose a run."""

    run_id: str
    data: Value | None = Field(
        None, description="Other data than that of the run; for a request its `method`, `path`, `headers` and `body`."
    )
    to: Literal["step", "subscribers"] = Field(
        "step", description="Who gets the event: the step of the run alone, or every subscriber of its topic."
    )
    only: bool = Field(
        False,
        description="Only this step runs: what it emits is recorded and not sent. State and streams are written, and "
        "`call` runs the steps that it calls.",
    )


class CancelParams(Params):
    """Choose a run."""

    run_id: str


class CancelledRun(Result):
    """Run that was cancelled."""

    run_id: str
    step: str
    running: bool = Field(description="Its handler ran, and is ended.")


class ReplayedRun(Result):
    """Replay of a run, which is the root of a new trace. What it emits runs too, unless only this step was to run."""

    trace_id: str
    of_trace_id: str
    of_run_id: str
    step: str
    edited: bool
    topic: str | None = Field(None, description="Of an event.")
    deliveries: list[NewDeliveryRow] = Field(default_factory=list, description="Of an event.")
    status: int | None = Field(
        None, description="Of the response to a request; null when it did not come within a minute."
    )


class ReplayRow(Result):
    """Replay of a run. That of a dead letter has the trace of its run, in which it went on."""

    trace_id: str
    of_trace_id: str
    of_run_id: str
    step: str
    edited: bool
    at: int
    status: str | None = Field(description="Of the trace; null when it is not kept.")


class ReplaysParams(Listed):
    """Choose a trace, and a part of its replays."""

    id: str = Field(description="Its id, or the beginning or end of it.")


class Replays(Part):
    """Replay that a trace is, and replays of its runs, oldest first."""

    of: ReplayRow | None
    replays: list[ReplayRow]


async def replay_run(rooms: Rooms, params: ReplayRunParams) -> ReplayedRun | None:
    """Run the event or the request of a run again, as the root of a new trace; also with another input.

    An input that breaks the schema of the step is refused: nothing runs.
    """
    queries = await rooms.traces.inspected()
    run = await queries.run(params.run_id)
    if run is None:
        return None
    trigger = run["trigger"] if isinstance(run["trigger"], dict) else {}
    if trigger.get("kind") not in ("http", "event"):
        raise OperationRefused(409, "No input", "Only runs of events and requests are replayed; fire runs a cron step.")
    edited, data = "data" in params.model_fields_set, params.data
    if not edited:
        kept = await queries.input(params.run_id)
        if kept is None:
            hint = f"Inputs over {RUN_INPUT_BYTES_MAX} bytes, uploads and requests with secrets are not: give the data."
            raise OperationRefused(409, "Input not kept whole", hint)
        data = unpack(kept)
    if params.only and params.to == "subscribers":
        raise bad_parameter("only one step can be run by itself: leave `to` away, or `only`.")
    again = _Again(rooms, run, edited=edited, only=params.only)
    if trigger["kind"] == "http":
        return await again.request(data)
    return await again.emit(str(trigger.get("topic")), data, None if params.to == "subscribers" else str(run["step"]))


async def cancel(rooms: Rooms, params: CancelParams) -> CancelledRun | None:
    """Cancel the run of an event or a cron step that is queued, suspended or runs.

    Events that it has emitted and not committed are dropped, its FIFO key goes on, and the runs that it has called and
    waits for are cancelled too. `replay_run` runs it again. One that runs at another host is not found.
    """
    cancelled = await rooms.work.bus.cancel_run(params.run_id)
    if cancelled is None:
        return None
    step, running = cancelled
    rooms.changed("queues", {"step": step})
    return CancelledRun(run_id=params.run_id, step=step, running=running)


async def replays(rooms: Rooms, params: ReplaysParams) -> Replays:
    """List the replays of the runs of a trace, and the run that it is a replay of."""
    queries, trace_id = await rooms.traces.inspected(), await whole_id(rooms, params.id)
    start = 0 if params.cursor is None else position(params.cursor)
    rows = await queries.replays(trace_id, params.limit + 1, start)
    shown, of = rows[: params.limit], await queries.replay_of(trace_id)
    return Replays(
        of=None if of is None else ReplayRow.model_validate(of),
        replays=[ReplayRow.model_validate(row) for row in shown],
        cursor=str(shown[-1]["position"]) if len(rows) > len(shown) else None,
    )


class _Again:
    """Replay of one run."""

    def __init__(self, rooms: Rooms, run: JSONObject, *, edited: bool, only: bool) -> None:
        self._rooms = rooms
        self._step = str(run["step"])
        self._of = {"of_trace_id": str(run["traceId"]), "of_run_id": str(run["runId"])}
        self._edited = edited
        self._only = only

    async def emit(self, topic: str, data: JSONValue, step: str | None) -> ReplayedRun:
        """Emit the event again."""
        event = await emitted(self._rooms, EmitParams(topic=topic, data=data, step=step), trial=self._only)
        self._record(event.trace_id)
        return ReplayedRun(**self._members(event.trace_id), topic=topic, deliveries=event.deliveries)

    async def request(self, data: JSONValue) -> ReplayedRun:
        """Send the request again."""
        try:
            asked = RequestParams.model_validate(data)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
            raise bad_parameter(f"data is no request: give its method, path, headers and body ({where}).") from error
        self._check(asked)
        ids = Ids()
        trace_id = ids.trace()
        # Before it is sent: a handler may take long, and its trace is seen meanwhile.
        self._record(trace_id)
        status: int | None = None
        headers = {"traceparent": f"00-{trace_id}-{ids.run()}-01"}
        with self._rooms.work.attempts.trial(trace_id) if self._only else nullcontext():
            try:
                status = (await sent(self._rooms, asked, headers)).status
            except OperationRefused as refused:
                if refused.status != _TOO_LATE:
                    raise
        return ReplayedRun(**self._members(trace_id), status=status)

    def _check(self, asked: RequestParams) -> None:
        """Check the body before anything runs.

        Raises:
            OperationRefused: The step is gone, or cannot take the body; `issues` lists where.
        """
        step = self._rooms.project.declared.steps.get(self._step)
        if step is None or not isinstance(step.trigger, HttpTrigger):
            raise OperationRefused(409, "No such route", f"{self._step} takes no requests any more.")
        validator = self._rooms.work.loaded.validators.body(self._step)
        issues: list[Issue] = [] if validator is None else validator.issues(asked.body)
        if issues:
            listed = [{"step": self._step, **issue.to_json()} for issue in issues]
            hint = f"{self._step} cannot take this body."
            raise OperationRefused(400, "Validation failed", hint, issues=listed)

    def _record(self, trace_id: str) -> None:
        of_trace_id, of_run_id = self._of["of_trace_id"], self._of["of_run_id"]
        self._rooms.traces.recorder.run_replayed(trace_id, of_trace_id, of_run_id, self._step, edited=self._edited)

    def _members(self, trace_id: str) -> dict[str, Any]:
        return {"trace_id": trace_id, **self._of, "step": self._step, "edited": self._edited}


OPERATIONS = (
    Operation("replay_run", "POST runs/{runId}/replay", ReplayRunParams, ReplayedRun, "changes", replay_run),
    Operation("cancel", "DELETE runs/{runId}", CancelParams, CancelledRun, "changes", cancel),
    Operation("replays", "GET traces/{id}/replays", ReplaysParams, Replays, "reads", replays),
)
