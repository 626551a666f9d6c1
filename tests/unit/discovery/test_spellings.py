"""Older spellings and values out of range are read as they were meant, with a note."""

from __future__ import annotations

import pytest

from polystep.contracts.steps import Emit, EventTrigger, HttpTrigger, LoadedFile, QueuePolicy, SourceFile, StepSpec
from polystep.contracts.values import JSONObject
from polystep.discovery import read_step, read_stream

API: JSONObject = {"type": "api", "name": "A", "path": "/a", "method": "POST"}
EVENT: JSONObject = {"type": "event", "name": "E", "subscribes": ["t"]}


def read(config: JSONObject, path: str = "steps/a.step.ts") -> StepSpec:
    return read_step(LoadedFile(SourceFile(path, "step", "typescript", "node"), config, has_handler=True))


@pytest.mark.parametrize("field", ["emits", "virtualEmits"])
def test_an_emit_by_type_is_one_by_topic(field: str) -> None:
    step = read({**EVENT, field: ["a", {"type": "b", "label": "L"}, {"topic": "c"}]})
    assert (step.emits or step.virtual_emits) == (Emit("a"), Emit("b", "L"), Emit("c"))
    assert step.warnings == (f"config.{field}.1.type is the old spelling of topic: write topic.",)


def test_a_response_body_is_the_schema_of_200() -> None:
    step = read({**API, "responseBody": {"type": "string"}})
    assert isinstance(step.trigger, HttpTrigger)
    assert step.trigger.response_schema == {"200": {"type": "string"}}
    assert step.warnings == (
        "config.responseBody is the old spelling of responseSchema: write responseSchema: {200: …}.",
    )


def test_a_response_body_beside_a_response_schema_does_not_count() -> None:
    step = read({**API, "responseBody": {"type": "string"}, "responseSchema": {"201": {"type": "number"}}})
    assert isinstance(step.trigger, HttpTrigger)
    assert step.trigger.response_schema == {"201": {"type": "number"}}
    assert step.warnings == ("config.responseBody has no effect beside responseSchema: remove it.",)


def test_a_response_body_on_another_type_belongs_nowhere() -> None:
    step = read({**EVENT, "responseBody": {}})
    assert step.trigger == EventTrigger(("t",))
    assert step.warnings == ("config.responseBody is not known; it has no effect.",)


@pytest.mark.parametrize(
    ("infrastructure", "policy", "timeout_s", "note"),
    [
        ({"queue": {"messageGroupId": "data.id"}}, QueuePolicy(), 300.0,
         "queue.messageGroupId has no effect: pass messageGroupId to emit()."),
        ({"handler": {"machineType": "cpu", "ram": 512}}, QueuePolicy(), 300.0,
         "handler.machineType has no effect: the handler runs on this machine."),
        ({"queue": {"maxRetries": -1}}, QueuePolicy(retries_max=0), 300.0,
         "queue.maxRetries is -1; 0 is used, the nearest that is possible."),
        ({"queue": {"maxRetries": 2.5}}, QueuePolicy(retries_max=2), 300.0,
         "queue.maxRetries is 2.5; 2 is used, the nearest that is possible."),
        ({"queue": {"concurrency": 0}}, QueuePolicy(concurrency=1), 300.0,
         "queue.concurrency is 0; 1 is used, the nearest that is possible."),
        ({"queue": {"delay_seconds": -3}}, QueuePolicy(), 300.0,
         "queue.delay_seconds is -3; 0 is used, the nearest that is possible."),
        ({"queue": {"delaySeconds": 1e300}}, QueuePolicy(delay_s=1e9), 300.0,
         "queue.delaySeconds is 1e+300; 1000000000 is used, the nearest that is possible."),
        ({"handler": {"timeout": 1e300}}, QueuePolicy(), 1e9,
         "handler.timeout is 1e+300; 1000000000 is used, the nearest that is possible."),
        ({"handler": {"timeout": 0}}, QueuePolicy(), 300.0,
         "handler.timeout is 0, but must be above 0 seconds; 300 is used, the default."),
    ],
)  # fmt: skip
def test_a_value_with_a_sane_reading_never_costs_the_step(
    infrastructure: JSONObject, policy: QueuePolicy, timeout_s: float, note: str
) -> None:
    step = read({**EVENT, "infrastructure": infrastructure})
    assert (step.queue, step.timeout_s) == (policy, timeout_s)
    assert step.warnings == (f"config.infrastructure.{note}",)


@pytest.mark.parametrize(
    "infrastructure",
    [
        {"queue": {"messageGroupId": None, "maxRetries": 3.0, "concurrency": 2, "delaySeconds": 0.5}},
        {"queue": {"visibilityTimeout": 900}, "handler": {"ram": 128, "cpu": 0.0625, "timeout": 1e9}},
        {"queue": {"maxRetries": "2"}},
    ],
)
def test_what_motia_accepts_is_no_reason_for_a_note(infrastructure: JSONObject) -> None:
    assert read({**EVENT, "infrastructure": infrastructure}).warnings == ()


@pytest.mark.parametrize("emits", ["t", [7], [{"type": 7}], None, {"a": 1}])
def test_what_is_no_old_spelling_is_left_to_the_fields(emits: object) -> None:
    renewed: JSONObject = {**EVENT, "virtualSubscribes": ["x"], "includeFiles": None}
    assert read(renewed).warnings == ()
    if emits is not None:
        with pytest.raises(Exception, match=r"config\.emits"):
            read({**EVENT, "emits": emits})  # type: ignore[dict-item]


def test_a_python_file_by_its_old_name_is_told_the_new_one() -> None:
    step = read(EVENT, "steps/deep/send-mail.step.py")
    assert step.warnings == (
        "The name ends in .step.py, which is the old spelling: rename the file to send_mail_step.py.",
    )
    source = SourceFile("steps/a.stream.py", "stream", "python", "python")
    stream = read_stream(LoadedFile(source, {"name": "s"}, has_handler=False))
    assert stream.warnings == (
        "The name ends in .stream.py, which is the old spelling: rename the file to a_stream.py.",
    )
