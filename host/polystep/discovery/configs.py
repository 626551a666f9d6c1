"""A step's config, as its runner exported it, to a `StepSpec`: every problem named, with what to do.

Follows the fields of Motia 0.17 (`emits` is optional here). An unknown key is a warning with the nearest known one,
never a lost step.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import RUN_TIMEOUT_S, RUNS_PER_RUNNER
from polystep.contracts.steps import (
    CronTrigger,
    Emit,
    EventTrigger,
    HttpTrigger,
    LoadedFile,
    QueuePolicy,
    StepSpec,
    StreamSpec,
)
from polystep.contracts.values import JSONObject

_VALUE_CHARS_MAX: Final = 200
"""Of a wrong value shown in a message."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True)


class _Emit(_Strict):
    topic: str = Field(min_length=1)
    label: str | None = None
    conditional: bool = False


def _emit_object(value: object) -> object:
    return {"topic": value} if isinstance(value, str) else value


def _absent_is_empty(value: object) -> object:
    return [] if value is None else value


_EmitField = Annotated[_Emit, BeforeValidator(_emit_object)]
_Emits = Annotated[list[_EmitField], BeforeValidator(_absent_is_empty)]
_Texts = Annotated[list[str], BeforeValidator(_absent_is_empty)]


def _schema_object(value: object) -> object:
    if value is True:
        return None  # the schema that every value fits
    if value is None or isinstance(value, dict):
        return value
    raise ValueError("must be a JSON Schema, a Zod schema or a pydantic model")


_Schema = Annotated[dict[str, Any] | None, BeforeValidator(_schema_object)]


class _Handler(_Strict):
    timeout: float | None = Field(default=None, gt=0)
    ram: float | None = None
    cpu: float | None = None


class _Queue(_Strict):
    type: Literal["standard", "fifo"] = "standard"
    max_retries: int = Field(default=3, ge=0, alias="maxRetries")
    concurrency: int = Field(default=RUNS_PER_RUNNER, ge=1)
    delay_seconds: float = Field(default=0, ge=0, alias="delaySeconds")
    visibility_timeout: float | None = Field(default=None, alias="visibilityTimeout")


class _Infrastructure(_Strict):
    handler: _Handler = _Handler()
    queue: _Queue = _Queue()


class _Step(_Strict):
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


class _Api(_Step):
    type: Literal["api"]
    path: str = Field(pattern=r"^/")
    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ]
    body_schema: _Schema = Field(default=None, alias="bodySchema")
    response_schema: dict[str, _Schema] | None = Field(default=None, alias="responseSchema")
    query_params: list[dict[str, Any]] | None = Field(default=None, alias="queryParams")


class _Event(_Step):
    type: Literal["event"]
    subscribes: list[str] = Field(min_length=1)
    input: _Schema = None


class _Cron(_Step):
    type: Literal["cron"]
    cron: str = Field(min_length=1)
    timezone: str | None = None


class _Noop(_Step):
    type: Literal["noop"]


class _Stream(_Strict):
    name: str = Field(min_length=1)
    description: str | None = None
    schema_: _Schema = Field(default=None, alias="schema")
    base_config: Any = Field(default=None, alias="baseConfig")
    can_access: Any = Field(default=None, alias="canAccess")


_M = TypeVar("_M", bound=BaseModel)

_MODELS: Final[dict[str, type[_Step]]] = {"api": _Api, "event": _Event, "cron": _Cron, "noop": _Noop}


def read_step(loaded: LoadedFile) -> StepSpec:
    """Read a step's config.

    Raises:
        LoadFailed: It is not a usable config; the message lists every problem, by field.
    """
    type_ = loaded.config.get("type")
    model = _MODELS.get(type_) if isinstance(type_, str) else None
    if model is None:
        raise LoadFailed(f"config.type must be one of api, event, cron, noop; it is {type_!r}.")
    config = _validated(model, loaded.config)
    if not loaded.has_handler and type_ != "noop":
        raise LoadFailed("The file exports no handler. Export a function named `handler` beside `config`.")
    queue = config.infrastructure.queue
    return StepSpec(
        name=config.name,
        type=config.type,
        source=loaded.source,
        trigger=_trigger(config),
        description=config.description,
        flows=tuple(config.flows),
        emits=_emits(config.emits),
        virtual_emits=_emits(config.virtual_emits),
        virtual_subscribes=tuple(config.virtual_subscribes),
        queue=QueuePolicy(queue.max_retries, queue.concurrency, queue.type == "fifo", queue.delay_seconds),
        timeout_s=config.infrastructure.handler.timeout or RUN_TIMEOUT_S,
        warnings=(*loaded.warnings, *_unknown_keys(config, "config")),
    )


def read_stream(loaded: LoadedFile) -> StreamSpec:
    """Read a stream's config.

    Raises:
        LoadFailed: It is not a usable config.
    """
    config = _validated(_Stream, loaded.config)
    return StreamSpec(config.name, loaded.source, config.schema_, guarded=bool(config.can_access))


def _trigger(config: _Step) -> HttpTrigger | EventTrigger | CronTrigger | None:
    match config:
        case _Api():
            responses = config.response_schema or {}
            return HttpTrigger(
                method=config.method,
                path=config.path,
                body_schema=config.body_schema,
                response_schema={status: each for status, each in responses.items() if each is not None},
                query_params=tuple(config.query_params or ()),
            )
        case _Event():
            return EventTrigger(tuple(config.subscribes), config.input)
        case _Cron():
            return CronTrigger(config.cron, config.timezone)
        case _:
            return None


def _emits(emits: list[_Emit]) -> tuple[Emit, ...]:
    return tuple(Emit(emit.topic, emit.label, emit.conditional) for emit in emits)


def _validated(model: type[_M], config: JSONObject) -> _M:
    try:
        return model.model_validate(config)
    except ValidationError as error:
        problems = [_problem(each) for each in error.errors(include_url=False)]
        raise LoadFailed("The config is not usable:\n" + "\n".join(f"  {problem}" for problem in problems)) from error


def _problem(error: Any) -> str:
    path = ".".join(["config", *(str(part) for part in error["loc"])])
    if error["type"] == "missing":
        return f"{path} is missing."
    # Pydantic names its own classes and kinds of error beside what the user did.
    message = re.sub(r" or instance of _\w+|^Value error, ", "", error["msg"])
    shown = repr(error["input"])
    if len(shown) > _VALUE_CHARS_MAX:
        shown = shown[:_VALUE_CHARS_MAX] + "…"
    return f"{path}: {message[0].lower()}{message[1:]}; it is {shown}."


def _unknown_keys(model: BaseModel, path: str) -> list[str]:
    fields = type(model).model_fields
    known = [field.alias or name for name, field in fields.items()]
    warnings = []
    for key in model.model_extra or {}:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; it has no effect."
        warnings.append(f"{path}.{key} is not known{hint}")
    for name in fields:
        value = getattr(model, name)
        where = f"{path}.{fields[name].alias or name}"
        for place, each in enumerate(value) if isinstance(value, list) else ():
            if isinstance(each, BaseModel):
                warnings += _unknown_keys(each, f"{where}.{place}")
        if isinstance(value, BaseModel):
            warnings += _unknown_keys(value, where)
    return warnings
