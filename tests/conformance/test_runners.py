"""Every runner in this repository passes the kit, at the level that it is meant to reach."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("polystep"))
TARGETS = {
    "node": ["node"],
    "python": ["python"],
    "ruby": ["ruby"],
    "perl": ["--", "perl", "protocol/examples/perl/runner.pl"],
}
LEVELS = {
    "node": ["core", "context", "isolation"],
    "python": ["core", "context", "isolation"],
    "ruby": ["core", "context"],
    "perl": ["core"],
}
LINES_MAX = {"bridges/node/src": 800, "bridges/python": 800, "bridges/ruby": 260, "protocol/examples/perl": 200}
"""What it costs to add a language. Lines of code count: comments, tests, what the adapters of the two full bridges know
of other people's packages and the features stand apart. Of the example in Perl, every line counts."""
_APART = {"tests", "adapters", "features"}


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, "protocol", "check", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", list(TARGETS))
def test_it_passes_every_check_of_its_levels(name: str) -> None:
    done = check("--json", *TARGETS[name])
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["failures"] == []
    assert (done.returncode, report["passed"]) == (0, report["total"])
    assert list(report["levels"]) == LEVELS[name]
    assert report["total"] >= 120


@pytest.mark.parametrize("place", list(LINES_MAX))
def test_a_bridge_stays_small(place: str) -> None:
    files = [path for path in (ROOT / place).rglob("*") if path.suffix in {".ts", ".py", ".rb", ".pl"}]
    bridge = [path for path in files if not _APART & {*path.parts} and ".test" not in path.suffixes]
    lines = {path.name: lines_of(path) for path in bridge}
    assert lines
    assert sum(lines.values()) <= LINES_MAX[place], lines


def lines_of(path: Path) -> int:
    source = path.read_text("utf-8")
    lines = [line.strip() for line in source.splitlines()]
    if path.suffix == ".ts":
        return sum(line != "" and not line.startswith(("//", "/*", "*")) for line in lines)
    if path.suffix == ".py":
        code = [line for line in lines if line and not line.startswith("#")]
        statements = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
        texts = [node.value for node in statements if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        return len(code) - sum(len(list(filter(None, text.splitlines()))) for text in texts)
    if path.suffix == ".rb":
        return sum(line != "" and not line.startswith("#") for line in lines)
    return len(lines)


def test_a_failing_runner_ends_with_status_1_and_names_the_clause() -> None:
    done = check("--only", "hello", "--patience", "3", "--steps", "protocol/kit/steps/ruby", "--", "sh", "-c", "exit 3")
    assert done.returncode == 1
    assert "✖ PS-5.1" in done.stdout
    assert "the runner ended with status 3" in done.stdout


def test_a_runner_of_an_unknown_language_is_told_what_to_do() -> None:
    done = check("--patience", "3", "--", "sh", "-c", "exit 3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "could not be asked for its language" in done.stderr
