"""Reader that turns the exported config of a step into a `StepSpec`, and names every problem with its remedy.

An unknown key is a warning with the nearest known key; the step still loads.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import RUN_TIMEOUT_S
from polystep.contracts.paths import parameters_of
from polystep.contracts.steps import (
    FLOW_WORDS,
    CancelTopic,
    CronTrigger,
    Emit,
    EventTrigger,
    HttpTrigger,
    Idempotency,
    LoadedFile,
    QueuePolicy,
    StepSpec,
    StreamSpec,
    WaitTopic,
)
from polystep.contracts.values import JSONObject
from polystep.discovery.fields import (
    KEY_TTL_MS,
    STEP_FIELDS,
    ApiFields,
    CronFields,
    EmitFields,
    EventFields,
    Fields,
    IdempotencyFields,
    StepFields,
    StreamFields,
    names_of,
)
from polystep.discovery.parameters import Parameters
from polystep.discovery.spellings import modern, old_file_name

_RULE_NAMES: Final = ("canAccess", "can_access")
KEYED_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
"""Methods of requests that may have an idempotency key."""
_VALUE_CHARS_MAX: Final = 200
"""Characters of a wrong value that a message shows."""
_STATUS: Final = re.compile(r"[1-5](?:\d\d|XX)|default")

_F = TypeVar("_F", bound=Fields)


def read_step(loaded: LoadedFile) -> StepSpec:
    """Read a step's config.

    Raises:
        LoadFailed: The config is not usable; the message lists every problem, by field.
    """
    type_ = loaded.config.get("type")
    model = STEP_FIELDS.get(type_) if isinstance(type_, str) else None
    if model is None:
        raise LoadFailed(f"config.type must be one of api, event, cron, noop; it is {type_!r}.")
    renewed, notes = modern(loaded.config)
    config = _validated(model, renewed)
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
        waits_for=_waits_for(config),
        queue=QueuePolicy(
            queue.max_retries,
            queue.concurrency,
            queue.type == "fifo",
            queue.delay_seconds,
            queue.expires,
            _cancel_on(config),
            _count_waiting(config),
        ),
        timeout_s=config.infrastructure.handler.timeout or RUN_TIMEOUT_S,
        warnings=(*_file_warnings(loaded), *notes, *_unknown_keys(config, "config"), *_without_effect(config)),
        native_schemas=loaded.native_schemas,
        handler_schemas=loaded.handler_schemas,
    )


def read_stream(loaded: LoadedFile) -> StreamSpec:
    """Read a stream's config.

    Raises:
        LoadFailed: The config is not usable, or misspells `canAccess`, which would open the stream to everybody.
    """
    config = _validated(StreamFields, loaded.config)
    misspelled = next((name for name in loaded.config if _is_misspelled_rule(name)), None)
    if misspelled is not None:
        raise LoadFailed(f"config.{misspelled} would not be asked: write canAccess.")
    warnings = (*_file_warnings(loaded), *_unknown_keys(config, "config"))
    return StreamSpec(config.name, loaded.source, config.schema_, guarded=bool(config.can_access), warnings=warnings)


def _is_misspelled_rule(name: str) -> bool:
    return name not in _RULE_NAMES and name.replace("_", "").lower() == "canaccess"


def _trigger(config: StepFields) -> HttpTrigger | EventTrigger | CronTrigger | None:
    match config:
        case ApiFields():
            responses = config.response_schema or {}
            rule = config.idempotency
            if rule is not None and config.method not in KEYED_METHODS:
                raise LoadFailed(
                    f"config.idempotency has no meaning for {config.method}: a request may be repeated anyway. It is "
                    f"for {', '.join(KEYED_METHODS)}."
                )
            return HttpTrigger(
                method=config.method,
                path=config.path,
                body_schema=config.body_schema,
                response_schema={status: each for status, each in responses.items() if each is not None},
                query_params=config.query_params.entries,
                path_params=config.path_params.entries,
                query_schema=config.query_params.schema,
                path_schema=config.path_params.schema,
                idempotency=None if rule is None else _idempotency(rule),
            )
        case EventFields():
            return EventTrigger(tuple(config.subscribes), config.input, config.output)
        case CronFields():
            return CronTrigger(config.cron, config.timezone)
        case _:
            return None


def _idempotency(rule: IdempotencyFields) -> Idempotency:
    names = tuple(name.lower() for name in rule.headers)
    return Idempotency(rule.required, rule.ttl or KEY_TTL_MS, names)


def _emits(emits: list[EmitFields]) -> tuple[Emit, ...]:
    return tuple(Emit(emit.topic, emit.label, emit.conditional) for emit in emits)


def _waits_for(config: StepFields) -> tuple[WaitTopic, ...]:
    waits = config.waits_for if isinstance(config, EventFields | CronFields) else []
    found = {each.topic: WaitTopic(each.topic, each.by) for each in waits}
    if len(found) < len(waits):
        raise LoadFailed("config.waitsFor names a topic twice. A topic has one `by`: leave one of them out.")
    return tuple(found.values())


def _count_waiting(config: StepFields) -> bool:
    queue = config.infrastructure.queue
    if queue.count_waiting and "concurrency" not in queue.model_fields_set:
        raise LoadFailed(
            "config.infrastructure.queue.countWaiting needs concurrency beside it: the number of runs that may run or "
            "wait at once."
        )
    return queue.count_waiting


def _cancel_on(config: StepFields) -> tuple[CancelTopic, ...]:
    cancels = config.infrastructure.queue.cancel_on if isinstance(config, EventFields | CronFields) else []
    found = {each.topic: CancelTopic(each.topic, each.by) for each in cancels}
    if len(found) < len(cancels):
        raise LoadFailed(
            "config.infrastructure.queue.cancelOn names a topic twice. A topic has one `by`: leave one of them out."
        )
    if isinstance(config, CronFields) and (named := next((each for each in cancels if each.by), None)) is not None:
        raise LoadFailed(
            f"config.infrastructure.queue.cancelOn compares {named.by}, but the run of a cron step has no input: leave "
            f"`by` out, and each event of {named.topic} cancels the run."
        )
    return tuple(found.values())


def _validated(model: type[_F], config: JSONObject) -> _F:
    try:
        return model.model_validate(config)
    except ValidationError as error:
        problems = [_problem(each) for each in error.errors(include_url=False)]
        raise LoadFailed("The config is not usable:\n" + "\n".join(f"  {problem}" for problem in problems)) from error


def _problem(error: Any) -> str:
    path = ".".join(["config", *(str(part) for part in error["loc"])])
    if error["type"] == "missing":
        return f"{path} is missing."
    # pydantic's text also names its own classes and kinds of error, which do not help the user.
    message = re.sub(r" or instance of \w+|^Value error, ", "", error["msg"])
    shown = repr(error["input"])
    if len(shown) > _VALUE_CHARS_MAX:
        shown = shown[:_VALUE_CHARS_MAX] + "…"
    return f"{path}: {message[0].lower()}{message[1:]}; it is {shown}."


def _file_warnings(loaded: LoadedFile) -> Iterator[str]:
    yield from loaded.warnings
    if (note := old_file_name(loaded.source.path)) is not None:
        yield note


def _unknown_keys(model: Fields, path: str) -> Iterator[str]:
    known = names_of(type(model))
    for key in model.model_extra or {}:
        yield f"{path}.{key} {_hint(model, key, known)}"
    for name, field in type(model).model_fields.items():
        value, where = getattr(model, name), f"{path}.{field.alias or name}"
        if isinstance(value, Parameters):
            yield from (f"{where}.{at}.{key} is not known; it has no effect." for at, key in value.unknown_keys)
        for place, each in enumerate(value) if isinstance(value, list) else ():
            if isinstance(each, Fields):
                yield from _unknown_keys(each, f"{where}.{place}")
        if isinstance(value, Fields):
            yield from _unknown_keys(value, where)


def _hint(model: BaseModel, key: str, known: list[str]) -> str:
    if isinstance(model, StepFields):
        owners = [type_ for type_, other in STEP_FIELDS.items() if key in names_of(other)]
        if owners:
            return f"has no effect on {_article(model.type)} step; it belongs to {' and '.join(owners)} steps."
    close = difflib.get_close_matches(key, known, n=1)
    return f"is not known; did you mean {close[0]}?" if close else "is not known; it has no effect."


def _without_effect(config: StepFields) -> Iterator[str]:
    """Return known keys in places where they have no effect."""
    if config.type in ("api", "noop") and "queue" in config.infrastructure.model_fields_set:
        yield f"config.infrastructure.queue has no effect on {_article(config.type)} step: it has no queue."
    for flow in filter(config.flows.__contains__, FLOW_WORDS):
        words = FLOW_WORDS[flow]
        yield f"config.flows: {flow} stands for {words} in addresses and commands; give the flow another name."
    if isinstance(config, EventFields) and not config.subscribes and config.output is None:
        yield "config.subscribes is empty, so no event starts this step. Name the topics that should."
    if isinstance(config, EventFields):
        yield from _not_in_input(config)
    if not isinstance(config, ApiFields):
        return
    for status in config.response_schema or {}:
        if not _STATUS.fullmatch(status):
            yield f"config.responseSchema.{status} is no HTTP status; no response is checked against it."
    in_path = {parameter.name for parameter, _ in parameters_of(config.path)}
    for entry in config.path_params.entries:
        if entry["name"] not in in_path:
            yield f"config.pathParams names {entry['name']}, but the path {config.path} has no :{entry['name']}."


def _not_in_input(config: EventFields) -> Iterator[str]:
    """Name each field in `cancelOn` that the input of no run has."""
    known = (config.input or {}).get("properties")
    if not isinstance(known, dict) or (config.input or {}).get("additionalProperties"):
        return
    for each in config.infrastructure.queue.cancel_on:
        if each.by and each.by.split(".")[0] not in known:
            yield (
                f"config.infrastructure.queue.cancelOn compares {each.by}, which config.input does not have: no event "
                f"of {each.topic} cancels a run."
            )


def _article(type_: str) -> str:
    return f"an {type_}" if type_ in ("api", "event") else f"a {type_}"
