"""Operations that begin something: an event, a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from polystep.contracts.errors import InvalidParams
from polystep.contracts.events import PSEUDO_STEPS, UNKNOWN_STEP, NewDelivery
from polystep.contracts.ids import Ids
from polystep.contracts.operations import OperationRefused, bad_parameter
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.emit_options import EmitOptions, read_options
from polystep.operations.operation import Operation, Params, Result, Truth, Value
from polystep.operations.own_request import OwnRequest, send
from polystep.operations.rooms import Rooms
from polystep.wire import pack


class EmitParams(Params):
    """Give an event."""

    topic: str | None = Field(None, description="May be left out with a step: its first topic then.")
    data: Value = None
    fifo_key: str | None = None
    step: str | None = Field(None, description="Only this subscriber gets the event.")
    id: str | None = Field(default=None, description="Of the events of a topic with one id, the first is stored.")
    id_ttl: str | None = Field(default=None, description="Time for which the id stays taken; `24h` by default.")
    replace: Truth = Field(default=False, description="Take the place of the event with this id, if that waits still.")
    delay: str | None = Field(default=None, description="A duration such as `15m`, after which the event is due.")
    at: str | None = Field(default=None, description="When the event is due, such as `2026-12-24T18:00:00Z`.")


class NewDeliveryRow(Result):
    """Delivery of an event to a step."""

    step: str
    run_id: str


class Emitted(Result):
    """Event that is stored, and who gets it."""

    trace_id: str
    event_id: str
    topic: str
    deliveries: list[NewDeliveryRow]
    parked: bool = Field(description="It waits too for subscribers whose files do not load.")
    duplicate_of: str | None = Field(None, description="The event that has its id; then it goes to nobody anew.")


class CancelEventParams(Params):
    """Name an event by its topic and id."""

    topic: str
    id: str


class CancelledEvent(Result):
    """Event as far as it was removed before it started."""

    topic: str
    id: str
    removed: list[str] = Field(description="Steps that do not get it any more.")


class RequestParams(Params):
    """Give a request to a route of the project."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    path: str = Field(description="With its query, such as `/tickets?limit=1`.")
    headers: dict[str, str] = Field(default_factory=dict)
    body: Value = Field(None, description="A text is sent as it is, anything else as JSON.")


class RequestAnswer(Result):
    """Response of a route."""

    status: int
    headers: dict[str, str] = Field(description="Names in lower case; the values of one name are joined by commas.")
    body: Value
    size_bytes: int = Field(description="Bytes of the body that have arrived.")
    cut: bool = Field(description="The body is longer than what is shown of it.")
    ended: bool = Field(description="The response came to its end in time.")
    first_byte_ms: float = Field(description="Until the first byte of the response.")
    duration_ms: float
    trace_id: str | None


async def emit(rooms: Rooms, params: EmitParams) -> Emitted:
    """Emit an event, as the root of a new trace, to all subscribers of its topic or to one.

    Data that a subscriber cannot take is refused: nothing is stored.
    """
    return await emitted(rooms, params)


async def emitted(rooms: Rooms, params: EmitParams, *, trial: bool = False) -> Emitted:
    """Emit an event; the run of a trial, which has one subscriber, sends no events."""
    topic, trace_id = _topic(rooms, params), Ids().trace()
    options = _options(rooms, params)
    planned = rooms.work.bus.plan(
        topic,
        pack(params.data),
        trace_id=trace_id,
        parent_run_id=None,
        fifo_key=params.fifo_key,
        key=options.key,
        due_ms=options.due_ms,
        value=params.data,
    )
    if params.step is not None:
        planned = tuple(new for new in planned if new.step == params.step)
    if not planned:
        who = "No step subscribes" if params.step is None else f"{params.step} does not subscribe"
        raise OperationRefused(409, "No subscriber", f"{who} to {topic}.")
    if trial:
        planned = tuple(new._replace(kind="trial") for new in planned)
    _check(rooms, planned, params.data)
    keyed = await rooms.work.bus.publish(planned)
    duplicates = {} if keyed is None else keyed.duplicates
    stored = [new for new in planned if new.run_id not in duplicates]
    known = [new for new in stored if new.step not in PSEUDO_STEPS]
    return Emitted(
        trace_id=trace_id,
        event_id=planned[0].event_id,
        topic=topic,
        deliveries=[NewDeliveryRow(step=new.step, run_id=new.run_id) for new in known],
        parked=any(new.step == UNKNOWN_STEP for new in stored),
        duplicate_of=next(iter(duplicates.values()), None),
    )


async def cancel_event(rooms: Rooms, params: CancelEventParams) -> CancelledEvent:
    """Remove the event with an id, for the steps where it has not started."""
    removed = await rooms.work.bus.cancel_event(params.topic, params.id)
    rooms.changed("queues", {"topic": params.topic})
    return CancelledEvent(topic=params.topic, id=params.id, removed=[each.step for each in removed if each.run_id])


async def request(rooms: Rooms, params: RequestParams) -> RequestAnswer:
    """Send a request to a route of the project, as any client would."""
    return await sent(rooms, params, {})


async def sent(rooms: Rooms, params: RequestParams, further: Mapping[str, str]) -> RequestAnswer:
    """Send a request with further headers, and read its response.

    Raises:
        OperationRefused: The path is none of a route, a header cannot be sent, or no response came in time.
    """
    if not params.path.startswith("/") or params.path.startswith("/__polystep"):
        raise bad_parameter("path is no path of a route: begin it with /.")
    if any(not character.isprintable() or character == " " for character in params.path):
        raise bad_parameter("path has spaces or control characters: percent-encode them.")
    began_s = rooms.clock.monotonic_s()
    headers = {**params.headers, **further}
    asked = OwnRequest(rooms.place.address(), params.method, params.path, headers, params.body)
    answer = await send(asked, rooms.clock)
    return RequestAnswer(
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
        size_bytes=answer.size_bytes,
        cut=answer.cut,
        ended=answer.ended,
        first_byte_ms=round((answer.first_byte_s - began_s) * 1000, 3),
        duration_ms=round((rooms.clock.monotonic_s() - began_s) * 1000, 3),
        trace_id=answer.headers.get("x-trace-id"),
    )


def _options(rooms: Rooms, params: EmitParams) -> EmitOptions:
    given: JSONObject = {
        "id": params.id, "id_ttl": params.id_ttl, "replace": params.replace, "delay": params.delay, "at": params.at,
    }  # fmt: skip
    try:
        return read_options(given, rooms.clock.now_ms())
    except InvalidParams as error:
        raise bad_parameter(error.message) from error


def _topic(rooms: Rooms, params: EmitParams) -> str:
    if params.topic is not None:
        return params.topic
    step = None if params.step is None else rooms.project.declared.steps.get(params.step)
    if step is None or not step.topics:
        raise bad_parameter("topic is missing; it may be left out for a step that subscribes to one.")
    return step.topics[0]


def _check(rooms: Rooms, planned: tuple[NewDelivery, ...], data: JSONValue) -> None:
    """Check the data of an event against the input of each subscriber.

    Raises:
        OperationRefused: Some cannot take it; `issues` lists where, each with its `step`.
    """
    found: list[dict[str, Any]] = []
    for new in planned:
        validator = rooms.work.loaded.validators.input(new.step)
        if validator is not None:
            found += [{"step": new.step, **issue.to_json()} for issue in validator.issues(data)]
    if found:
        steps = ", ".join(dict.fromkeys(each["step"] for each in found))
        raise OperationRefused(400, "Validation failed", f"{steps} cannot take this data.", issues=found)


OPERATIONS = (
    Operation("emit", "POST events", EmitParams, Emitted, "changes", emit),
    Operation("cancel_event", "POST events/cancel", CancelEventParams, CancelledEvent, "changes", cancel_event),
    Operation("request", "POST requests", RequestParams, RequestAnswer, "changes", request),
)
