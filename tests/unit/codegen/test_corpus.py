"""Every schema of the corpus: its values are what a validator says, and its Python types can be imported."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from polystep.codegen.flow_types import flow_types
from polystep.codegen.python_file import PYTHON_FILE, python_file
from tests.unit.codegen.corpus import CASES
from tests.unit.codegen.flows import corpus_flow

NOT_FOR_VALIDATORS = {
    "nullable of OpenAPI",
    "tuple of draft 7",
    "reference to nowhere",
    "reference elsewhere",
    "circle of references",
    "union with itself",
}


def test_the_values_of_the_corpus_are_what_a_validator_says() -> None:
    for case in CASES:
        if case.name in NOT_FOR_VALIDATORS:
            continue
        validator = jsonschema.Draft202012Validator(case.schema)
        for value in case.good:
            assert validator.is_valid(value), (case.name, value)


def test_python_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    module: dict[str, Any] = {"__name__": "polystep_types"}
    exec(compile(python_file(flow_types(corpus_flow())), PYTHON_FILE, "exec"), module)
    assert module["Case0"] is str
    assert set(module["Case42"].__annotations__) == {"a", "b"} or CASES[42].name != "all optional"
    assert module["__getattr__"]("Gone") is Any
    with pytest.raises(AttributeError):
        module["__getattr__"]("__path__")
