"""All files together: names, routes, topics, schemas."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.contracts.errors import Issue
from polystep.contracts.steps import LoadedFile, LoadFailure, SourceFile
from polystep.contracts.values import JSONObject
from polystep.discovery import build_flow, compile_validators


def step(path: str, config: JSONObject) -> LoadedFile:
    return LoadedFile(SourceFile(path, "step", "typescript", "node"), config, has_handler=True)


def api(path: str, name: str, route: str, **more: object) -> LoadedFile:
    return step(path, {"type": "api", "name": name, "path": route, "method": "GET", **more})  # type: ignore[dict-item]


def event(path: str, name: str, *topics: str, **more: object) -> LoadedFile:
    return step(path, {"type": "event", "name": name, "subscribes": [*topics], **more})  # type: ignore[dict-item]


def stream(path: str, name: str, schema: JSONObject | None = None) -> LoadedFile:
    return LoadedFile(SourceFile(path, "stream", "typescript", "node"), {"name": name, "schema": schema}, False)


def test_of_two_steps_with_one_name_the_later_gets_a_suffix_and_a_warning_that_names_both() -> None:
    files = [
        event("steps/b.step.ts", "Same", "t"),
        event("steps/a.step.ts", "Same", "t", emits=["t"]),
        event("steps/c.step.ts", "Same", "t"),
        event("steps/z.step.ts", "Same-2", "t"),
    ]
    flow = build_flow(files, [])
    assert {name: spec.source.path for name, spec in flow.steps.items()} == {
        "Same-2": "steps/z.step.ts",
        "Same": "steps/a.step.ts",
        "Same-3": "steps/b.step.ts",
        "Same-4": "steps/c.step.ts",
    }
    assert flow.failures == ()
    assert flow.warnings[0] == (
        'steps/b.step.ts: steps/b.step.ts and steps/a.step.ts both have the name "Same". This step runs as "Same-3" '
        "(queue, logs, traces): give it a name of its own."
    )
    # A copy never takes the name of the step that runs.
    later = build_flow([*files, event("steps/Copy.step.ts", "Same", "t")], [], before=flow)
    assert later.steps["Same"].source.path == "steps/a.step.ts"
    assert later.steps["Same-5"].source.path == "steps/Copy.step.ts"


def test_a_step_and_a_stream_may_share_a_name_but_two_streams_may_not() -> None:
    flow = build_flow([stream("a.stream.ts", "x"), stream("b.stream.ts", "x"), api("c.step.ts", "x", "/")], [])
    assert (list(flow.steps), list(flow.streams), [each.source.path for each in flow.failures]) == (
        ["x"],
        ["x"],
        ["b.stream.ts"],
    )


def test_a_broken_config_fails_its_file_alone_and_failures_are_in_the_order_of_paths() -> None:
    known = LoadFailure(SourceFile("steps/c.step.ts", "step", "typescript", "node"), "no import")
    flow = build_flow([step("steps/d.step.ts", {"type": "?"}), api("steps/a.step.ts", "A", "/")], [known])
    assert list(flow.steps) == ["A"]
    assert [(each.source.path, each.message) for each in flow.failures] == [
        ("steps/c.step.ts", "no import"),
        ("steps/d.step.ts", "config.type must be one of api, event, cron, noop; it is '?'."),
    ]


def test_warnings_name_topics_without_an_other_end_and_routes_served_twice() -> None:
    flow = build_flow(
        [
            api("a.step.ts", "A", "/same", emits=["heard", "lost", "lost"]),
            api("b.step.ts", "B", "/same", colour=1),
            event("c.step.ts", "C", "heard", "never"),
        ],
        [],
    )
    assert flow.warnings == (
        "a.step.ts: A emits lost, but no step subscribes to it.",
        "b.step.ts: config.colour is not known; it has no effect.",
        "b.step.ts: GET /same is already served by A (a.step.ts); B is not reached.",
        "c.step.ts: C subscribes to never, but no step declares that it emits it.",
    )


def test_validators_are_found_by_name_and_absent_where_nothing_is_declared() -> None:
    number: JSONObject = {"type": "number"}
    files = [
        api("a.step.ts", "A", "/", bodySchema=number),
        event("e.step.ts", "E", "t", input=number),
        event("f.step.ts", "F", "t"),
        stream("s.stream.ts", "s", number),
    ]
    flow, validators = compile_validators(build_flow(files, []))
    assert (list(flow.steps), list(flow.streams), flow.failures) == (["A", "E", "F"], ["s"], ())
    wrong = [Issue((), '"x" is not of type "number"', "type")]
    found = [validators.body("A"), validators.input("E"), validators.item("s")]
    assert [validator and validator.issues("x") for validator in found] == [wrong, wrong, wrong]
    assert (validators.body("E"), validators.input("F"), validators.item("other")) == (None, None, None)


def test_a_schema_that_is_none_fails_its_file_alone() -> None:
    bad: JSONObject = {"type": "strin"}
    files = [
        stream("s.stream.ts", "s", bad),
        event("e.step.ts", "E", "t", input=bad),
        api("a.step.ts", "A", "/", bodySchema=bad),
        api("b.step.ts", "B", "/b"),
    ]
    flow, validators = compile_validators(build_flow(files, []))
    reason = (
        "It is not a valid JSON Schema: \"strin\" is not valid under any of the schemas listed in the 'anyOf' keyword"
    )
    assert (list(flow.steps), list(flow.streams)) == (["B"], [])
    assert [(each.source.path, each.message) for each in flow.failures] == [
        ("a.step.ts", f"config.bodySchema: {reason}"),
        ("e.step.ts", f"config.input: {reason}"),
        ("s.stream.ts", f"config.schema: {reason}"),
    ]
    assert validators.body("A") is None


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("responseSchema", {"200": {"type": "strin"}}, "config.responseSchema.200"),
        ("queryParams", [{"name": "q", "schema": {"type": "strin"}}], "config.queryParams"),
        ("pathParams", {"type": "object", "properties": {"id": {"$ref": "#/$defs/x"}}}, "config.pathParams"),
    ],
)
def test_every_schema_of_an_api_step_is_compiled_or_fails_its_file(field: str, value: Any, where: str) -> None:
    good: JSONObject = {"type": "object", "properties": {"q": {"type": "number"}}}
    files = [
        api("a.step.ts", "A", "/", bodySchema=good, **{field: value}),
        api("b.step.ts", "B", "/b", bodySchema=good, queryParams=good, responseSchema={"200": good}),
    ]
    flow, validators = compile_validators(build_flow(files, []))
    assert [(each.source.path, each.message.split(": It is not")[0]) for each in flow.failures] == [
        ("a.step.ts", where)
    ]
    # Nothing of a step that failed is left.
    assert (validators.body("A"), validators.parameters("A"), validators.responses("A")) == (None, {}, {})
    assert validators.parameters("B")["queryParams"].read({"q": "1"}) == ({"q": 1}, [])
    assert list(validators.responses("B")) == ["200"]


def test_a_copy_never_takes_the_name_of_the_step_that_runs() -> None:
    running, copy = api("steps/work.step.ts", "Work", "/w"), api("steps/copy.step.ts", "Work", "/w")
    before = build_flow([running], [])
    flow = build_flow([copy, running], [], before)
    assert flow.steps["Work"].source.path == "steps/work.step.ts"
    assert flow.steps["Work-2"].source.path == "steps/copy.step.ts"
