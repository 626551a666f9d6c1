"""Places, frames and stacks of failures, over what Node 20, Python 3.11 and Ruby 3.1 really wrote."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from polystep.contracts.locations import Location
from polystep.contracts.values import JSONObject
from polystep.runners import Failures, Sources, adds_nothing

TS = """import { each } from 'kit'

export const handler = async (req: any) => {
\teach((x: any) => x.y.z)
}

"""
PY = """async def handler(req, context):
    what = req["what"]
    if what:
        raise RuntimeError("outer") from error

"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/a.step.ts").write_text(TS)
    (tmp_path / "steps/a_step.py").write_text(PY)
    (tmp_path / "steps/a_step.rb").write_text("def handler(a, b)\n  x = 1 +* 2\nend\n")
    return tmp_path


def of_handler(project: Path, name: str, message: str, stack: str) -> JSONObject:
    return Failures(project).of_handler(
        {"name": name, "message": message, "stack": stack.replace("PROJECT", str(project))}
    )


def test_a_node_error_has_its_place_the_source_and_a_stack_without_libraries(project: Path) -> None:
    stack = """TypeError: Cannot read properties of undefined (reading 'z')
    at <anonymous> (PROJECT/steps/a.step.ts:4:22)
    at PROJECT/node_modules/kit/index.js:3:38
    at Array.map (<anonymous>)
    at exports.each (file://PROJECT/node_modules/@acme/kit/index.js:3:27)
    at async handler (PROJECT/steps/a.step.ts:4:2)"""
    error = of_handler(project, "TypeError", "Cannot read properties of undefined (reading 'z')", stack)
    assert error["place"] == {"file": "steps/a.step.ts", "line": 4, "column": 22}
    assert error["frame"] == (
        "  3 | export const handler = async (req: any) => {\n"
        "> 4 |  each((x: any) => x.y.z)\n"
        "    |                      ^\n"
        "  5 | }"
    )
    assert error["stack"] == (
        "    at <anonymous> (steps/a.step.ts:4:22)\n"
        "    … 3 library frames (kit, @acme/kit)\n"
        "    at async handler (steps/a.step.ts:4:2)"
    )


def test_errors_that_an_error_gathers_keep_their_words(project: Path) -> None:
    stack = """AggregateError: All promises were rejected
Error 1 of 2: Error: p1
    at handler (PROJECT/steps/a.step.ts:4:3)
Error 2 of 2: 'text'
Caused by: Error: deep
    at handler (PROJECT/steps/a.step.ts:3:1)"""
    error = of_handler(project, "AggregateError", "All promises were rejected", stack)
    assert error["place"] == {"file": "steps/a.step.ts", "line": 4, "column": 3}
    assert str(error["stack"]).split("\n")[0] == "Error 1 of 2: Error: p1"
    assert "Caused by: Error: deep" in str(error["stack"])


def test_what_is_thrown_and_no_error_says_what_to_do(project: Path) -> None:
    error = of_handler(project, "string", "x", "")
    assert (error["name"], error["message"]) == ("thrown string", "x")
    assert error["stack"] == "What was thrown is no Error, so it has no place: throw new Error(…) instead."
    assert of_handler(project, "Odd", "x", "") == {"name": "Odd", "message": "x", "stack": ""}


def test_a_python_chain_has_the_place_of_the_outermost_exception(project: Path) -> None:
    stack = """Traceback (most recent call last):
  File "PROJECT/steps/a_step.py", line 2, in handler
    what = req["what"]
           ~~~^^^^^^^^
KeyError: 'what'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "PROJECT/steps/a_step.py", line 4, in handler
    raise RuntimeError("outer") from error
  File "/usr/lib/python3.11/json/decoder.py", line 337, in decode
    obj, end = self.raw_decode(s, idx=_w(s, 0).end())
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
json.RuntimeError: outer
"""
    error = of_handler(project, "RuntimeError", "outer", stack)
    assert error["place"] == {"file": "steps/a_step.py", "line": 4, "column": 9}
    shown = str(error["stack"]).split("\n")
    assert shown[:4] == [
        "Traceback (most recent call last):",
        '  File "steps/a_step.py", line 2, in handler',
        '    what = req["what"]',
        "           ~~~^^^^^^^^",
    ]
    assert shown[-2:] == ['    raise RuntimeError("outer") from error', "  … 1 library frame"]


def test_a_marked_part_gives_the_column(project: Path) -> None:
    stack = """Traceback (most recent call last):
  File "PROJECT/steps/a_step.py", line 2, in handler
    what = req["what"]
           ~~~^^^^^^^^
KeyError: 'what'
"""
    assert of_handler(project, "KeyError", "'what'", stack)["place"] == {
        "file": "steps/a_step.py", "line": 2, "column": 15
    }  # fmt: skip


def test_an_exception_group_keeps_its_exceptions_and_has_its_own_place(project: Path) -> None:
    stack = """  + Exception Group Traceback (most recent call last):
  |   File "PROJECT/steps/a_step.py", line 4, in handler
  |     raise ExceptionGroup("many", [ValueError("one")])
  | ExceptionGroup: many (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "PROJECT/steps/a_step.py", line 2, in handler
    |     what = req["what"]
    | ValueError: one
    +------------------------------------
"""
    error = of_handler(project, "ExceptionGroup", "many (1 sub-exception)", stack)
    assert error["place"] == {"file": "steps/a_step.py", "line": 4, "column": 9}
    assert "ValueError: one" in str(error["stack"])


def test_a_ruby_error_has_its_place(project: Path) -> None:
    stack = """/usr/lib/ruby/3.1/json.rb:10:in `parse'
PROJECT/steps/a_step.rb:2:in `block in handler'
PROJECT/steps/a_step.rb:1:in `handler'"""
    error = of_handler(project, "NoMethodError", "undefined method", stack)
    assert error["place"] == {"file": "steps/a_step.rb", "line": 2, "column": 3}
    assert str(error["stack"]).split("\n")[:2] == ["… 1 library frame", "steps/a_step.rb:2:in `block in handler'"]


def test_a_stack_without_a_frame_of_the_project_stays(project: Path) -> None:
    stack = "Error: x\n    at a (/usr/lib/kit/index.js:1:2)\n    at b (node:internal/timers:3:4)"
    error = of_handler(project, "Error", "x", stack)
    assert error["stack"] == "    at a (/usr/lib/kit/index.js:1:2)\n    at b (node:internal/timers:3:4)"
    assert "place" not in error


@pytest.mark.parametrize(
    ("name", "message", "stack", "place"),
    [
        ("TransformError", "Transform failed with 1 error:\nPROJECT/steps/a.step.ts:4:1: ERROR: No", "", (4, 2)),
        ("SyntaxError", "no", "file://PROJECT/steps/a.step.ts:4\n each((x: any)\n       ^\n\nSyntaxError: no", (4, 8)),
        ("SyntaxError", "PROJECT/steps/a.step.ts:2: unexpected *\n  x = 1 +* 2\n         ^\n", "", (2, 8)),
        ("Error", "no at PROJECT/steps/a.step.ts line 3.", "", (3, None)),
        ("Error", "no", "at x", None),
    ],
)  # fmt: skip
def test_a_file_that_does_not_load_has_the_place_of_its_error(
    project: Path, name: str, message: str, stack: str, place: tuple[int, int | None] | None
) -> None:
    error: JSONObject = {"name": name, "message": message, "stack": stack}
    given: JSONObject = {key: str(value).replace("PROJECT", str(project)) for key, value in error.items()}
    found = Failures(project).of_load("steps/a.step.ts", given)
    assert found == (None if place is None else Location("steps/a.step.ts", *place))


def test_only_files_of_the_project_are_read(project: Path) -> None:
    (project.parent / "secret.py").write_text("key = 1\n")
    (project / "node_modules").mkdir()
    (project / "node_modules" / "index.js").write_text("x\n")
    (project / ".env").write_text("KEY=1\n")
    (project / "steps" / "link.ts").symlink_to(project.parent / "secret.py")
    sources = Sources(project)
    for file in ("../secret.py", "node_modules/index.js", ".env", "steps/link.ts", "steps/gone.ts"):
        assert sources.frame(Location(file, 1, 1)) == "", file
    assert sources.frame(Location("steps/a.step.ts", 99)) == ""


def test_a_changed_file_is_read_again(project: Path) -> None:
    sources = Sources(project)
    assert sources.line("steps/a.step.ts", 3) == "export const handler = async (req: any) => {"
    (project / "steps/a.step.ts").write_text("one\ntwo\n")
    assert sources.line("steps/a.step.ts", 2) == "two"


def test_a_long_line_is_shown_around_its_column(project: Path) -> None:
    (project / "steps/long.ts").write_text("x" * 500 + "HERE" + "y" * 500)
    line, mark = Sources(project).frame(Location("steps/long.ts", 1, 501)).split("\n")
    assert line[mark.index("^") :].startswith("HERE")
    assert len(line) < 200


@pytest.mark.parametrize(
    ("message", "line", "column"),
    [
        ("Cannot find package 'left-pad' imported from PROJECT/steps/b.step.ts", 2, 17),
        ("Cannot find package 'lodash' imported from PROJECT/steps/b.step.ts", 3, 21),
        ("Cannot find module 'PROJECT/steps/lib/gone' imported from PROJECT/steps/b.step.ts", 4, 24),
        ("Cannot find module './lib/gone'\nRequire stack:\n- PROJECT/steps/b.step.ts", 4, 24),
    ],
)
def test_a_missing_import_has_the_place_where_it_is_imported(
    project: Path, message: str, line: int, column: int
) -> None:
    (project / "steps/b.step.ts").write_text(
        "// left-pad\nimport pad from 'left-pad'\n"
        "import { get } from \"lodash/fp\"\nconst a = await import('./lib/gone.js')\n"
    )
    error: JSONObject = {"name": "Error", "message": message.replace("PROJECT", str(project)), "stack": ""}
    assert Failures(project).of_load("steps/b.step.ts", error) == Location("steps/b.step.ts", line, column)


def test_a_missing_import_that_no_line_names_has_no_place(project: Path) -> None:
    error: JSONObject = {"name": "Error", "message": f"Cannot find package 'x' imported from {project}/steps/a.step.ts"}
    assert Failures(project).of_load("steps/a.step.ts", error) is None


@pytest.mark.parametrize(
    "line",
    ["    at " + " /" * 20_000, "    at " + "(/" * 20_000, "    at x (" + "/:1" * 20_000, "x\n" * 500_000],
    ids=["spaces", "parentheses", "colons", "many lines"],
)
def test_a_message_of_a_client_costs_no_time_and_does_not_hide_the_place(project: Path, line: str) -> None:
    stack = f"Error: {line}\n    at async handler (file://PROJECT/steps/a.step.ts:4:2)"
    began_s = time.process_time()
    error = of_handler(project, "Error", line, stack)
    assert time.process_time() - began_s < 1  # it took half a minute
    assert error["place"] == {"file": "steps/a.step.ts", "line": 4, "column": 2}
    assert len(str(error["stack"])) < 70_000


def test_of_a_long_stack_both_ends_are_kept(project: Path) -> None:
    frames = "".join(f'  File "PROJECT/steps/a_step.py", line 4, in f{number}\n' for number in range(5_000))
    stack = f"Traceback (most recent call last):\n{frames}RecursionError: too deep"
    error = of_handler(project, "RecursionError", "too deep", stack)
    assert error["place"] == {"file": "steps/a_step.py", "line": 4, "column": 9}
    shown = str(error["stack"])
    assert "in f0\n" in shown
    assert "in f4999" in shown
    assert len(shown) < 70_000


@pytest.mark.parametrize(
    ("stack", "is_said"),
    [
        ("    at handler (steps/a.step.ts:3:9)", True),
        ("    at handler (steps/a.step.ts:3:9)\n    … 2 library frames (kit)", False),
        ("    at handler (steps/a.step.ts:3:9)\nCaused by: Error: no", False),
        ("    at handler (steps/a.step.ts:4:9)", False),
        ('Traceback (most recent call last):\n  File "steps/a.step.ts", line 3, in handler\n    a()\n    ^^^', True),
        (
            '  File "steps/a.step.ts", line 3, in handler\n    a()\n  File "steps/a.step.ts", line 9, in a\n    b()',
            False,
        ),
        ("steps/a.step.ts:3:in `handler'", True),
    ],
)
def test_a_stack_of_the_one_place_that_is_shown_adds_nothing(stack: str, is_said: bool) -> None:
    assert adds_nothing(stack, Location("steps/a.step.ts", 3, 9)) is is_said


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("export const config = {}\nexport const handler: Handlers['A'] = async () => {}\n", 2),
        ("\nasync function handler() {}\nexport { handler }\n", 2),
        ("exports.config = {}\nexports.handler = () => {}\n", 2),
        ("config = {}\n\n\nasync def handler(input, context):\n    pass\n", 4),
        ("def config = {}\ndef handler(a, b) = nil\n", 2),
        ("export { config, handler } from './other'\n", 1),
        ("", 1),
    ],
)
def test_what_has_no_place_is_shown_where_the_handler_is(project: Path, source: str, line: int) -> None:
    (project / "steps/b.step.ts").write_text(source)
    assert Failures(project).handler_in("steps/b.step.ts") == Location("steps/b.step.ts", line)
