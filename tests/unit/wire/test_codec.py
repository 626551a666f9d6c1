"""What msgpack values the host writes and reads (PS-3.4 to PS-3.11)."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystep.contracts.errors import InvalidValue
from polystep.contracts.values import INTEGER_MAX
from polystep.wire import pack, unpack
from polystep.wire.codec import _carried, message_head, pack_message, pack_request_message, unpack_message

VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=25,
)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_every_value_of_the_protocol_comes_back_equal(value: Any) -> None:
    assert unpack(pack(value)) == value


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_another_msgpack_reads_and_writes_the_same(value: Any) -> None:
    assert msgpack.unpackb(pack(value), strict_map_key=True) == value
    assert unpack(msgpack.packb(value)) == value


def _nested(depth: int) -> object:
    value: object = None
    for _ in range(depth):
        value = [value]
    return value


def _cycle() -> object:
    value: list[object] = []
    value.append(value)
    return value


def test_a_hundred_levels_of_nesting_are_carried() -> None:
    assert unpack(pack(_nested(100))) == _nested(100)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({1, 2}, id="a set"),
        pytest.param(object(), id="an object"),
        pytest.param(len, id="a function"),
        pytest.param({1: "a"}, id="a key that is no text"),
        pytest.param(2**64, id="an integer over 64 bits"),
        pytest.param(-(2**63) - 1, id="an integer under 64 bits"),
        pytest.param("half a pair: \ud800", id="a lone surrogate"),
        pytest.param(_cycle(), id="a cycle"),
        pytest.param(_nested(2000), id="two thousand levels"),
    ],
)
def test_what_msgpack_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match="A value cannot be sent to a runner"):
        pack(value)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="the reserved byte"),
        pytest.param(b"\x92\x01", id="an array cut short"),
        pytest.param(b"\xa5ab", id="a text cut short"),
        pytest.param(b"\xa1\xff", id="text that is not UTF-8"),
        pytest.param(b"\x81\x01\x02", id="an integer key"),
        pytest.param(b"\x81\xc4\x01a\x02", id="a bytes key"),
        pytest.param(b"\x81\xc0\x02", id="a nil key"),
        pytest.param(b"\xd4\x01\x00", id="an extension"),
        pytest.param(b"\xd6\xff\x00\x00\x00\x00", id="a timestamp"),
        pytest.param(b"\x91" * 5000 + b"\xc0", id="five thousand levels"),
        pytest.param(b"\x01\x02", id="a second value behind it"),
        pytest.param(b"\x01\xc0", id="a nil behind it"),
        pytest.param(b"\x01\xc1", id="the reserved byte behind it"),
        pytest.param(b"\x80\xc4\x08" + bytes(8), id="bytes behind it"),
        pytest.param(b"\x92\x01", id="an array whose last member is missing"),
        pytest.param(b"\xc4\x0a", id="bytes that are missing"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="an array that promises four thousand million members"),
    ],
)
def test_what_is_no_value_of_the_protocol_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidValue, match="A message is not valid msgpack"):
        unpack(payload)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_value_or_refused(payload: bytes) -> None:
    try:
        unpack(payload)
    except InvalidValue:
        return


@given(VALUES, st.binary(min_size=1, max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_value_with_bytes_behind_it_is_refused(value: Any, more: bytes) -> None:
    with pytest.raises(InvalidValue):
        unpack(pack(value) + more)


@given(VALUES, st.data())
@settings(max_examples=300, deadline=None)
def test_a_value_that_is_cut_short_is_refused(value: Any, data: st.DataObject) -> None:
    payload = pack(value)
    with pytest.raises(InvalidValue):
        unpack(payload[: data.draw(st.integers(0, len(payload) - 1))])


ODD_NUMBERS: Any = st.recursive(
    st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([INTEGER_MAX, INTEGER_MAX + 1, -INTEGER_MAX, -INTEGER_MAX - 1, 2**32, -(2**31) - 1, 2**63])
    | st.floats()
    | st.sampled_from([1.7976931348623157e308, -1.7976931348623157e308])
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=10,
)


@given(ODD_NUMBERS, st.booleans())
@settings(max_examples=1000, deadline=None)
def test_whatever_stands_around_them_numbers_that_are_not_carried_are_refused_both_ways(
    value: Any, single: bool
) -> None:
    message = [1, 7, None, value]
    try:
        payload = msgpack.packb(message, use_single_float=single)
    except OverflowError:  # a double that four bytes cannot hold
        payload = msgpack.packb(message)
    if _carried(value):
        unpack_message(pack_message(message))
        return
    with pytest.raises(InvalidValue):
        pack_message(message)
    with pytest.raises(InvalidValue):
        pack(value)
    with pytest.raises(InvalidValue) as refused:
        unpack_message(payload)
    assert str(refused.value.data["path"]).startswith("result")


BEYOND, NAN, INFINITE = 2**53, float("nan"), float("-inf")
TOO_LARGE = "the integer 9007199254740992 is beyond ±9007199254740991 (2^53-1); send it as text."


@pytest.mark.parametrize(
    ("message", "path", "why"),
    [
        ([0, 7, "emit", {"run": "r", "data": {"items": [1, {"total": BEYOND}]}}], "data.items[1].total", TOO_LARGE),
        ([0, 7, "emit", {"data": NAN}], "data", "the float nan cannot be carried."),
        ([0, BEYOND, "emit", {}], "id", TOO_LARGE),
        ([1, 7, None, {"rows": [INFINITE]}], "result.rows[0]", "the float -inf cannot be carried."),
        ([1, 7, None, BEYOND], "result", TOO_LARGE),
        ([1, 7, {"data": {"n": BEYOND}}, None], "error.data.n", TOO_LARGE),
        ([2, "log", {"fields": {"n": BEYOND}}], "fields.n", TOO_LARGE),
        ([3, BEYOND], "message[1]", TOO_LARGE),
        (BEYOND, "message", TOO_LARGE),
    ],
)
def test_a_number_that_is_not_carried_is_named_by_its_path(message: Any, path: str, why: str) -> None:
    for way, given_ in ((pack_message, message), (unpack_message, msgpack.packb(message))):
        with pytest.raises(InvalidValue) as refused:
            way(given_)
        assert (refused.value.message, refused.value.data) == (f"{path}: {why}", {"path": path})


def test_a_value_outside_of_a_message_has_the_name_it_is_given() -> None:
    with pytest.raises(InvalidValue, match=r"value\.a\[0\]: the integer") as refused:
        pack({"a": (BEYOND,)})
    assert refused.value.data == {"path": "value.a[0]"}
    with pytest.raises(InvalidValue, match=r"data\.a: the integer"):
        pack({"a": BEYOND}, "data")


def test_integers_of_a_request_go_as_they_are_or_as_the_nearest_doubles() -> None:
    body = {"ids": [2**53 + 1, 2**64 - 1, -(2**63), 5], "float": 1e20}
    message: list[object] = [0, 7, "step.run", {"input": {"body": body, "rawBody": "\xcf\xcf"}}]
    exact = msgpack.unpackb(pack_request_message(message, takes_integers=True))
    assert exact[3]["input"]["body"] == body
    near = msgpack.unpackb(pack_request_message(message, takes_integers=False))[3]["input"]["body"]
    assert repr(near) == repr({"ids": [9007199254740992.0, float(2**64), -float(2**63), 5], "float": 1e20})


@pytest.mark.parametrize("takes_integers", [True, False])
def test_a_request_with_a_number_that_no_runner_takes_is_refused_by_path(takes_integers: bool) -> None:
    with pytest.raises(InvalidValue) as refused:
        pack_request_message([0, 7, "step.run", {"input": {"body": [1, NAN]}}], takes_integers=takes_integers)
    assert refused.value.data == {"path": "input.body[1]"}


@pytest.mark.parametrize(
    ("message", "head"),
    [
        ([0, 7, "method", {"a": "x" * 100}], (0, 7)),
        ([0, 2**40, "m" * 200, {}], (0, 2**40)),
        ([1, 8, None, "x" * 100], (1, 8)),
        ([1, 8, {"message": "x" * 100}, None], (1, 8)),
        ([2, "log", {"message": "x" * 100}], (2, None)),
        ([3, 1, "x" * 100, {}], (-1, None)),
        ([0, "id", "x" * 100, {}], (-1, None)),
        ([0, True, "x" * 100, {}], (-1, None)),
        ([True, 1, "x" * 100, {}], (-1, None)),
        ([0.0, 1, "x" * 100, {}], (-1, None)),
        ([0, 1.0, "x" * 100, {}], (-1, None)),
        ([0, -1, "x" * 100, {}], (0, -1)),
        ([0, INTEGER_MAX, "x" * 100, {}], (0, INTEGER_MAX)),
        ([0, INTEGER_MAX + 1, "x" * 100, {}], (-1, None)),
        ([2, "log"], (-1, None)),
        ([2, "log", {}, {}], (-1, None)),
        ([1, 8, None], (-1, None)),
        ([2, 5, "x" * 100], (2, None)),
        ([0, 1, "x" * 100], (-1, None)),
        (["x" * 100], (-1, None)),
        ([], (-1, None)),
        ({"a": "x" * 100}, (-1, None)),
        ("x" * 100, (-1, None)),
    ],
)
def test_the_head_of_a_large_message_tells_its_kind_and_id(message: object, head: tuple[int, int | None]) -> None:
    assert message_head(msgpack.packb(message)[:64]) == head


@given(st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_the_head_of_garbage_never_raises(beginning: bytes) -> None:
    kind, identifier = message_head(beginning)
    assert kind in (-1, 0, 1, 2)
    assert identifier is None or kind in (0, 1)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("around", [lambda value: [1, 7, None, value], lambda value: [0, 7, "emit", {"data": value}]])
def test_a_value_of_a_message_has_at_most_a_hundred_levels_both_ways(around: Any) -> None:
    fits, too_deep = around(nested(100)), around(nested(101))
    assert unpack_message(pack_message(fits)) == fits
    with pytest.raises(InvalidValue, match="more than 100 deep"):
        pack_message(too_deep)
    with pytest.raises(InvalidValue, match="more than 100 deep"):
        unpack_message(pack(too_deep))
    wide = around([[1]] * 500)
    assert unpack_message(pack_message(wide)) == wide
