"""docs/reference.md names every config field and context member, and each of its rows a test that there is."""

import re
from pathlib import Path

from pydantic import BaseModel

from polystep.discovery.fields import STEP_FIELDS, StreamFields

CONTEXT = ("traceId", "flows", "attempt", "signal", "logger", "emit", "once", "sleep")
STATE = ("get", "set", "update", "delete", "getGroup", "clear")
STREAMS = ("get", "set", "delete", "getGroup", "send")


def rows(root: Path) -> list[list[str]]:
    lines = (root / "docs/reference.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return [row for row in cells if row[-1] != "Test |" and row[-1] != "Test"]


def fields(model: type[BaseModel], before: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        shown = before + (field.alias or name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= fields(inner, f"{shown}.")
        else:
            found.add(shown)
    return found


def test_every_row_names_a_test_that_exists(root: Path) -> None:
    wrong = []
    for row in rows(root):
        files = re.findall(r"\]\(\.\./([^)]+)\)((?: `[^`]+`,?)+)", row[-1])
        if not files:
            wrong.append(f"{row[0]} names no test")
        for path, names in files:
            source = (root / path).read_text("utf-8") if (root / path).is_file() else ""
            for name in re.findall(r"`([^`]+)`", names):
                if f"def {name}(" not in source and f"it('{name}'" not in source:
                    wrong.append(f"{row[0]}: there is no {name} in {path}")
    assert wrong == []


def test_every_field_and_every_member_has_a_row(root: Path) -> None:
    named = {name for row in rows(root) for name in re.findall(r"`([^`]+)`", row[0])}
    wanted = {field for model in STEP_FIELDS.values() for field in fields(model)} | fields(StreamFields)
    wanted |= {*CONTEXT, *(f"state.{name}" for name in STATE), *(f"streams.<name>.{name}" for name in STREAMS)}
    assert sorted(wanted - named) == []
