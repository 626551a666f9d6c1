"""What users read when a Python file does not load: from real failures, as the bridge describes them."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

import pytest

from polystep.contracts.values import JSONObject
from polystep.runners.python_failures import explain

MARKS_PARTS = sys.version_info >= (3, 13)
"""From this version on, a traceback also marks the part of a statement that takes all of its line."""


def failure_of(project: Path, file: str) -> JSONObject:
    """What importing the file raises, described as `load_failed` has it."""
    spec = importlib.util.spec_from_file_location("step_under_test", project / file)
    assert spec is not None and spec.loader is not None
    with pytest.raises(BaseException) as caught:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    error = caught.value
    return {"name": type(error).__name__, "message": str(error), "stack": "".join(traceback.format_exception(error))}


def explained(project: Path, source: str) -> str:
    (project / "steps").mkdir(exist_ok=True)
    (project / "steps" / "a_step.py").write_text(source)
    return explain(project, "steps/a_step.py", failure_of(project, "steps/a_step.py"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\ndef broken(:\n", "steps/a_step.py:2:12: invalid syntax"),
        ("if True:\nx = 1\n", "steps/a_step.py:2:1: expected an indented block after 'if' statement on line 1"),
        (
            "if True:\n\tx = 1\n        y = 2\n",
            "steps/a_step.py:3:9: inconsistent use of tabs and spaces in indentation",
        ),
        ("import left_pad.core", "No module named 'left_pad': add it to requirements.txt and save"),
        ("from steps.gone import x", "No module named 'steps.gone': the project has no such file."),
        ("import helper.gone", "No module named 'helper.gone': the project has no such file."),
        (
            "import sys; sys.exit(3)",
            "leaves the process while it is imported; move the call of exit() into the handler.",
        ),
        ("raise KeyboardInterrupt", "steps/a_step.py:1:1: KeyboardInterrupt"),
        ("\nraise ValueError('boom')", "steps/a_step.py:2:1: ValueError: boom"),
        ("assert False", f"steps/a_step.py:1:{8 if MARKS_PARTS else 1}: AssertionError"),
        ("raise ImportError('not for this platform')", "steps/a_step.py:1:1: ImportError: not for this platform"),
        (
            "import json\njson.loads('{')",
            f"steps/a_step.py:2:{11 if MARKS_PARTS else 1}: JSONDecodeError: Expecting property name enclosed in",
        ),
    ],
)
def test_a_failure_is_told_with_its_place_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, expected: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helper.py").touch()
    text = explained(tmp_path, source)
    assert text.removeprefix("The file ").partition(" double quotes")[0] == expected


def test_a_syntax_error_in_an_imported_file_names_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_helper.py").write_text("\n\nx = (\n")
    assert explained(tmp_path, "import broken_helper") == "broken_helper.py:3:5: '(' was never closed"


def test_a_syntax_error_outside_the_project_has_its_whole_path(tmp_path: Path) -> None:
    stack = '  File "/usr/lib/x.py", line 7\n    x (\n      ^\nSyntaxError: invalid syntax\n'
    failure: JSONObject = {"name": "SyntaxError", "message": "invalid syntax (x.py, line 7)", "stack": stack}
    assert explain(tmp_path, "steps/a_step.py", failure) == "/usr/lib/x.py:7: invalid syntax"


def test_a_syntax_error_without_a_place_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    failure: JSONObject = {"name": "SyntaxError", "message": "source code string cannot contain null bytes"}
    assert (
        explain(tmp_path, "steps/a_step.py", failure) == "steps/a_step.py: source code string cannot contain null bytes"
    )


def test_a_missing_package_belongs_into_the_file_that_the_project_has(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    assert explained(tmp_path, "import left_pad") == "No module named 'left_pad': add it to pyproject.toml and save"


@pytest.mark.parametrize(
    "failure",
    [
        {"name": "load_failed", "message": "steps/a_step.py has no config: add one.", "stack": ""},
        {"name": "FileNotFoundError", "message": "steps/a_step.py has no config: add one."},
        {"name": "Odd", "message": "steps/a_step.py has no config: add one.", "stack": None},
    ],
)
def test_what_the_bridge_says_itself_is_told_as_it_is(tmp_path: Path, failure: JSONObject) -> None:
    assert explain(tmp_path, "steps/a_step.py", failure) == "steps/a_step.py has no config: add one."


def test_a_failure_without_words_is_told_too(tmp_path: Path) -> None:
    assert explain(tmp_path, "steps/a_step.py", {}) == "steps/a_step.py could not be loaded."
    assert explain(tmp_path, "steps/a_step.py", {"name": "Odd"}) == "Odd"


def test_an_error_in_a_package_is_placed_where_the_project_called_it(tmp_path: Path) -> None:
    stack = f'''Traceback (most recent call last):
  File "{tmp_path}/steps/a_step.py", line 4, in <module>
    shop.open()
  File "{tmp_path}/.polystep/venv-1/lib/python3.11/site-packages/shop.py", line 9, in open
    raise RuntimeError("closed")
RuntimeError: closed
'''
    failure: JSONObject = {"name": "RuntimeError", "message": "closed", "stack": stack}
    assert explain(tmp_path, "steps/a_step.py", failure) == "steps/a_step.py:4: RuntimeError: closed"
