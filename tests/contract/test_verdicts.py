"""Host and library agree on what fits a schema: on generated schemas and payloads, beyond docs/contracts.md's list.

It stands among the contracts, for it is one: what an event may hold is checked by the host when it is emitted, and by
the library of its subscriber when it is delivered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jsonschema
import jsonschema_rs
import pytest

from tests.contract.verdicts.comparison import Declared, Divergence, compare, python_types, refused_by_pydantic
from tests.contract.verdicts.differences import DIFFERENCES, explanation
from tests.contract.verdicts.payloads import Payloads
from tests.contract.verdicts.python_sources import python_sources
from tests.contract.verdicts.zod_process import ZodProcess, zod_process
from tests.contract.verdicts.zod_sources import zod_sources

SEED: Final = "polystep"
ZOD_SCHEMAS: Final = {"zod 4": 240, "zod 3.22": 150, "zod 3.25": 40}
PYTHON_SCHEMAS: Final = 240
PAYLOADS_EACH: Final = 160
ORACLE_SHARE: Final = 5
"""Of so many payloads jsonschema is asked for one: it takes a hundred times as long as jsonschema-rs."""
UNEXPLAINED_SHOWN: Final = 5
ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Comparison:
    """All that was asked, and where the answers differ."""

    asked: list[tuple[Declared, list[Any]]] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)
    refused: int = 0

    def add(self, declared: Declared, payloads: list[Any], refused: dict[int, list[Any]]) -> None:
        """Ask the host, too."""
        self.asked.append((declared, payloads))
        self.divergences += compare(declared, payloads, refused)
        self.refused += len(refused)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    compared = Comparison()
    with zod_process(tmp_path_factory.mktemp("verdicts")) as zod:
        asked = list(_declare_zod(zod))
        zod.begin([payloads for _, payloads in asked])
        with python_types(python_sources(PYTHON_SCHEMAS, SEED)) as declared:  # while Node is at work
            for schema, made in declared:
                payloads = _payloads(schema)
                compared.add(schema, payloads, refused_by_pydantic(made, payloads))
            for (schema, payloads), refused in zip(asked, zod.finish(), strict=True):
                compared.add(schema, payloads, refused)
            yield compared


def _declare_zod(zod: ZodProcess) -> Iterator[tuple[Declared, list[Any]]]:
    for library, count in ZOD_SCHEMAS.items():
        for declared in zod.declare(library, zod_sources(library, count, SEED)):
            yield declared, _payloads(declared)


def _payloads(declared: Declared) -> list[Any]:
    return Payloads(declared.schema, f"{SEED} {declared.library} {declared.source}").take(PAYLOADS_EACH)


def test_verdicts_differ_only_as_the_list_says(comparison: Comparison) -> None:
    unexplained = [divergence for divergence in comparison.divergences if explanation(divergence) is None]
    shown = "\n\n".join(map(str, unexplained[:UNEXPLAINED_SHOWN]))
    assert not unexplained, (
        f"{len(unexplained)} verdicts differ beyond the list in docs/contracts.md, such as:\n\n{shown}\n\n"
        f"The seed {SEED!r} makes the same ones again: .venv/bin/pytest {Path(__file__).relative_to(ROOT)}"
    )


def test_every_difference_on_the_list_occurs(comparison: Comparison, record_property: Any) -> None:
    found = Counter(
        difference.name
        for divergence in comparison.divergences
        for difference in {each.name: each for each in explanation(divergence) or ()}.values()
    )
    record_property("differences", dict(found))
    assert [difference.name for difference in DIFFERENCES if difference.name not in found] == []


def test_enough_is_asked_and_both_answers_are_given(comparison: Comparison, record_property: Any) -> None:
    schemas, payloads = len(comparison.asked), sum(len(payloads) for _, payloads in comparison.asked)
    record_property("amounts", {"schemas": schemas, "payloads": payloads, "refused": comparison.refused})
    assert schemas >= 200
    assert payloads >= 100_000
    assert 0.2 < comparison.refused / payloads < 0.8


def test_jsonschema_agrees_with_jsonschema_rs(comparison: Comparison) -> None:
    """Beside formats and patterns, which the two read by different rules: in these the libraries are the oracle."""
    disagreed = []
    for declared, payloads in comparison.asked:
        schema = _without_patterns(declared.schema)
        fast = jsonschema_rs.validator_for(schema, validate_formats=False)
        slow = jsonschema.Draft202012Validator(schema)
        for payload in payloads[::ORACLE_SHARE]:
            if fast.is_valid(payload) != slow.is_valid(payload) and not _is_about_steps(fast, slow, payload):
                disagreed.append((declared.source, payload))
    assert disagreed == []


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_patterns(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_patterns(value)
        for key, value in schema.items()
        if not (key == "pattern" and isinstance(value, str)) and key != "$schema"
    }


def _is_about_steps(fast: Any, slow: Any, payload: Any) -> bool:
    """Whether a `multipleOf` of floating point is all that it is about."""
    found = [error.kind.name for error in fast.iter_errors(payload)]
    found += [error.validator for error in slow.iter_errors(payload)]
    return set(found) <= {"multipleOf", "anyOf", "oneOf"} and "multipleOf" in str(slow.schema)


def test_the_document_lists_the_differences() -> None:
    text = (ROOT / "docs" / "contracts.md").read_text("utf-8")
    _, _, section = text.partition("## Where the two verdicts differ")
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| (native|host) \|", section.replace("\\_", "_"), re.MULTILINE)
    assert rows == [(difference.name, difference.refused_by) for difference in DIFFERENCES]


@pytest.mark.parametrize(
    ("schema", "payload", "refused_by"),
    [({"type": "string"}, [], "native"), ({"type": "integer", "maximum": 3}, 4, "host"), ({}, "x", "native")],
)
def test_a_wrong_export_is_found(schema: dict[str, Any], payload: Any, refused_by: str) -> None:
    declared = Declared("pydantic", "Schema = int", schema)
    refused = {0: [{"path": [], "code": "int_parsing", "message": "no"}]} if refused_by == "native" else {}
    payloads = ["x" if payload == [] else payload]
    (divergence,) = compare(declared, payloads, refused)
    assert (divergence.refused_by, explanation(divergence)) == (refused_by, None)
