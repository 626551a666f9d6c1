"""Merging: what several subscribers require together, and what allOf says."""

from __future__ import annotations

import pytest

from polystep.codegen.forms import (
    ANYTHING,
    NOTHING,
    NULL,
    TEXT,
    Both,
    Choice,
    Constant,
    Form,
    ListOf,
    Object,
    Positions,
    Property,
    Reference,
    Scalar,
    both,
    choice,
    constant,
)

INTEGER, NUMBER = Scalar("integer"), Scalar("number")
A, B = Constant("a", "string"), Constant("b", "string")


def member(name: str, form: Form, required: bool = True) -> Property:
    return Property(name, form, required)


def of(*members: Property, rest: Form | None = None) -> Object:
    return Object(members, rest)


@pytest.mark.parametrize(
    ("parts", "merged"),
    [
        ((), ANYTHING),
        ((TEXT, ANYTHING), TEXT),
        ((ANYTHING, TEXT), TEXT),
        ((TEXT, NOTHING), NOTHING),
        ((TEXT, INTEGER), NOTHING),
        ((NUMBER, INTEGER), INTEGER),
        ((NUMBER, Constant(1.5, "number")), Constant(1.5, "number")),
        ((INTEGER, Constant(1.5, "number")), NOTHING),
        ((NUMBER, Constant(1, "integer")), Constant(1, "integer")),
        ((TEXT, A), A),
        ((A, B), NOTHING),
        ((Choice((A, NULL)), Choice((A, B))), A),
        ((Choice((TEXT, NULL)), A), A),
        ((ListOf(TEXT), ListOf(A)), ListOf(A)),
        ((ListOf(TEXT), Positions((ANYTHING,), 1, ANYTHING)), Positions((TEXT,), 1, TEXT)),
        ((ListOf(TEXT), TEXT), NOTHING),
        ((of(member("a", TEXT)), TEXT), NOTHING),
        ((of(member("a", TEXT, False)), of(member("a", A), member("b", NULL))), of(member("a", A), member("b", NULL))),
        ((of(member("a", TEXT)), of(member("a", INTEGER))), NOTHING),
        ((of(member("a", TEXT, False)), of(member("a", INTEGER, False))), of()),
        ((of(rest=NOTHING), of(member("a", TEXT, False))), of(rest=NOTHING)),
        ((of(rest=NOTHING), of(member("a", TEXT))), NOTHING),
        ((of(rest=INTEGER), of(member("a", NUMBER))), of(member("a", INTEGER), rest=INTEGER)),
        ((Reference("r"), of(member("b", NULL))), of(member("a", TEXT), member("b", NULL))),
        ((Reference("r"), Reference("r")), Reference("r")),
        ((Reference("unread"), of(member("b", NULL))), Both((Reference("unread"), of(member("b", NULL))))),
    ],
)
def test_both(parts: tuple[Form, ...], merged: Form) -> None:
    known = {"r": of(member("a", TEXT))}
    assert both(parts, lambda key: known.get(key, ANYTHING)) == merged


def test_a_product_of_unions_does_not_explode() -> None:
    many = [choice(of(member(f"{letter}{at}", TEXT)) for at in range(40)) for letter in "abc"]
    merged = both(many, lambda _: ANYTHING)
    assert isinstance(merged, Both)
    assert len(merged.parts) == 3
    words = [choice(Constant(f"{at}", "string") for at in range(start, start + 50)) for start in (0, 49)]
    assert both(words, lambda _: ANYTHING) == Constant("49", "string")


def test_choices_are_flat_and_hold_each_once() -> None:
    assert choice([]) == NOTHING
    assert choice([TEXT, NOTHING, TEXT]) == TEXT
    assert choice([TEXT, choice([NULL, TEXT])]) == Choice((TEXT, NULL))
    assert choice([TEXT, ANYTHING]) == ANYTHING


def test_constants_of_different_types_stay_apart() -> None:
    assert choice(map(constant, (1, True, 1.0))) == Choice((Constant(1, "integer"), Constant(True, "boolean")))
    assert constant([1, {"a": None}]) == Positions(
        (Constant(1, "integer"), of(member("a", NULL), rest=NOTHING)), 2, NOTHING
    )
