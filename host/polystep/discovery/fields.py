"""The fields of step and stream configs, by type. The names are those of Motia 0.17; `emits` is optional here."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from polystep.contracts.limits import RUNS_PER_RUNNER
from polystep.discovery.parameters import Parameters, read_parameters


class Fields(BaseModel):
    """A config, or a part of one; what it does not know is kept in `model_extra`, to be named."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class EmitFields(Fields):
    """A member of `emits` or `virtualEmits`."""

    topic: str = Field(min_length=1)
    label: str | None = None
    conditional: bool = False


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
    """Statuses are text in JSON and JavaScript, numbers in Python and Ruby; `2xx` and `default` are OpenAPI's."""
    if not isinstance(value, dict):
        return value
    named = {str(status): schema for status, schema in value.items()}
    return {status.upper() if status[1:] == "xx" else status: schema for status, schema in named.items()}


_EmitField = Annotated[EmitFields, BeforeValidator(_emit_object)]
_Emits = Annotated[list[_EmitField], BeforeValidator(_absent_is_empty)]
_Texts = Annotated[list[str], BeforeValidator(_absent_is_empty)]
_Schema = Annotated[dict[str, Any] | None, BeforeValidator(_schema_object)]
_Parameters = Annotated[Parameters, PlainValidator(_parameters)]
_Responses = Annotated[dict[str, _Schema] | None, BeforeValidator(_by_status)]


class _Handler(Fields):
    timeout: float | None = Field(default=None, gt=0)
    ram: float | None = None
    cpu: float | None = None


class _Queue(Fields):
    type: Literal["standard", "fifo"] = "standard"
    max_retries: int = Field(default=3, ge=0, alias="maxRetries")
    concurrency: int = Field(default=RUNS_PER_RUNNER, ge=1)
    delay_seconds: float = Field(default=0, ge=0, alias="delaySeconds")
    visibility_timeout: float | None = Field(default=None, alias="visibilityTimeout")


class _Infrastructure(Fields):
    handler: _Handler = _Handler()
    queue: _Queue = _Queue()


class StepFields(Fields):
    """What every type of step may have."""

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
    """An HTTP endpoint."""

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


class EventFields(StepFields):
    """A subscriber."""

    type: Literal["event"]
    subscribes: list[str]
    input: _Schema = None


class CronFields(StepFields):
    """A job by the clock."""

    type: Literal["cron"]
    cron: str = Field(min_length=1)
    timezone: str | None = None


class NoopFields(StepFields):
    """A picture of something outside."""

    type: Literal["noop"]


class StreamFields(Fields):
    """A stream file."""

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
"""By type."""


def names_of(model: type[Fields]) -> list[str]:
    """The names that a config may use, as Motia spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]
