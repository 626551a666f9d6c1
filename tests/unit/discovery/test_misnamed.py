"""Files that look like steps are named with the name that they should have."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.contracts.steps import Finding
from polystep.discovery import find_misnamed
from polystep.project.runner_kinds import kinds_of
from polystep.project.settings import ForeignSection, RunnersSection

CONFIG = "export const config = {}"
PERL = ForeignSection(pattern=("_step.pl",), command=("perl",))


def misnamed(project: Path) -> dict[str, str]:
    runners = RunnersSection(perl=PERL)  # type: ignore[call-arg]
    patterns = [pattern for kind in kinds_of(runners, project) for pattern in kind.patterns]
    return {finding.file: finding.message for finding in find_misnamed(project, patterns)}


def make(project: Path, file: str, text: str = CONFIG) -> None:
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text(text)


@pytest.mark.parametrize(
    ("file", "right"),
    [
        ("steps/foo.steps.ts", "steps/foo.step.ts"),
        ("steps/foo-step.ts", "steps/foo.step.ts"),
        ("src/deep/foo.Step.ts", "src/deep/foo.step.ts"),
        ("steps/fooStep.ts", "steps/foo.step.ts"),
        ("steps/x.step.mjs", "steps/x.step.js"),
        ("steps/x_step.cts", "steps/x.step.ts"),
        ("steps/foo_steps.py", "steps/foo_step.py"),
        ("steps/foo-step.py", "steps/foo_step.py"),
        ("steps/foo_steps.rb", "steps/foo_step.rb"),
        ("steps/foo.step.pl", "steps/foo_step.pl"),
        ("steps/live.streams.ts", "steps/live.stream.ts"),
        ("steps/_step.py", "steps/my_step.py"),
    ],
)
def test_a_name_that_is_close_is_named_with_the_right_one(tmp_path: Path, file: str, right: str) -> None:
    make(tmp_path, file)
    kind = "stream" if "stream" in file else "step"
    assert misnamed(tmp_path) == {file: f"It looks like a {kind}, but its name is not a {kind}'s. Call it {right}."}


@pytest.mark.parametrize(
    ("file", "right"),
    [
        ("foo.step.ts", "steps/foo.step.ts"),
        ("routes/foo_step.py", "steps/routes/foo_step.py"),
        ("lib/foo.steps.ts", "steps/lib/foo.step.ts"),
    ],
)
def test_a_step_beside_the_folders_is_named_with_its_place(tmp_path: Path, file: str, right: str) -> None:
    make(tmp_path, file)
    message = f"It looks like a step, but only files under steps/ and src/ are loaded. Call it {right}."
    assert misnamed(tmp_path) == {file: message}


@pytest.mark.parametrize(
    "file",
    [
        "steps/foo.step.ts",
        "steps/foo_step.py",
        "steps/foo.step.tsx",
        "steps/foo.step.test.ts",
        "steps/foo.step.json",
        "steps/stepper.ts",
        "steps/.foo.steps.ts",
        "steps/node_modules/a/foo.steps.ts",
        "node_modules/a.step.ts",
        ".polystep/a_step.py",
        "tests/a.step.ts",
        "lib/deeper/a.step.ts",
    ],
)
def test_everything_else_is_left_alone(tmp_path: Path, file: str) -> None:
    make(tmp_path, file)
    assert misnamed(tmp_path) == {}


def test_a_helper_without_a_config_may_be_called_as_it_likes(tmp_path: Path) -> None:
    make(tmp_path, "steps/checkout-steps.ts", "export const first = 1")
    assert misnamed(tmp_path) == {}


def test_a_finding_is_a_warning_of_the_project(tmp_path: Path) -> None:
    make(tmp_path, "steps/a.steps.ts")
    found = find_misnamed(
        tmp_path, [pattern for kind in kinds_of(RunnersSection(), tmp_path) for pattern in kind.patterns]
    )
    assert [(each.kind, each.severity) for each in found] == [("project", "warning")]
    assert isinstance(found[0], Finding)


@pytest.mark.parametrize(
    ("file", "text", "right"),
    [
        ("who_access.py", "async def authenticate(request):\n    return None\n", "Call it steps/who_access.py."),
        ("steps/who-access.ts", "export const authenticate = () => null", "Call it steps/who.access.ts."),
        ("steps/who.access.mjs", "export async function authenticate() {}", "Call it steps/who.access.js."),
    ],
)
def test_a_rule_that_would_not_be_asked_is_named(tmp_path: Path, file: str, text: str, right: str) -> None:
    make(tmp_path, file, text)
    message = misnamed(tmp_path)[file]
    assert message.startswith("It looks like an access file")
    assert message.endswith(right)


def test_a_helper_about_access_is_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "steps/data-access.ts", "import { authenticate } from './auth'\nexport const rows = authenticate()")
    make(tmp_path, "motia.config.ts", "export default {}")
    assert misnamed(tmp_path) == {}
