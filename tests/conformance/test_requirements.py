"""The text, the checks and the files of data agree with one another, in both directions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from polystep_kit.cases import LEVELS, all_cases
from polystep_kit.host_cases import HOST_CASES
from polystep_kit.manifest import ROLES

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "protocol"
DATA = sorted([*PROTOCOL.glob("vectors/*.json"), *PROTOCOL.glob("scenarios/*.json"), PROTOCOL / "requirements.json"])


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_every_clause_has_checks_or_a_reason_and_every_check_a_clause() -> None:
    spec = (PROTOCOL / "SPEC.md").read_text("utf-8")
    clauses = re.findall(r"\*\*(PS-\d+\.\d+)\*\*", spec)
    mapped = read(PROTOCOL / "requirements.json")["clauses"]
    assert list(mapped) == clauses
    of_clause: dict[str, list[str]] = {}
    for case in [*all_cases(), *(each.case for each in HOST_CASES)]:
        of_clause.setdefault(case.clause, []).append(case.id)
    listed = {clause: each["checks"] for clause, each in mapped.items() if "checks" in each}
    assert listed == {clause: of_clause[clause] for clause in clauses if clause in of_clause}
    assert set(of_clause) <= set(clauses)


def test_the_specification_is_short_enough_to_be_read() -> None:
    assert len((PROTOCOL / "SPEC.md").read_text("utf-8").splitlines()) <= 600


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.name)
def test_data_fits_its_schema(path: Path) -> None:
    document = read(path)
    schema = read(path.parent / document["$schema"])
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)


def test_the_table_of_errors_in_the_text_is_the_table() -> None:
    spec = (PROTOCOL / "SPEC.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (yes|no) \|", spec, re.MULTILINE)
    table = read(PROTOCOL / "schema" / "errors.json")
    assert rows == [(str(row["code"]), row["name"], "yes" if row["retryable"] else "no") for row in table]


def test_the_message_schemas_know_the_table() -> None:
    document = read(PROTOCOL / "schema" / "messages.schema.json")
    known = {
        each["if"]["properties"]["name"]["const"]: each["then"]["properties"]["code"]["const"]
        for each in document["$defs"]["error"]["allOf"]
        if "code" in each["then"].get("properties", {})
    }
    table = read(PROTOCOL / "schema" / "errors.json")
    numbered = {row["name"]: row["code"] for row in table}
    assert known == numbered


README = (PROTOCOL / "README.md").read_text("utf-8")


def rows(head: str) -> list[list[str]]:
    """The cells of a table of the README."""
    (table,) = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|\n").split(" | ")] for row in table.splitlines()]


def test_the_readme_has_every_file_from_its_level_on() -> None:
    needed: dict[str, str] = {}
    for case in sorted(all_cases(), key=lambda each: LEVELS.index(each.level)):
        for role in case.roles & set(ROLES):
            needed.setdefault(role, case.level)
    assert {row[0].strip("`"): row[1] for row in rows("file")} == needed


def test_the_readme_has_every_operation_from_its_level_on() -> None:
    needed: dict[str, str] = {}
    for case in sorted(all_cases(), key=lambda each: LEVELS.index(each.level)):
        for name in re.findall(r"'do': '(\w+)'", str(case.steps)):
            needed.setdefault(name, case.level)
    told = {re.findall(r'do: "(\w+)"', row[0])[0]: re.split(r"[,;]", row[1])[0] for row in rows("operation")}
    assert told == needed


def test_the_readme_has_every_native_value() -> None:
    told = {name for row in rows("native") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {each["native"] for each in read(PROTOCOL / "vectors" / "natives.json")["vectors"]}


def test_the_readme_has_every_group_of_checks_at_its_level() -> None:
    told = {row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in rows("level")}
    groups = {level: {case.id.split(".")[0] for case in all_cases() if case.level == level} for level in LEVELS}
    assert told == groups


def test_the_way_plays_every_group_of_core() -> None:
    way = README.split("## The way")[1].split("## Use it")[0]
    played = set(re.findall(r"--only (\w+)", way))
    assert played == {case.id.split(".")[0] for case in all_cases() if case.level == "core"} - {"schema"}
