"""Source around errors, and the editor: asked by ids alone, run without a shell, and only on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from polystep.operations.editor import _inside, _places
from polystep.operations.editor_program import EditorFailed, EditorProgram

FILE = Path("/p/steps/a.step.ts")
PYTHON = """Traceback (most recent call last):
  … 2 library frames (httpx)
  File "steps/a_step.py", line 9, in handler
    call()
  File "steps/lib/b.py", line 3, in call
    raise ValueError
"""
NODE = """    at deep (steps/lib/b.ts:3:9)
    … 1 library frame (openai)
    at async handler (steps/a.step.ts:9:3)
    at async file://elsewhere/x.ts:1:1"""


def _command(setting: str = "", **environment: str) -> list[str]:
    return EditorProgram(setting, environment, is_local=True).command(FILE, 7, 3)


def test_the_editor_is_the_one_of_the_settings_then_of_the_environment() -> None:
    assert _command("code", POLYSTEP_EDITOR="zed") == ["code", "--goto", f"{FILE}:7:3"]
    assert _command(POLYSTEP_EDITOR="/opt/zed") == ["/opt/zed", f"{FILE}:7:3"]
    assert _command(VISUAL="vim", EDITOR="subl -w") == ["subl", "-w", f"{FILE}:7:3"]
    assert _command("pycharm") == ["pycharm", "--line", "7", "--column", "3", str(FILE)]
    assert _command("mine --at {line} --open={file}") == ["mine", "--at", "7", f"--open={FILE}"]
    assert _command("mine") == ["mine", str(FILE)]


@pytest.mark.parametrize("environment", [{}, {"EDITOR": "vim"}, {"VISUAL": "nano -w", "EDITOR": "vi"}])
def test_an_editor_that_would_want_the_terminal_is_none(environment: dict[str, str]) -> None:
    with pytest.raises(EditorFailed, match=r"No editor is known here.*\[workbench\] editor"):
        _command(**environment)


def test_names_of_files_are_one_argument_whatever_is_in_them() -> None:
    for name in ("a; touch b.ts", "$(touch b).ts", "`b`.ts", "{line}.ts", "a b.ts", '"', "--wait", "a\nb"):
        program = EditorProgram("code", {}, is_local=True)
        assert program.command(Path("/p") / name, 1, 1) == ["code", "--goto", f"/p/{name}:1:1"]


async def test_the_program_gets_its_arguments_without_a_shell(tmp_path: Path) -> None:
    out, script = tmp_path / "out", tmp_path / "editor"
    script.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {out}\n')
    script.chmod(0o755)
    file = tmp_path / "a; touch hacked $(touch hacked).ts"
    assert await EditorProgram(f"{script} {{file}} {{line}}", {}, is_local=True).open(file, 7, 1) == "editor"
    assert out.read_text() == f"{file}|7|"
    assert not (Path.cwd() / "hacked").exists()


async def test_what_keeps_an_editor_from_opening_is_said(tmp_path: Path) -> None:
    with pytest.raises(EditorFailed, match="listens for other machines"):
        await EditorProgram("code", {}, is_local=False).open(FILE, 1, 1)
    with pytest.raises(EditorFailed, match="There is no program not-there-at-all"):
        await EditorProgram("not-there-at-all", {}, is_local=True).open(FILE, 1, 1)
    with pytest.raises(EditorFailed, match="ended with status 1"):
        await EditorProgram("false", {}, is_local=True).open(FILE, 1, 1)
    with pytest.raises(EditorFailed, match="is no command: No closing quotation"):
        await EditorProgram('code "', {}, is_local=True).open(FILE, 1, 1)


@pytest.mark.parametrize(
    ("stack", "found"),
    [
        (PYTHON, [("steps/lib/b.py", 3, "call"), ("steps/a_step.py", 9, "handler")]),
        (NODE, [("steps/lib/b.ts", 3, "deep"), ("steps/a.step.ts", 9, "handler")]),
        ("steps/a_step.rb:3:in 'handler'", [("steps/a_step.rb", 3, "'handler'")]),
        ("  at x (/etc/passwd:1:1)\n  at node:internal:1:1", []),
    ],
)
def test_frames_of_the_project_are_read_from_stacks_of_every_language(stack: str, found: list[Any]) -> None:
    place = {"file": found[0][0], "line": found[0][1], "column": 5} if found else None
    for error in ({"stack": stack}, {"stack": stack, "place": cast("Any", place)}):
        places = _places(error)
        assert [(each.file, each.line, name) for _, each, name in places] == found
        assert [number for number, _, _ in places] == list(range(len(found)))


def test_only_files_inside_of_the_project_are_opened(tmp_path: Path) -> None:
    root, outside = tmp_path / "p", tmp_path / "secret.ts"
    root.mkdir()
    outside.write_text("")
    (root / "a.ts").write_text("")
    (root / "link.ts").symlink_to(outside)
    assert _inside(root, "a.ts") == root / "a.ts"
    for file in ("../secret.ts", str(outside), "link.ts", "none.ts", "", ".", "a\0b"):
        assert _inside(root, file) is None
