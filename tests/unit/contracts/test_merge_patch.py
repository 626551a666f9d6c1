"""Merge patches, by the examples of RFC 7386, appendix A."""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import pytest

from polystep.contracts.merge_patch import merged
from polystep.contracts.values import JSONValue

EXAMPLES: list[tuple[object, object, object]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "expected"), EXAMPLES)
def test_an_example_of_the_rfc(target: object, patch: object, expected: object) -> None:
    before = deepcopy((target, patch))
    assert merged(cast("JSONValue", target), cast("JSONValue", patch)) == expected
    assert (target, patch) == before


def test_bytes_and_the_order_of_members_stay() -> None:
    assert merged({"b": b"x", "a": 1, "c": 2}, {"a": b"y"}) == {"b": b"x", "a": b"y", "c": 2}
    assert list(cast("dict[str, JSONValue]", merged({"b": 0, "a": 1}, {"a": 2, "c": 3}))) == ["b", "a", "c"]
