"""What the contracts between steps get wrong."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.contracts.steps import Finding, Flow, LoadedFile, LoadFailure, SourceFile
from polystep.contracts.values import JSONObject
from polystep.discovery import build_flow, compile_validators

TEXT_ID: JSONObject = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
NUMBER_ID: JSONObject = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


def step(name: str, type_: str, **more: Any) -> LoadedFile:
    source = SourceFile(f"steps/{name.lower()}.step.ts", "step", "typescript", "node")
    return LoadedFile(source, {"type": type_, "name": name, **more}, has_handler=True)


def api(name: str, path: str, method: str = "GET", **more: Any) -> LoadedFile:
    return step(name, "api", path=path, method=method, **more)


def event(name: str, *topics: str, **more: Any) -> LoadedFile:
    return step(name, "event", subscribes=[*topics], **more)


def findings(*files: LoadedFile) -> tuple[Finding, ...]:
    return build_flow(files, []).findings


def messages(*files: LoadedFile) -> list[str]:
    return [finding.message for finding in findings(*files)]


def test_subscribers_that_no_event_fits_are_an_error_that_names_both_and_the_place() -> None:
    assert findings(
        api("A", "/", emits=["t", "u"]), event("E", "t", "u", input=TEXT_ID), event("F", "u", "t", input=NUMBER_ID)
    ) == (
        Finding(
            "schema",
            "error",
            "steps/f.step.ts",
            "F and E (steps/e.step.ts) subscribe to t, but no event fits both: data.id is integer for F and string for "
            "E. Every event becomes a dead letter of one of them: make their input schemas agree, or use two topics.",
        ),
    )


def test_subscribers_of_different_topics_or_without_a_schema_agree() -> None:
    files = [api("A", "/", emits=["t", "u"]), event("E", "t", input=TEXT_ID), event("F", "u", input=NUMBER_ID)]
    assert messages(*files, event("G", "t", "u"), event("H", "t", input=TEXT_ID)) == []


def test_an_input_that_nothing_fits_is_said_once_and_not_of_every_pair() -> None:
    found = findings(api("A", "/", emits=["t"]), event("E", "t", input={"not": {}}), event("F", "t", input=TEXT_ID))
    assert [(each.kind, each.severity, each.file, each.message) for each in found] == [
        (
            "schema",
            "error",
            "steps/e.step.ts",
            "No value fits config.input, so every event of its topics becomes a dead letter.",
        )
    ]


def test_what_is_drawn_counts_as_the_other_end_of_a_topic() -> None:
    noop = step("N", "noop", virtualEmits=["asked"], virtualSubscribes=["told"])
    assert messages(event("E", "asked", emits=["told"]), noop) == []
    assert messages(event("E", "asked", emits=["told"])) == [
        "E emits told, but no step subscribes to it.",
        "E subscribes to asked, but no step declares that it emits it.",
    ]


def test_a_topic_that_runs_wait_for_has_an_end_and_needs_the_other() -> None:
    waits = step("E", "cron", cron="* * * * *", waitsFor=["told", {"topic": "lost", "by": "order.id"}])
    assert messages(waits, step("A", "api", path="/", method="GET", emits=["told"])) == [
        "E waits for lost, but no step declares that it emits it."
    ]
    (failure,) = build_flow([step("E", "cron", cron="* * * * *", waitsFor=["told", "told"])], []).failures
    assert "names a topic twice" in failure.message


def test_a_topic_that_only_cancels_has_an_end_and_needs_the_other() -> None:
    def config(**queue: Any) -> Any:
        return {"cron": "* * * * *", "infrastructure": {"queue": queue}}

    emits = step("A", "api", path="/", method="GET", emits=["stop"])
    assert messages(step("E", "cron", **config(cancelOn=["stop", "lost"])), emits) == [
        "lost cancels runs of E, but no step declares that it emits it."
    ]
    (twice,) = build_flow([step("E", "cron", **config(cancelOn=["stop", "stop"]))], []).failures
    assert "cancelOn names a topic twice" in twice.message
    (named,) = build_flow([step("E", "cron", **config(cancelOn=[{"topic": "stop", "by": "id"}]))], []).failures
    assert "compares id, but the run of a cron step has no input" in named.message


def test_no_topic_is_missed_while_a_step_fails_to_load() -> None:
    failed = LoadFailure(SourceFile("steps/x_step.py", "step", "python", "python"), "no import")
    lonely = event("E", "asked", emits=["told"], colour=1)
    assert [each.kind for each in build_flow([lonely], [failed]).findings] == ["config"]
    # One whose config is broken may hold the other end as well; a stream may not.
    assert [each.kind for each in findings(lonely, step("B", "event"))] == ["config"]
    stream = LoadFailure(SourceFile("steps/x_stream.py", "stream", "python", "python"), "no import")
    assert [each.kind for each in build_flow([lonely], [stream]).findings] == ["config", "topic", "topic"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("/a", "/a", True),
        ("/a", "/a/", True),
        ("/u/:id", "/u/:name", True),
        ("/u/:id/x", "/u/:name/x/", True),
        ("/u/:id", "/u/me", False),
        ("/u/:id?", "/u/:name?", True),
        ("/u/:id?", "/u/:name", False),
        ("/u/:id", "/u/:id.json", False),
        ("/A", "/a", False),
    ],
)
def test_a_route_that_is_taken_is_an_error(first: str, second: str, same: bool) -> None:
    found = findings(api("A", first), api("B", second), api("C", second, "POST"))
    assert [(each.kind, each.severity, each.file, each.message) for each in found] == [
        (
            "route",
            "error",
            "steps/b.step.ts",
            f"GET {second} is already served by A (steps/a.step.ts); B is not reached.",
        )
    ] * same


def test_a_step_whose_schema_is_none_takes_nothing_from_its_neighbours() -> None:
    broken = api("A", "/a", bodySchema={"type": "strin"}, emits=["told"])
    flow = build_flow([broken, api("B", "/a"), event("E", "told"), event("F", "lonely")], [])
    assert [each.kind for each in flow.findings] == ["route", "topic"]
    compiled, _ = compile_validators(flow)
    assert (list(compiled.steps), compiled.findings) == (["B", "E", "F"], ())


def test_findings_are_also_sentences() -> None:
    flow = Flow(findings=(Finding("topic", "warning", "steps/a.ts", "x."), Finding("project", "error", "", "y.")))
    assert flow.warnings == ("steps/a.ts: x.", "y.")


@pytest.mark.parametrize("path", ["/__polystep", "/__polystep/", "/__polystep/api/steps", "/__Polystep/x"])
def test_a_path_of_the_admin_pages_is_an_error(path: str) -> None:
    flow = build_flow([step("Own", "api", path=path, method="GET")], [])
    (finding,) = flow.findings
    assert (finding.kind, finding.severity) == ("route", "error")
    assert "belongs to the admin pages" in finding.message


def test_a_path_that_only_begins_like_it_is_the_steps() -> None:
    assert build_flow([step("Own", "api", path="/__polysteps", method="GET")], []).findings == ()
