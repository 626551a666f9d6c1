import os
import py_compile
from typing import Any

import pytest

CONFIG = 'config = {"type": "event", "name": "A", "subscribes": ["t"], "emits": []}\n'


def step(body: str = "return None", imports: str = "") -> str:
    return f"{imports}\n{CONFIG}async def handler(input, context):\n    {body}\n"


async def load_failure(host: Any, file: str, wire_error: Any) -> dict[str, Any]:
    with pytest.raises(wire_error) as caught:
        await host.load(file)
    error: dict[str, Any] = caught.value.error
    assert (error["code"], error["name"], error["retryable"]) == (20, "load_failed", False)
    assert error["message"] == f"{error['data']['name']}: {error['data']['message']}"
    return error


async def test_a_config_and_a_handler_are_found(start: Any) -> None:
    host = await start({"steps/a_step.py": step(), "steps/b_step.py": CONFIG, "steps/live_stream.py": CONFIG})
    config = {"type": "event", "name": "A", "subscribes": ["t"], "emits": []}
    assert await host.load("steps/a_step.py") == {"config": config, "handler": True}
    assert await host.load("steps/b_step.py") == {"config": config, "handler": False}
    assert await host.load("steps/live_stream.py", "stream") == {"config": config, "handler": False}


async def test_every_way_to_import_a_neighbour_works(start: Any) -> None:
    host = await start(
        {
            "src/shared.py": "NAME = 'shared'",
            "steps/top.py": "NAME = 'top'",
            "steps/sub/helper.py": "NAME = 'helper'",
            "steps/sub/a_step.py": step(
                "import late; return [helper.NAME, relative, top, up, shared, late.NAME, __name__]",
                "import helper\nfrom .helper import NAME as relative\nfrom steps.top import NAME as top\n"
                "from ..top import NAME as up\nfrom src.shared import NAME as shared",
            ),
            "steps/sub/late.py": "NAME = 'late'",
        }
    )
    expected = ["helper", "helper", "top", "top", "shared", "late", "steps.sub.a_step"]
    assert await host.load_and_run("steps/sub/a_step.py") == expected


async def test_neighbours_of_the_same_name_in_two_folders_stay_apart(start: Any) -> None:
    answer = step("return models.NAME, models.part.NAME", "import models\nimport models.part")
    one_more = step("return id(models) == id(models.part.up), models.NAME", "import models")
    files = {
        f"steps/{folder}/{name}": text.replace("FOLDER", folder)
        for folder in ("orders", "users")
        for name, text in {
            "models/__init__.py": "NAME = 'FOLDER'",
            "models/part.py": "import models as up\nNAME = 'part of FOLDER'",
            "one_step.py": answer,
            "two_step.py": one_more,
        }.items()
    }
    host = await start(files)
    for folder in ("orders", "users"):
        assert await host.load_and_run(f"steps/{folder}/one_step.py") == [folder, f"part of {folder}"]
    for folder in ("orders", "users"):
        assert await host.load_and_run(f"steps/{folder}/two_step.py") == [True, folder]


async def test_user_modules_are_not_hidden_by_the_runners(start: Any) -> None:
    names = ["context", "codec", "launch", "channel", "peer", "run", "main", "tests", "output"]
    files = {f"steps/{name}.py": f"NAME = 'my {name}'" for name in names}
    imports = f"import {', '.join(names)}\nNAMES = [each.NAME for each in ({', '.join(names)})]"
    host = await start({**files, "steps/a_step.py": step("return NAMES", imports)})
    assert await host.load_and_run("steps/a_step.py") == [f"my {name}" for name in names]


@pytest.mark.parametrize(
    "file",
    [
        "steps/my-job_step.py",
        "steps/hello.step.py",
        "steps/.step.py",
        "steps/v1.2/a_step.py",
        "steps/my-flow/a_step.py",
        "code/json/a_step.py",
        "root_step.py",
    ],
)
async def test_a_file_loads_whatever_its_path_looks_like(start: Any, file: str) -> None:
    folder = file.rpartition("/")[0]
    relative = "from .helper import NAME" if folder else "from helper import NAME"
    helper = f"{folder}/helper.py" if folder else "helper.py"
    host = await start({file: step("return NAME", relative), helper: "NAME = 1"})
    assert await host.load_and_run(file) == 1


async def test_files_whose_names_differ_only_in_marks_stay_apart(start: Any) -> None:
    files = ["steps/a_step.py", "steps/a.step.py"]
    host = await start({file: step(f"return {file!r}") for file in files})
    for file in files:
        await host.load(file)
    assert [await host.run(file) for file in files] == files


async def test_one_step_may_import_another(start: Any) -> None:
    host = await start(
        {
            "steps/a_step.py": f"COUNT = []\n{CONFIG}async def handler(input, context):\n    return id(COUNT)\n",
            "steps/b_step.py": step("return id(COUNT)", "from steps.a_step import COUNT"),
        }
    )
    assert await host.load_and_run("steps/b_step.py") == await host.load_and_run("steps/a_step.py")


async def test_two_saves_within_one_second_never_run_the_old_code(start: Any, tmp_path: Any) -> None:
    host = await start({"steps/a_step.py": step("return NAME", "from helper import NAME"), "steps/helper.py": "NAME=1"})
    helper = tmp_path / "steps/helper.py"
    first_save = helper.stat()
    py_compile.compile(str(helper))
    helper.write_text("NAME=2")
    os.utime(helper, ns=(first_save.st_atime_ns, first_save.st_mtime_ns))
    assert await host.load_and_run("steps/a_step.py") == 2


async def test_a_missing_package_is_named(start: Any, wire_error: Any) -> None:
    host = await start(
        {
            "steps/a_step.py": step(imports="import left_pad.core"),
            "steps/b_step.py": step(imports="from steps.gone import x"),
            "steps/ok_step.py": step("return 1"),
        }
    )
    error = await load_failure(host, "steps/a_step.py", wire_error)
    assert error["message"] == "ModuleNotFoundError: No module named 'left_pad'"
    assert "steps/a_step.py" in error["data"]["stack"]
    assert "polystep_runner" not in error["data"]["stack"]
    assert "importlib" not in error["data"]["stack"]
    error = await load_failure(host, "steps/b_step.py", wire_error)
    assert error["message"] == "ModuleNotFoundError: No module named 'steps.gone'"
    assert await host.load_and_run("steps/ok_step.py") == 1


async def test_a_syntax_error_names_file_and_line(start: Any, wire_error: Any) -> None:
    host = await start({"steps/a_step.py": "x = 1\ndef broken(:\n"})
    error = await load_failure(host, "steps/a_step.py", wire_error)
    assert error["message"] == "SyntaxError: invalid syntax (a_step.py, line 2)"
    assert f'File "{host.project}/steps/a_step.py", line 2\n' in error["data"]["stack"]


@pytest.mark.parametrize(
    ("text", "message", "name"),
    [
        ("x = 1", "steps/a_step.py has no config", "load_failed"),
        ("import sys; sys.exit(3)", "SystemExit: 3", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: ", "KeyboardInterrupt"),
        ("raise ValueError('boom')", "boom", "ValueError"),
        ("assert False", "AssertionError: ", "AssertionError"),
        ("config = {'name': 'A', 'emits': {1}}", r"config.emits can't be sent: values of type set", "invalid_value"),
    ],
)
async def test_a_file_that_fails_is_answered_with_its_error(
    start: Any, wire_error: Any, text: str, message: str, name: str
) -> None:
    host = await start({"steps/a_step.py": text, "steps/ok_step.py": step("return 1")})
    error = await load_failure(host, "steps/a_step.py", wire_error)
    assert message in error["message"]
    assert error["data"]["name"] == name
    assert await host.load_and_run("steps/ok_step.py") == 1


async def test_a_file_that_failed_loads_once_it_is_mended(start: Any, wire_error: Any, tmp_path: Any) -> None:
    host = await start({"steps/a_step.py": "x ="})
    await load_failure(host, "steps/a_step.py", wire_error)
    (tmp_path / "steps/a_step.py").write_text(step("return 2"))
    assert await host.load_and_run("steps/a_step.py") == 2


async def test_a_file_that_does_not_exist_is_said_to(start: Any, wire_error: Any) -> None:
    host = await start({})
    error = await load_failure(host, "steps/a_step.py", wire_error)
    assert error["message"] == "FileNotFoundError: steps/a_step.py does not exist."


SCHEMAS = """
import dataclasses
from enum import Enum
import pydantic

class Item(pydantic.BaseModel):
    n: int = 1

@dataclasses.dataclass
class Row:
    n: int

async def first(req, context, next): return await next()
async def second(req, context, next): return await next()

config = {
    "type": "api", "name": "A", "path": "/a", "method": "POST",
    "bodySchema": Item,
    "input": pydantic.TypeAdapter(list[int]),
    "schema": {"type": "object", "check": print},
    "responseSchema": {200: Row, "404": None, 500: {"type": "string"}},
    "middleware": [first, second],
    "canAccess": lambda subscription, auth: True,
    "hook": print,
    "nested": {"keep": (1, 2), "hook": print, "list": [print, 1]},
    "description": None,
}
"""


async def test_schemas_become_json_schema_and_functions_are_counted(start: Any) -> None:
    host = await start({"steps/a_step.py": SCHEMAS})
    assert await host.load("steps/a_step.py") == {
        "handler": False,
        "contracts": ["bodySchema", "input"],
        "config": {
            "type": "api",
            "name": "A",
            "path": "/a",
            "method": "POST",
            "bodySchema": {
                "title": "Item",
                "type": "object",
                "properties": {"n": {"title": "N", "type": "integer", "default": 1}},
            },
            "input": {"type": "array", "items": {"type": "integer"}},
            "schema": {"type": "object"},
            "responseSchema": {
                "200": {
                    "title": "Row",
                    "type": "object",
                    "properties": {"n": {"title": "N", "type": "integer"}},
                    "required": ["n"],
                },
                "404": None,
                "500": {"type": "string"},
            },
            "middleware": 2,
            "canAccess": True,
            "nested": {"keep": [1, 2], "list": [1]},
        },
    }


async def test_a_schema_that_cannot_be_described_costs_a_warning_only(start: Any) -> None:
    host = await start(
        {
            "steps/a_step.py": "config = {'name': 'A', 'input': object(), 'bodySchema': {'enum': [1]}}",
            "steps/pydantic.py": "raise ImportError('not installed')",
        }
    )
    answer = await host.load("steps/a_step.py")
    assert answer["config"] == {"name": "A", "bodySchema": {"enum": [1]}}
    assert len(answer["warnings"]) == 1
    assert answer["warnings"][0].startswith("config.input was left out, it has no JSON Schema: ")


async def test_types_without_pydantic_cost_a_warning_only(start: Any) -> None:
    config = "import dataclasses\n@dataclasses.dataclass\nclass D:\n    n: int\nconfig = {'name': 'A', 'input': D}"
    host = await start({"steps/a_step.py": config, "pydantic.py": "raise ImportError('not installed')"})
    assert await host.load("steps/a_step.py") == {
        "config": {"name": "A"},
        "handler": False,
        "warnings": ["config.input is a Python type, which takes pydantic: add it to requirements.txt, or use a dict."],
    }


@pytest.mark.parametrize(
    "config",
    [
        "from types import SimpleNamespace\nconfig = SimpleNamespace(type='event', name='A')",
        "import dataclasses\n@dataclasses.dataclass\nclass C:\n    type: str\n    name: str\nconfig = C('event', 'A')",
        "import pydantic\nclass C(pydantic.BaseModel):\n    type: str; name: str\nconfig = C(type='event', name='A')",
        "class config:\n    type = 'event'\n    name = 'A'",
        "from collections import OrderedDict\nconfig = OrderedDict(type='event', name='A')",
    ],
)
async def test_a_config_may_be_an_object(start: Any, config: str) -> None:
    host = await start({"steps/a_step.py": config})
    assert await host.load("steps/a_step.py") == {"config": {"type": "event", "name": "A"}, "handler": False}
