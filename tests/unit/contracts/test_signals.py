"""Values by which events and waits are compared."""

from __future__ import annotations

import pytest

from polystep.contracts.signals import as_text, value_at
from polystep.contracts.values import JSONValue

DATA: JSONValue = {"order": {"id": 7, "paid": True}, "lines": [1]}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("order.id", "7"),
        ("order.paid", "true"),
        ("", ""),
        ("order", None),
        ("lines", None),
        ("order.missing", None),
        ("lines.0", None),
    ],
)
def test_a_path_leads_to_a_text_number_or_flag(path: str, value: str | None) -> None:
    assert value_at(DATA, path) == value


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (7.0, "7"), ("7", "7"), (0.5, "0.5"), (False, "false"), (None, None), ([], None)]
)
def test_numbers_are_alike_by_value_and_texts_as_they_are(value: JSONValue, text: str | None) -> None:
    assert as_text(value) == text
