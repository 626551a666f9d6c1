"""Places of what configs get wrong, found in the text of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.contracts.locations import Location
from polystep.contracts.steps import Finding, Flow, LoadFailure, SourceFile
from polystep.project.locations import located, location_in_config
from polystep.runners import Sources

FILES = {
    "a.step.ts": """import { path } from 'x'
export const config: ApiRouteConfig = {
  type: 'api', path: 'nopath',
  infrastructure: { handler: { timeout: 1 },
    queue: { maxRetries: -2 } },
}
export const handler = async () => ({ cron: 1 })
""",
    "a.step.js": "module.exports.config = { type: 'cron', \"cron\": 'x' }\n",
    "a_step.py": 'import x\n\nconfig = {\n    "type": "event",\n    "subscribes": [],\n}\n\n\ndef handler(a, b):\n    emits = 1\n',  # noqa: E501
    "b_step.py": "config = EventConfig(\n    body_schema=X,\n)\n",
    "a_step.rb": 'def config = { type: "api",\n  path: "nopath" }\n\ndef handler(a, b) = nil\n',
    "none.ts": "export { config } from './other'\n",
}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return Sources(tmp_path)


@pytest.mark.parametrize(
    ("file", "member", "line", "column"),
    [
        ("a.step.ts", "path", 3, 16),
        ("a.step.ts", "infrastructure.queue.maxRetries", 5, 14),
        ("a.step.ts", "infrastructure.queue.concurrency", 5, 5),
        ("a.step.ts", "cron", 2, 14),
        ("a.step.ts", "", 2, 14),
        ("a.step.js", "cron", 1, 42),
        ("a_step.py", "subscribes", 5, 6),
        ("a_step.py", "emits", 3, 1),
        ("b_step.py", "bodySchema", 2, 5),
        ("a_step.rb", "path", 2, 3),
    ],
)
def test_a_member_is_found_as_deep_as_it_is_written(
    sources: Sources, file: str, member: str, line: int, column: int
) -> None:
    assert location_in_config(sources, file, member) == Location(file, line, column)


def test_a_config_from_elsewhere_has_no_place(sources: Sources) -> None:
    assert location_in_config(sources, "none.ts", "path") is None
    assert location_in_config(sources, "gone.ts", "path") is None


def test_failures_and_findings_of_configs_get_their_places(sources: Sources) -> None:
    source = SourceFile("a.step.ts", "step", "typescript", "node")
    failures = (
        LoadFailure(source, "The config is not usable:\n  config.path: no"),
        LoadFailure(source, "Cannot find package 'x'"),
    )
    findings = (
        Finding("config", "warning", "a.step.ts", "config.infrastructure.queue has no effect"),
        Finding("topic", "warning", "a_step.py", "A subscribes to x, but no step declares that it emits it."),
        Finding("project", "error", "", "No steps were found"),
    )
    flow = located(Flow(failures=failures, findings=findings), sources)
    first, second = flow.failures
    assert first.location == Location("a.step.ts", 3, 16)
    assert first.message.splitlines()[2:5] == [
        "a.step.ts:3:16",
        "  1 | import { path } from 'x'",
        "  2 | export const config: ApiRouteConfig = {",
    ]
    assert second == failures[1]
    assert [str(each).partition(": ")[0] for each in flow.findings] == [
        "a.step.ts:5:5",
        "a_step.py:5:6",
        "No steps were found",
    ]
    assert flow.findings == findings, "a finding that moved is the same finding"
