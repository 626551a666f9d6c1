import sys
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, TypedDict
from uuid import UUID

import msgpack
import pydantic
import pytest

from polystep_runner.adapters.messages import unpack
from polystep_runner.codec import lenient, plain, unpack_head
from polystep_runner.errors import PolystepError

Point = namedtuple("Point", ["x", "y"])


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    ONE = "one"


@dataclass
class Order:
    id: int
    at: date


class Ticket(pydantic.BaseModel):
    at: datetime
    price: Decimal


class Movie(TypedDict):
    title: str


class Loud(str):
    def __str__(self) -> str:
        return "LOUD"


class Whole(int):
    pass


UUID_TEXT = "12345678-1234-5678-1234-567812345678"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("ä€😀", "ä€😀"),
        (2**53 - 1, 2**53 - 1),
        (-(2**53) + 1, -(2**53) + 1),
        (1.5, 1.5),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
        ((1, (2,)), [1, [2]]),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (Word.ONE, "one"),
        (Loud("quiet"), "quiet"),
        (Whole(7), 7),
        (UUID(UUID_TEXT), UUID_TEXT),
        (datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), "2025-01-02T03:04:05+00:00"),
        (date(2025, 1, 2), "2025-01-02"),
        (time(3, 4, 5), "03:04:05"),
        (Order(1, date(2025, 1, 2)), {"id": 1, "at": "2025-01-02"}),
        (Ticket(at=datetime(2025, 1, 2), price=Decimal("1.10")), {"at": "2025-01-02T00:00:00", "price": "1.10"}),
        (Movie(title="Brazil"), {"title": "Brazil"}),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        ({1: "a", 2.5: "b", False: "c", None: "d"}, {"1": "a", "2.5": "b", "false": "c", "null": "d"}),
        ({Word.ONE: 1, Level.HIGH: 2}, {"one": 1, "3": 2}),
        ({"__proto__": 1, "": 2}, {"__proto__": 1, "": 2}),
    ],
)
def test_a_value_becomes_what_json_would_say(value: object, expected: object) -> None:
    sent = plain(value, "data")
    assert (sent, type(sent)) == (expected, type(expected))
    assert unpack(msgpack.packb(sent)) == expected


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_nesting_is_allowed_to_a_depth_of_one_hundred() -> None:
    assert plain(nested(100), "data") == nested(100)
    with pytest.raises(PolystepError, match="nested more than 100 deep"):
        plain(nested(101), "data")


class Broken:
    def model_dump(self, mode: str) -> object:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({"items": [0, 1, 2, {"total": Decimal(1)}]}, "data.items[3].total", "Decimal.*str"),
        ({1}, "data", "set.*list"),
        ([complex(1)], "data[0]", "complex"),
        ({"a b": float("nan")}, "data['a b']", "nan"),
        ([1.0, float("-inf")], "data[1]", "-inf"),
        ({"n": 2**53}, "data.n", "int is beyond"),
        ({"deep": {1: -(2**53)}}, "data.deep[1]", "int is beyond"),
        ({"t": "\ud800"}, "data.t", "surrogate"),
        ({"\ud800": 1}, "data['\\ud800']", "surrogate"),
        ({(1, 2): 1}, "data[(1, 2)]", "keys of type tuple"),
        ({"f": print}, "data.f", "builtin_function_or_method"),
        ({"o": object()}, "data.o", "object"),
        ({"d": timedelta(1)}, "data.d", "total_seconds"),
        ({"m": Ticket}, "data.m", "ModelMetaclass"),
        ({"m": Broken()}, "data.m", "model_dump of Broken failed: no"),
    ],
)
def test_a_value_that_cannot_travel_is_refused_by_type_and_path(value: object, path: str, reason: str) -> None:
    with pytest.raises(PolystepError, match=reason) as caught:
        plain(value, "data")
    error = caught.value
    assert (error.name, error.code, error.data, error.retryable) == ("invalid_value", 4, {"path": path}, False)


def test_a_cycle_is_refused_where_it_closes() -> None:
    order: dict[str, Any] = {"lines": [{}]}
    order["lines"][0]["order"] = order
    with pytest.raises(PolystepError) as caught:
        plain(order, "data")
    assert caught.value.message == "data.lines[0].order can't be sent: it contains itself; send its id instead"


def test_an_object_that_fails_while_it_is_read_is_refused() -> None:
    class Odd(OrderedDict[str, int]):
        def items(self) -> Any:
            raise KeyError("gone")

    with pytest.raises(PolystepError, match="data can't be read: KeyError: 'gone'"):
        plain(Odd(), "data")


def test_one_value_in_two_places_is_no_cycle() -> None:
    shared = {"a": [1]}
    assert plain([shared, shared], "data") == [{"a": [1]}, {"a": [1]}]


def test_later_changes_do_not_reach_what_was_sent() -> None:
    value = {"a": [1]}
    sent = plain(value, "data")
    value["a"].append(2)
    assert sent == {"a": [1]}


def test_log_fields_are_sent_as_far_as_they_can_be() -> None:
    error = ValueError("no\ud800")
    cycle: list[Any] = [1]
    cycle.append(cycle)
    fields = lenient({"ok": [1], 1: {2, 3} - {3}, "e": error, "d": Decimal("1.5"), "c": cycle, "n": 2**60, "\ud800": 1})
    assert fields.pop("e") == {"name": "ValueError", "message": "no\\ud800", "stack": "ValueError: no\\ud800\n"}
    assert fields.pop("c")[0] == 1
    assert fields == {"ok": [1], "1": [2], "d": "1.5", "n": str(2**60), "\\ud800": 1}


def test_log_fields_never_raise() -> None:
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError

    assert lenient({"x": Rude()}) == {"x": "<Rude whose str() fails>"}


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb([2, "log", {"at": msgpack.Timestamp(1)}]),
        msgpack.packb([2, "log", {"at": msgpack.Timestamp(1, 5)}]),
        msgpack.packb([2, "log", [msgpack.Timestamp(2**40, 5)]]),
        msgpack.packb([2, "log", {"x": msgpack.ExtType(5, b"a")}]),
        b"\x93\x02\xa1\xff\xc0",
        msgpack.packb({1: 2}),
        msgpack.packb({b"a": 2}),
        msgpack.packb([{"a": [{b"a": 2}]}]),
        msgpack.packb({"a": 1}) + b"\xc0",
        msgpack.packb({"a": 1})[:-1],
        b"\xc1",
        b"",
    ],
)
def test_what_the_protocol_excludes_is_refused_by_the_reader(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)


def test_bytes_that_look_like_a_timestamp_are_read() -> None:
    assert unpack(msgpack.packb([b"\xd6\xff\x00", sys.maxsize])) == [b"\xd6\xff\x00", sys.maxsize]


def test_the_head_of_a_cut_message_is_read() -> None:
    assert unpack_head(msgpack.packb([0, 300, "step.run", {"x": "a" * 1000}])[:256]) == [0, 300, None, None]
    assert unpack_head(msgpack.packb([2, "log", {}])[:-1] + b"\xc1") == [2, None, None]
    with pytest.raises(ValueError, match="before its id"):
        unpack_head(b"\x94\x00")
