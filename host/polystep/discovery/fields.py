"""Fields of step and stream configs, by type. Names are those of Motia 0.17; `emits` is optional here."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StrictBool

from polystep.contracts.durations import duration_ms
from polystep.contracts.errors import InvalidParams
from polystep.contracts.limits import RUNS_PER_RUNNER
from polystep.discovery.parameters import Parameters, read_parameters


class Fields(BaseModel):
    """Config, or part of one; unknown members are kept in `model_extra`, so that a warning can name them."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class EmitFields(Fields):
    """Member of `emits` or `virtualEmits`."""

    topic: str = Field(min_length=1)
    label: str | None = None
    conditional: bool = False


class WaitFields(Fields):
    """Member of `waitsFor`."""

    topic: str = Field(min_length=1)
    by: str = Field(default="", pattern=r"^([^.]+(\.[^.]+)*)?$")


class CancelFields(Fields):
    """Member of `cancelOn`."""

    topic: str = Field(min_length=1)
    by: str = Field(default="", pattern=r"^([^.]+(\.[^.]+)*)?$")


def _emit_object(value: object) -> object:
    return {"topic": value} if isinstance(value, str) else value


def _absent_is_empty(value: object) -> object:
    return [] if value is None else value


def _schema_object(value: object) -> object:
    if value is True:
        return None  # the schema that every value fits
    if value is None or isinstance(value, dict):
        return value
    raise ValueError("must be a JSON Schema, a Zod schema or a pydantic model")


def _parameters(value: object) -> Parameters:
    return value if isinstance(value, Parameters) else read_parameters(value)


def _by_status(value: object) -> object:
    """Turn statuses into text: they are numbers in Python and Ruby. `2xx` and `default` come from OpenAPI."""
    if not isinstance(value, dict):
        return value
    named = {str(status): schema for status, schema in value.items()}
    return {status.upper() if status[1:] == "xx" else status: schema for status, schema in named.items()}


_WaitField = Annotated[WaitFields, BeforeValidator(_emit_object)]
_Waits = Annotated[list[_WaitField], BeforeValidator(_absent_is_empty)]
_CancelField = Annotated[CancelFields, BeforeValidator(_emit_object)]
_Cancels = Annotated[list[_CancelField], BeforeValidator(_absent_is_empty)]
_EmitField = Annotated[EmitFields, BeforeValidator(_emit_object)]
_Emits = Annotated[list[_EmitField], BeforeValidator(_absent_is_empty)]
_Texts = Annotated[list[str], BeforeValidator(_absent_is_empty)]
_Schema = Annotated[dict[str, Any] | None, BeforeValidator(_schema_object)]
_Parameters = Annotated[Parameters, PlainValidator(_parameters)]
_Responses = Annotated[dict[str, _Schema] | None, BeforeValidator(_by_status)]


def _idempotency_object(value: object) -> object:
    if value is None or value is False:
        return None
    if value is True:
        return {}
    if isinstance(value, dict):
        return value
    raise ValueError("must be true or an object such as {required: true, ttl: '24h', headers: ['etag']}")


class _Handler(Fields):
    timeout: float | None = Field(default=None, gt=0)
    ram: float | None = None
    cpu: float | None = None


def _duration(value: object) -> int | None:
    try:
        return None if value is None else max(duration_ms(value, "It"), 1)  # type: ignore[arg-type]
    except InvalidParams as error:
        raise ValueError(error.message) from error


_Duration = Annotated[int | None, BeforeValidator(_duration)]
"""Milliseconds, written as a duration such as `2d`."""


KEY_TTL_MS: Final = 86_400_000
"""Time for which an idempotency key is remembered."""


class IdempotencyFields(Fields):
    """Object of `idempotency`."""

    required: StrictBool = False
    ttl: _Duration = KEY_TTL_MS
    headers: _Texts = []


_Idempotency = Annotated[IdempotencyFields | None, BeforeValidator(_idempotency_object)]


class _Queue(Fields):
    type: Literal["standard", "fifo"] = "standard"
    max_retries: int = Field(default=3, ge=0, alias="maxRetries")
    concurrency: int = Field(default=RUNS_PER_RUNNER, ge=1)
    delay_seconds: float = Field(default=0, ge=0, alias="delaySeconds")
    visibility_timeout: float | None = Field(default=None, alias="visibilityTimeout")
    expires: _Duration = None
    count_waiting: StrictBool = Field(default=False, alias="countWaiting")
    cancel_on: _Cancels = Field(default=[], alias="cancelOn")


class _Infrastructure(Fields):
    handler: _Handler = _Handler()
    queue: _Queue = _Queue()


class StepFields(Fields):
    """Fields of every type of step."""

    name: str = Field(min_length=1)
    type: Literal["api", "event", "cron", "noop"]
    description: str | None = None
    emits: _Emits = []
    flows: _Texts = []
    virtual_emits: _Emits = Field(default=[], alias="virtualEmits")
    virtual_subscribes: _Texts = Field(default=[], alias="virtualSubscribes")
    include_files: _Texts = Field(default=[], alias="includeFiles")
    middleware: Any = None
    infrastructure: _Infrastructure = _Infrastructure()


class ApiFields(StepFields):
    """Fields of an HTTP endpoint."""

    type: Literal["api"]
    path: str = Field(pattern=r"^/")
    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ]
    body_schema: _Schema = Field(default=None, alias="bodySchema")
    response_schema: _Responses = Field(default=None, alias="responseSchema")
    query_params: _Parameters = Field(default=Parameters(), alias="queryParams")
    path_params: _Parameters = Field(default=Parameters(), alias="pathParams")
    idempotency: _Idempotency = None


class EventFields(StepFields):
    """Fields of a subscriber."""

    type: Literal["event"]
    subscribes: list[str]
    input: _Schema = None
    output: _Schema = None
    waits_for: _Waits = Field(default=[], alias="waitsFor")


class CronFields(StepFields):
    """Fields of a step that runs on a schedule."""

    type: Literal["cron"]
    cron: str = Field(min_length=1)
    timezone: str | None = None
    waits_for: _Waits = Field(default=[], alias="waitsFor")


class NoopFields(StepFields):
    """Fields of a step that only draws something outside the project."""

    type: Literal["noop"]


class StreamFields(Fields):
    """Fields of a stream."""

    name: str = Field(min_length=1)
    description: str | None = None
    schema_: _Schema = Field(default=None, alias="schema")
    base_config: Any = Field(default=None, alias="baseConfig")
    can_access: Any = Field(default=None, alias="canAccess")


STEP_FIELDS: Final[dict[str, type[StepFields]]] = {
    "api": ApiFields,
    "event": EventFields,
    "cron": CronFields,
    "noop": NoopFields,
}
"""Fields by the type of a step."""


def names_of(model: type[Fields]) -> list[str]:
    """Return the names that a config may use, as Motia spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]
