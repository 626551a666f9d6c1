"""The one access rule of a project, and what a `motia.config` sets up besides."""

from __future__ import annotations

from pathlib import Path

from polystep.contracts.steps import LoadedFile, LoadFailure, SourceFile, SourcePattern
from polystep.contracts.values import JSONObject
from polystep.discovery import build_flow, compile_validators, find_sources

CONFIG = SourceFile("motia.config.ts", "access", "typescript", "node")
OWN = SourceFile("steps/who_access.py", "access", "python", "python")
SCHEMA: JSONObject = {"type": "object"}


def rule(source: SourceFile, **config: object) -> LoadedFile:
    return LoadedFile(source, {**config}, True)  # type: ignore[dict-item]


def motia(**config: object) -> LoadedFile:
    return LoadedFile(CONFIG, {"motia": {**config}}, False)  # type: ignore[dict-item]


def test_a_rule_is_found_with_the_schema_of_its_context() -> None:
    flow = build_flow([rule(OWN, contextSchema=SCHEMA)], [])
    assert flow.access is not None
    assert (flow.access.source, flow.access.context_schema, flow.access_closed) == (OWN, SCHEMA, "")
    assert flow.findings == ()


def test_a_motia_config_without_stream_auth_leaves_everybody_anonymous() -> None:
    flow = build_flow([motia()], [])
    assert (flow.access, flow.access_closed, flow.findings, flow.failures) == (None, "", (), ())


def test_two_rules_close_the_streams() -> None:
    flow = build_flow([rule(OWN), rule(CONFIG, motia={})], [])
    assert flow.access is None
    assert "motia.config.ts and steps/who_access.py both declare authenticate" in flow.access_closed
    assert [(each.severity, each.file) for each in flow.findings] == [("error", "steps/who_access.py")]


def test_a_file_that_may_hold_a_rule_and_does_not_load_closes_the_streams() -> None:
    flow = build_flow([rule(OWN)], [LoadFailure(CONFIG, "Syntax error")])
    assert flow.access is None
    assert "motia.config.ts may say who may follow streams, and is not loaded" in flow.access_closed
    assert [each.severity for each in flow.findings] == ["error"]


def test_an_access_file_without_a_rule_is_a_failure_that_closes_the_streams() -> None:
    flow = build_flow([LoadedFile(OWN, {}, False)], [])
    assert [failure.source for failure in flow.failures] == [OWN]
    assert flow.access_closed


def test_a_schema_that_is_not_valid_closes_the_streams() -> None:
    flow, _ = compile_validators(build_flow([rule(OWN, contextSchema={"type": "person"})], []))
    assert flow.access is None
    assert "steps/who_access.py" in flow.access_closed
    assert [each.severity for each in flow.findings] == ["error"]
    assert [failure.source for failure in flow.failures] == [OWN]


def test_findings_about_access_outlive_a_stream_with_a_broken_schema() -> None:
    stream = SourceFile("steps/a.stream.ts", "stream", "typescript", "node")
    broken = LoadedFile(stream, {"name": "a", "schema": {"type": "nothing"}}, False)
    flow, _ = compile_validators(build_flow([rule(OWN), motia(app=True), broken], []))
    assert flow.access is not None
    assert [each.file for each in flow.findings] == ["motia.config.ts"]


def test_what_has_no_effect_is_named_with_what_to_do_instead() -> None:
    plugins = ["@motiadev/plugin-states/plugin", "myPlugin"]
    flow = build_flow(
        [motia(app=True, redis=True, plugins=plugins, adapters=["events", "state"], unknown=["port"])], []
    )
    messages = [each.message for each in flow.findings]
    assert {each.severity for each in flow.findings} == {"warning"}
    for text, advice in (
        ("app(express) is not called", "api steps"),
        ("redis has no effect", "Remove the entry"),
        ("plugins are not loaded: @motiadev/plugin-states/plugin", "Remove the entries and the packages"),
        ("plugins are not loaded: myPlugin", "registerApi"),
        ("adapters have no effect: events, state", "Remove the entry"),
        ("port is not known", "no effect"),
    ):
        assert any(text in message and advice in message for message in messages), (text, messages)


def test_a_file_of_the_root_is_found_by_its_whole_name_and_there_alone(tmp_path: Path) -> None:
    patterns = [SourcePattern("motia.config.ts", "access", "typescript", "node", in_root=True)]
    (tmp_path / "steps").mkdir()
    for name in ("motia.config.ts", "steps/motia.config.ts", "my-motia.config.ts"):
        (tmp_path / name).touch()
    assert find_sources(tmp_path, patterns) == (CONFIG,)
