"""From exported configs to specs. The fields are those of Motia 0.17."""

from __future__ import annotations

import re

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import RUNS_PER_RUNNER
from polystep.contracts.steps import (
    CancelTopic,
    CronTrigger,
    Emit,
    EventTrigger,
    HttpTrigger,
    Idempotency,
    LoadedFile,
    QueuePolicy,
    SourceFile,
    StepSpec,
    StreamSpec,
)
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import read_step, read_stream

STEP = SourceFile("steps/a.step.ts", "step", "typescript", "node")
STREAM = SourceFile("steps/a.stream.ts", "stream", "typescript", "node")
API: JSONObject = {"type": "api", "name": "A", "path": "/a", "method": "POST"}
EVENT: JSONObject = {"type": "event", "name": "E", "subscribes": ["t"]}
CRON: JSONObject = {"type": "cron", "name": "C", "cron": "0 * * * *"}
NOOP: JSONObject = {"type": "noop", "name": "N"}
WRONG: list[JSONValue] = [{"name": "a", "required": "yes"}]
WRONG_SCHEMA: list[JSONValue] = [{"name": "a", "schema": 1}]
NOT_A_NUMBER = (
    "config.infrastructure.queue.maxRetries: input should be a valid integer, unable to parse string as an integer; it "
    "is 'many'."
)
PARAMETERS = "must be a list of {name, description?, required?, schema?}, or the JSON Schema of an object"


def read(config: JSONObject, *, handler: bool = True) -> StepSpec:
    return read_step(LoadedFile(STEP, config, handler))


def refusal(config: JSONObject, *, handler: bool = True) -> str:
    with pytest.raises(LoadFailed) as refused:
        read(config, handler=handler)
    return refused.value.message


def test_an_api_step_with_every_field() -> None:
    config: JSONObject = {
        **API,
        "method": "post",
        "description": "d",
        "emits": ["one", {"topic": "two", "label": "L", "conditional": True}],
        "flows": ["f", "g"],
        "virtualEmits": [{"topic": "v"}],
        "virtualSubscribes": ["w"],
        "includeFiles": ["*.txt"],
        "middleware": 2,
        "bodySchema": {"type": "object"},
        "responseSchema": {"200": {"type": "string"}, "404": None, "500": {}},
        "queryParams": [{"name": "q", "description": "what"}],
        "infrastructure": {"handler": {"timeout": 7, "ram": 128, "cpu": 1}},
    }
    assert read(config) == StepSpec(
        name="A",
        type="api",
        source=STEP,
        trigger=HttpTrigger(
            "POST",
            "/a",
            {"type": "object"},
            {"200": {"type": "string"}, "500": {}},
            ({"name": "q", "description": "what"},),
        ),
        description="d",
        flows=("f", "g"),
        emits=(Emit("one"), Emit("two", "L", conditional=True)),
        virtual_emits=(Emit("v"),),
        virtual_subscribes=("w",),
        timeout_s=7,
    )


def test_an_event_step_with_infrastructure() -> None:
    config: JSONObject = {
        **EVENT,
        "emits": None,
        "flows": None,
        "input": {"type": "object"},
        "infrastructure": {
            "handler": {"timeout": 0.5},
            "queue": {"type": "fifo", "maxRetries": 0, "concurrency": 4, "delaySeconds": 1.5, "visibilityTimeout": 60},
        },
    }
    assert read(config) == StepSpec(
        name="E",
        type="event",
        source=STEP,
        trigger=EventTrigger(("t",), {"type": "object"}),
        queue=QueuePolicy(retries_max=0, concurrency=4, fifo=True, delay_s=1.5),
        timeout_s=0.5,
    )


def test_what_is_not_set_has_the_defaults_of_motia_or_ours() -> None:
    step = read(EVENT)
    assert (step.queue, step.timeout_s, step.emits) == (QueuePolicy(3, RUNS_PER_RUNNER, False, 0.0), 300.0, ())
    assert step.may_emit("anything")


def test_a_cron_step_keeps_its_zone() -> None:
    assert read({**CRON, "timezone": "Europe/Berlin"}).trigger == CronTrigger("0 * * * *", "Europe/Berlin")
    assert read(CRON).trigger == CronTrigger("0 * * * *", None)


def test_a_noop_step_needs_no_handler_and_has_no_trigger() -> None:
    assert read({**NOOP, "virtualEmits": ["x"]}, handler=False) == StepSpec(
        name="N", type="noop", source=STEP, trigger=None, virtual_emits=(Emit("x"),)
    )


def test_python_spellings_of_the_fields_are_understood() -> None:
    step = read({**EVENT, "virtual_emits": ["x"], "infrastructure": {"queue": {"max_retries": 1}}})
    assert (step.virtual_emits, step.queue.retries_max, step.warnings) == ((Emit("x"),), 1, ())


@pytest.mark.parametrize(
    ("config", "warning"),
    [
        ({**API, "emit": ["x"]}, "config.emit is not known; did you mean emits?"),
        ({**API, "bodyshema": {}}, "config.bodyshema is not known; did you mean bodySchema?"),
        ({**API, "colour": "red"}, "config.colour is not known; it has no effect."),
        ({**EVENT, "path": "/x"}, "config.path has no effect on an event step; it belongs to api steps."),
        (
            {**EVENT, "subscribes": []},
            "config.subscribes is empty, so no event starts this step. Name the topics that should.",
        ),
        (
            {**EVENT, "flows": ["orders", "*"]},
            "config.flows: * stands for all steps in addresses and commands; give the flow another name.",
        ),
        ({**CRON, "subscribes": ["t"]}, "config.subscribes has no effect on a cron step; it belongs to event steps."),
        ({**NOOP, "input": {}}, "config.input has no effect on a noop step; it belongs to event steps."),
        (
            {**API, "infrastructure": {"queue": {"type": "fifo"}}},
            "config.infrastructure.queue has no effect on an api step: it has no queue.",
        ),
        (
            {**API, "responseSchema": {"2000": {}}},
            "config.responseSchema.2000 is no HTTP status; no response is checked against it.",
        ),
        (
            {**API, "path": "/a/:id", "pathParams": [{"name": "id"}, {"name": "ide"}]},
            "config.pathParams names ide, but the path /a/:id has no :ide.",
        ),
        (
            {**API, "queryParams": [{"name": "q"}, {"name": "r", "desc": "what"}]},
            "config.queryParams.1.desc is not known; it has no effect.",
        ),
        (
            {**EVENT, "infrastructure": {"queue": {"maxRetry": 1}}},
            "config.infrastructure.queue.maxRetry is not known; did you mean maxRetries?",
        ),
        (
            {**EVENT, "emits": [{"topic": "a"}, {"topic": "b", "lable": "L"}]},
            "config.emits.1.lable is not known; did you mean label?",
        ),
    ],
)
def test_an_unknown_key_is_a_warning_and_never_a_lost_step(config: JSONObject, warning: str) -> None:
    assert read(config).warnings == (warning,)


def test_notes_of_the_runner_come_before_our_warnings() -> None:
    loaded = LoadedFile(STEP, {**API, "colour": 1}, has_handler=True, warnings=("from the runner",))
    assert read_step(loaded).warnings == ("from the runner", "config.colour is not known; it has no effect.")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**API, "type": "http"}, "config.type must be one of api, event, cron, noop; it is 'http'."),
        ({**API, "type": ["api"]}, "config.type must be one of api, event, cron, noop; it is ['api']."),
        ({}, "config.type must be one of api, event, cron, noop; it is None."),
    ],
)
def test_a_wrong_type_names_the_right_ones(config: JSONObject, message: str) -> None:
    assert refusal(config) == message


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"type": "api", "path": "/", "method": "GET"}, "config.name is missing."),
        ({**API, "name": ""}, "config.name: string should have at least 1 character; it is ''."),
        ({**API, "name": 3}, "config.name: input should be a valid string; it is 3."),
        ({"type": "api", "name": "A", "method": "GET"}, "config.path is missing."),
        ({**API, "path": "a"}, "config.path: string should match pattern '^/'; it is 'a'."),
        ({"type": "api", "name": "A", "path": "/"}, "config.method is missing."),
        (
            {**API, "method": "GO"},
            "config.method: input should be 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD' or 'OPTIONS'; it is 'GO'.",
        ),
        (
            {**API, "bodySchema": "string"},
            "config.bodySchema: must be a JSON Schema, a Zod schema or a pydantic model; it is 'string'.",
        ),
        (
            {**API, "responseSchema": {"200": 1}},
            "config.responseSchema.200: must be a JSON Schema, a Zod schema or a pydantic model; it is 1.",
        ),
        ({**API, "queryParams": {"q": 1}}, f"config.queryParams: {PARAMETERS}; it is {{'q': 1}}."),
        ({**API, "queryParams": "q"}, f"config.queryParams: {PARAMETERS}; it is 'q'."),
        (
            {**API, "pathParams": [{"name": "a"}, {"description": "b"}]},
            f"config.pathParams: {PARAMETERS}; entry 1 has no name; it is [{{'name': 'a'}}, {{'description': 'b'}}].",
        ),
        (
            {**API, "queryParams": WRONG},
            f"config.queryParams: {PARAMETERS}; `required` of a must be true or false; it is {WRONG!r}.",
        ),
        (
            {**API, "pathParams": WRONG_SCHEMA},
            f"config.pathParams: {PARAMETERS}; `schema` of a must be a JSON Schema; it is {WRONG_SCHEMA!r}.",
        ),
        ({"type": "event", "name": "E"}, "config.subscribes is missing."),
        ({**EVENT, "subscribes": "t"}, "config.subscribes: input should be a valid list; it is 't'."),
        ({**EVENT, "emits": "t"}, "config.emits: input should be a valid list; it is 't'."),
        ({**EVENT, "emits": [7]}, "config.emits.0: input should be a valid dictionary; it is 7."),
        ({**EVENT, "emits": [{"label": "L"}]}, "config.emits.0.topic is missing."),
        ({**EVENT, "flows": [1]}, "config.flows.0: input should be a valid string; it is 1."),
        (
            {**EVENT, "infrastructure": {"queue": {"type": "lifo"}}},
            "config.infrastructure.queue.type: input should be 'standard' or 'fifo'; it is 'lifo'.",
        ),
        (
            {**EVENT, "infrastructure": {"queue": {"maxRetries": "many"}}},
            NOT_A_NUMBER,
        ),
        ({**EVENT, "infrastructure": 1}, "config.infrastructure: input should be a valid dictionary; it is 1."),
        ({"type": "cron", "name": "C"}, "config.cron is missing."),
        ({**CRON, "cron": 5}, "config.cron: input should be a valid string; it is 5."),
        ({**CRON, "timezone": 1}, "config.timezone: input should be a valid string; it is 1."),
    ],
)
def test_a_wrong_field_is_named_with_its_path_and_value(config: JSONObject, problem: str) -> None:
    assert refusal(config) == f"The config is not usable:\n  {problem}"


def test_every_problem_is_listed_and_a_long_value_is_cut() -> None:
    assert refusal({"type": "api", "name": ["x" * 300], "method": "GET"}) == (
        "The config is not usable:\n"
        f"  config.name: input should be a valid string; it is ['{'x' * 198}….\n"
        "  config.path is missing."
    )


@pytest.mark.parametrize("config", [API, EVENT, CRON])
def test_a_step_without_a_handler_says_what_to_export(config: JSONObject) -> None:
    assert refusal(config, handler=False) == (
        "The file exports no handler. Export a function named `handler` beside `config`."
    )


def test_a_schema_that_is_true_checks_nothing() -> None:
    assert read({**EVENT, "input": True}).trigger == EventTrigger(("t",), None)


def test_streams_are_read_with_schema_and_guard() -> None:
    schema: JSONObject = {"type": "object"}
    plain = LoadedFile(STREAM, {"name": "s", "schema": schema, "baseConfig": {"storageType": "default"}}, False)
    guarded = LoadedFile(STREAM, {"name": "s", "canAccess": True}, False)
    assert read_stream(plain) == StreamSpec("s", STREAM, schema, guarded=False)
    assert read_stream(guarded) == StreamSpec("s", STREAM, None, guarded=True)
    assert read_stream(LoadedFile(STREAM, {"name": "s", "can_access": True}, False)).guarded


@pytest.mark.parametrize("name", ["canaccess", "CanAccess", "can_Access", "CAN_ACCESS"])
def test_a_misspelled_rule_leaves_no_stream_open(name: str) -> None:
    with pytest.raises(LoadFailed, match=rf"config\.{name} would not be asked: write canAccess"):
        read_stream(LoadedFile(STREAM, {"name": "s", name: True}, False))


def test_a_stream_keeps_its_warnings() -> None:
    loaded = LoadedFile(STREAM, {"name": "s", "shema": {}}, False, ("from the runner",))
    assert read_stream(loaded).warnings == ("from the runner", "config.shema is not known; did you mean schema?")


def test_statuses_may_be_numbers_ranges_or_the_default() -> None:
    schemas: JSONObject = {200: {"type": "string"}, "4xx": {}, "default": {}}  # type: ignore[dict-item]
    step = read({**API, "responseSchema": schemas})
    assert isinstance(step.trigger, HttpTrigger)
    assert (list(step.trigger.response_schema), step.warnings) == (["200", "4XX", "default"], ())


def test_a_stream_without_a_name_is_refused() -> None:
    with pytest.raises(LoadFailed) as refused:
        read_stream(LoadedFile(STREAM, {"schema": 1}, False))
    assert refused.value.message == (
        "The config is not usable:\n  config.name is missing.\n"
        "  config.schema: must be a JSON Schema, a Zod schema or a pydantic model; it is 1."
    )


def test_a_queue_says_after_what_time_its_events_expire() -> None:
    config: JSONObject = {"type": "event", "name": "E", "subscribes": ["t"]}
    assert read({**config, "infrastructure": {"queue": {"expires": "1h 30m"}}}).queue.expires_ms == 5_400_000
    assert read(config).queue.expires_ms is None
    text = refusal({**config, "infrastructure": {"queue": {"expires": 30}}})
    assert "config.infrastructure.queue.expires" in text
    assert "'30s', '1h 30m' or '3d'" in text


def test_a_queue_says_which_events_cancel_its_runs() -> None:
    config: JSONObject = {"type": "event", "name": "E", "subscribes": ["t"]}

    def queue(**more: JSONValue) -> JSONObject:
        return {**config, "infrastructure": {"queue": more}}

    by: JSONValue = [{"topic": "gone", "by": "order.id"}, "stop"]
    for name in ("cancelOn", "cancel_on"):
        step = read(queue(**{name: by}))
        assert step.queue.cancel_on == (CancelTopic("gone", "order.id"), CancelTopic("stop"))
        assert step.warnings == ()
    assert "config.infrastructure.queue.cancelOn.0.by" in refusal(queue(cancelOn=[{"topic": "gone", "by": "a..b"}]))
    assert "config.infrastructure.queue.cancelOn.0.topic is missing" in refusal(queue(cancelOn=[{"by": "a"}]))
    (warning,) = read(queue(cancelOn=[{"topic": "gone", "bye": "a"}])).warnings
    assert warning == "config.infrastructure.queue.cancelOn.0.bye is not known; did you mean by?"


def test_a_queue_that_counts_what_waits_names_its_limit() -> None:
    config: JSONObject = {"type": "event", "name": "E", "subscribes": ["t"]}

    def queue(**more: JSONValue) -> JSONObject:
        return {**config, "infrastructure": {"queue": more}}

    for name in ("countWaiting", "count_waiting"):
        assert read(queue(**{name: True, "concurrency": 3})).queue.count_waiting is True
    assert read(queue(countWaiting=False)).queue.count_waiting is False
    assert "countWaiting needs concurrency beside it" in refusal(queue(countWaiting=True))
    assert "config.infrastructure.queue.countWaiting" in refusal(queue(countWaiting="yes", concurrency=1))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "object", "properties": {"order": {}}}, False),
        ({"type": "object", "properties": {"id": {}}, "additionalProperties": False}, True),
        ({"type": "object", "properties": {"id": {}}}, True),
        ({"type": "object", "properties": {"id": {}}, "additionalProperties": True}, False),
        ({"anyOf": [{}]}, False),
        (None, False),
    ],
)
def test_a_field_that_the_input_does_not_have_is_told(schema: JSONValue, told: bool) -> None:
    cancel: JSONValue = [{"topic": "gone", "by": "order.id"}]
    config: JSONObject = {"type": "event", "name": "E", "subscribes": ["t"], "input": schema}
    warnings = read({**config, "infrastructure": {"queue": {"cancelOn": cancel}}}).warnings
    assert [text for text in warnings if "compares order.id" in text] == list(warnings)
    assert bool(warnings) is told


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (True, Idempotency()),
        ({}, Idempotency()),
        ({"ttl": None}, Idempotency()),
        (
            {"required": True, "ttl": "2h", "headers": ["ETag"]},
            Idempotency(required=True, ttl_ms=7_200_000, headers=("etag",)),
        ),
        (False, None),
        (None, None),
    ],
)
def test_the_rule_of_idempotency_keys(given: JSONValue, rule: Idempotency | None) -> None:
    trigger = read({**API, "method": "PATCH", "idempotency": given}).trigger
    assert isinstance(trigger, HttpTrigger)
    assert trigger.idempotency == rule


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("yes", "config.idempotency: must be true or an object such as {required: true, ttl: '24h'"),
        ({"ttl": 5}, "config.idempotency.ttl: it must be a text such as '30s'"),
        ({"required": "yes"}, "config.idempotency.required: input should be a valid boolean"),
        ({"headers": "etag"}, "config.idempotency.headers: input should be a valid list"),
    ],
)
def test_a_wrong_rule_of_idempotency_keys_is_named(given: JSONValue, told: str) -> None:
    with pytest.raises(LoadFailed, match=re.escape(told)):
        read({**API, "method": "POST", "idempotency": given})


def test_idempotency_where_it_has_no_meaning_is_said_so() -> None:
    with pytest.raises(LoadFailed, match="no meaning for GET"):
        read({**API, "method": "GET", "idempotency": True})
    (note,) = read({**EVENT, "idempotency": True}).warnings
    assert "belongs to api steps" in note
    (note,) = read({**API, "method": "POST", "idempotency": {"tll": "1h"}}).warnings
    assert "did you mean ttl?" in note
