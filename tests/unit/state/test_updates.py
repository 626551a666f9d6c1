"""Changes of a value: what each one makes of what is stored, and what is refused, by its place."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.contracts.errors import Conflict, FrameTooLarge, InvalidParams, InvalidValue, PolystepError
from polystep.contracts.limits import UPDATE_BYTES_MAX
from polystep.state.updates import read_changes, updating
from polystep.wire import pack, unpack

ABSENT: Any = object()
MAX = 2**53 - 1


def made(value: Any, *ops: Any) -> Any:
    """The value after these changes; `ABSENT` is no value."""
    found = updating("g", "k", read_changes(list(ops)))(None if value is ABSENT else pack(value))
    return ABSENT if found is None else unpack(found)


def op(type_: str, path: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": type_, **({} if path is None else {"path": path}), **more}


def refusal(value: Any, *ops: Any) -> PolystepError:
    with pytest.raises(PolystepError) as caught:
        made(value, *ops)
    return caught.value


@pytest.mark.parametrize(
    ("value", "change", "expected"),
    [
        (ABSENT, op("set", value=None), None),
        (1, op("set", value={"a": 1}), {"a": 1}),
        ({"a": 1}, op("set", "b.c", value=2), {"a": 1, "b": {"c": 2}}),
        ({"a": None}, op("set", "a.b", value=2), {"a": {"b": 2}}),
        (ABSENT, op("set", "a.b", value=2), {"a": {"b": 2}}),
        ({"a": [1, 2]}, op("set", "a.1", value=3), {"a": [1, 3]}),
        ([[1]], op("set", [0, 0], value=3), [[3]]),
        ([[1]], op("set", [0.0, 0.0], value=3), [[3]]),
        ({"a.b": 1}, op("set", ["a.b"], value=2), {"a.b": 2}),
        ({}, op("set", [0], value=2), {"0": 2}),
        ({}, op("set", "__proto__.x", value=1), {"__proto__": {"x": 1}}),
        ({"a": 1, "b": 2}, op("merge", value={"b": 3}), {"a": 1, "b": 3}),
        (ABSENT, op("merge", value={"b": 3}), {"b": 3}),
        ({"a": {"b": 1}}, op("merge", "a", value={"c": 2}), {"a": {"b": 1, "c": 2}}),
        (ABSENT, op("increment"), 1),
        (None, op("increment"), 1),
        (2, op("increment", by=-5), -3),
        ({"n": 1.5}, op("increment", "n", by=1), {"n": 2.5}),
        ({}, op("increment", "a.n", by=2), {"a": {"n": 2}}),
        (MAX - 1, op("increment", by=1.0), MAX),
        (ABSENT, op("append", value=[1]), [[1]]),
        ({"log": [1]}, op("append", "log", value=2), {"log": [1, 2]}),
        ({"log": None}, op("append", "log", value=b"x"), {"log": [b"x"]}),
        ({"a": 1}, op("remove"), ABSENT),
        (ABSENT, op("remove"), ABSENT),
        ({"a": 1, "b": 2}, op("remove", "a"), {"b": 2}),
        ({"a": [1, 2, 3]}, op("remove", "a.1"), {"a": [1, 3]}),
        ({"a": [1]}, op("remove", "a.1"), {"a": [1]}),
        ({"a": 1}, op("remove", "b.c"), {"a": 1}),
        (ABSENT, op("remove", "b.c"), ABSENT),
        ({"a": 1}, op("expect", "a", value=1.0), {"a": 1}),
        (ABSENT, op("expect", value=None), ABSENT),
        ({"a": 1}, op("expect", "b.c", value=None), {"a": 1}),
        ({"a": [{"x": True}]}, op("expect", value={"a": [{"x": True}]}), {"a": [{"x": True}]}),
    ],
)
def test_a_change_makes(value: Any, change: Any, expected: Any) -> None:
    found = made(value, change)
    assert found is expected if expected is ABSENT else (found == expected and type(found) is type(expected))


def test_changes_are_made_in_their_order() -> None:
    ops = [op("set", "a", value={"n": 1}), op("increment", "a.n"), op("remove", "b"), op("append", "log", value=1)]
    assert made({"b": 1}, *ops, *ops) == {"a": {"n": 2}, "log": [1, 1]}
    assert ops[0]["value"] == {"n": 1}
    assert made({"a": 1}, op("remove"), op("set", "b", value=1)) == {"b": 1}


def test_a_change_may_be_made_again() -> None:
    update = updating("g", "k", read_changes([op("set", value={"n": [1]}), op("append", "n", value=2)]))
    assert update(None) == update(None) == pack({"n": [1, 2]})


@pytest.mark.parametrize(
    ("value", "change", "told"),
    [
        ({"a": "text"}, op("increment", "a"), 'at "a": a text is there, where a number is needed'),
        (True, op("increment"), "increment: a boolean is there, where a number is needed"),
        ({"a": {}}, op("append", "a", value=1), 'at "a": an object is there, where a list is needed'),
        ({"a": [1]}, op("merge", "a", value={}), 'at "a": a list is there, where an object is needed'),
        ({"a": {"b": 1}}, op("set", "a.b.c", value=1), "a number is at a.b, where an object or a list is needed"),
        ("x", op("remove", "a"), "a text is at the key, where an object or a list is needed"),
        ({"a": [1]}, op("set", "a.1", value=1), "the list at a has 1 items"),
        ({"a": [1]}, op("set", "a.first", value=1), 'a list of 1 items has positions, and no member "first"'),
    ],
)
def test_a_change_that_does_not_fit_is_refused_by_place(value: Any, change: Any, told: str) -> None:
    error = refusal(
        value, op("set", "other", value=1) if isinstance(value, dict) else op("expect", value=value), change
    )
    assert isinstance(error, InvalidParams)
    assert told in error.message
    assert error.message.endswith("Nothing was changed.")
    path = change.get("path", "")
    assert error.data == {"index": 1, "path": [*path.split(".")] if path else []}


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        (None, "ops is a list of 1 to 100 changes"),
        ([], "ops is a list of 1 to 100 changes"),
        ([op("remove")] * 101, "ops is a list of 1 to 100 changes"),
        ({"type": "remove"}, "ops is a list of 1 to 100 changes"),
        (["remove"], "ops[0]: a change is an object whose type is one of set, merge, increment"),
        ([op("remove"), op("rename")], "ops[1]: a change is an object whose type is one of"),
        ([{"type": 1}], "ops[0]: a change is an object whose type is one of"),
        ([op("set", "a")], "ops[0]: set needs `value`"),
        ([op("remove", value=1)], "ops[0]: remove has no member `value`"),
        ([op("increment", by="1")], "`by` must be a number; it is 1"),
        ([op("increment", by=True)], "`by` must be a number"),
        ([op("merge", value=[1])], "the `value` of merge must be an object"),
        ([op("remove", 5)], "`path` is a text such as"),
        ([op("remove", "a..b")], "has an empty part; write a list for names with dots in them"),
        ([op("remove", ["a", -1])], "parts of `path` are names and positions from 0; -1 is neither"),
        ([op("remove", ["a", None])], "None is neither"),
        ([op("remove", ["a", True])], "True is neither"),
        ([op("remove", "a." * 100 + "a")], "`path` has 101 parts"),
    ],
)
def test_what_is_no_list_of_changes_is_refused(ops: Any, told: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        read_changes(ops)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"a": 1}, {"a": 2}), (1, True), ([1], [1, 2]), (1, "1"), ({"a": None}, {}), (False, 0), ({}, None), (b"x", "x")],
)
def test_an_expectation_compares_as_json_does(value: Any, expected: Any) -> None:
    error = refusal({"at": value}, op("expect", "at", value=expected))
    assert isinstance(error, Conflict)
    assert error.retryable
    assert error.data == {"index": 0, "path": ["at"], "found": value}


def test_an_expectation_sees_the_changes_before_it() -> None:
    assert made(1, op("increment"), op("expect", value=2)) == 2


@pytest.mark.parametrize(
    ("value", "by", "total"), [(MAX, 1, MAX + 1), (-MAX, -1, -MAX - 1), (1, float(MAX + 1), MAX + 2)]
)
def test_integers_are_exact_up_to_those_that_every_language_has(value: int, by: float, total: int) -> None:
    error = refusal({"n": value}, op("increment", "n", by=by))
    assert isinstance(error, InvalidValue)
    assert f"{total} is beyond ±{MAX}" in error.message
    assert error.data == {"path": "value.n"}


def test_floats_are_added_as_floats() -> None:
    assert made(1e300, op("increment", by=0.5)) == 1e300
    assert "is beyond" in refusal(1.5e308, op("increment", by=1.5e308)).message


def test_a_value_is_no_deeper_after_an_update_than_any_other() -> None:
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    assert isinstance(refusal(ABSENT, op("set", ["a"] * 50, value=deep)), InvalidValue)
    assert made(ABSENT, op("set", ["a"] * 40, value=deep)) is not ABSENT


def test_a_large_value_is_refused_before_and_after() -> None:
    error = refusal("x" * UPDATE_BYTES_MAX, op("remove"))
    assert isinstance(error, FrameTooLarge)
    assert 'the value of "k" in the group "g"' in error.message
    assert error.data == {"key": "k"}
    assert isinstance(refusal(["x" * (UPDATE_BYTES_MAX - 8)], op("append", value="xxx")), FrameTooLarge)
