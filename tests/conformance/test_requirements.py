"""The text, the checks and the files of data agree with one another, in both directions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from polystep_kit.cases import all_cases
from polystep_kit.host_cases import HOST_CASES

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
