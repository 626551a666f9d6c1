"""JSON Schema of `polystep.toml`: it takes what the host takes, and has words for each setting."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from polystep.project import SettingSources, settings_schema
from tests.unit.project.test_settings import EVERYTHING

ROOT = Path(__file__).resolve().parents[3]
SCHEMA: dict[str, Any] = dict(settings_schema())
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_file_with_every_setting_is_taken() -> None:
    assert list(VALIDATOR.iter_errors(tomllib.loads(EVERYTHING))) == []


@pytest.mark.parametrize(
    "text",
    [
        "[htp]\n",
        "[http]\nport = 1\n",
        "[http]\nbody_bytes_max = 0\n",
        '[storage]\ndurability = "no"\n',
        "[runners.node]\nprocesses = 65\n",
        '[runners.perl]\ncommand = ["perl"]\n',
        '[runners.perl]\ncommand = "perl"\npattern = "_step.pl"\n',
    ],
)
def test_what_the_host_refuses_is_refused(text: str) -> None:
    assert list(VALIDATOR.iter_errors(tomllib.loads(text)))


def words(names: list[str], section: dict[str, Any] | None = None) -> str:
    """The description of a setting."""
    name, *rest = names
    found = (section or SCHEMA)["properties"][name]
    return words(rest, SCHEMA["$defs"][found["$ref"].rpartition("/")[2]]) if rest else str(found["description"])


def test_the_documentation_has_every_setting_with_its_default_its_variable_and_the_words(tmp_path: Path) -> None:
    lines = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").splitlines()
    for each in SettingSources(tmp_path).listed():
        default = "" if each.value is None else f"`{json.dumps(each.value)}`"
        assert f"| `{each.name}` | {default} | `{each.variable}` | {words(each.name.split('.'))} |" in lines
