"""What a runner answers to `hello`."""

from __future__ import annotations

import pytest

from polystep.contracts.errors import LoadFailed, ProtocolMismatch
from polystep.contracts.values import JSONObject, JSONValue
from polystep.runners.hello import Hello, read_hello

ANSWER: JSONObject = {
    "protocol": "1.0",
    "runner": {"name": "perl", "version": "0.1"},
    "language": "perl",
    "pid": 7,
    "runs_max": 1,
    "frame_bytes_max": 1024,
    "features": [],
}


def test_the_limits_are_read_and_what_is_new_in_a_minor_version_is_ignored() -> None:
    assert read_hello(ANSWER) == Hello(1, 1024, frozenset())
    assert read_hello({**ANSWER, "protocol": "1.7", "features": ["new"], "more": 1, "runs_max": 9}) == Hello(
        9, 1024, frozenset({"new"})
    )


def test_another_major_version_says_which_side_to_update() -> None:
    with pytest.raises(ProtocolMismatch) as refused:
        read_hello({**ANSWER, "protocol": "2.0"})
    assert refused.value.message == "it speaks protocol 2.0, this host 1.0; update the older of the two"


@pytest.mark.parametrize(
    ("member", "value", "rule"),
    [
        ("protocol", 1.0, 'its version as text, such as "1.0"; it is 1.0'),
        ("protocol", "1", "its version as text, such as \"1.0\"; it is '1'"),
        ("runner", "perl", "{name, version}, both texts; it is 'perl'"),
        ("runner", {"name": "perl"}, "{name, version}, both texts; it is {'name': 'perl'}"),
        ("runner", {"name": 1, "version": "1"}, "{name, version}, both texts; it is {'name': 1, 'version': '1'}"),
        ("language", 5, "a text such as ruby; it is 5"),
        ("features", {}, "an array of texts; it is {}"),
        ("features", [1], "an array of texts; it is [1]"),
        ("pid", "7", "an integer of at least 1; it is '7'"),
        ("runs_max", 0, "an integer of at least 1; it is 0"),
        ("runs_max", True, "an integer of at least 1; it is True"),
        ("runs_max", 1.5, "an integer of at least 1; it is 1.5"),
        ("frame_bytes_max", 1023, "an integer of at least 1024; it is 1023"),
        ("frame_bytes_max", None, "an integer of at least 1024; it is None"),
    ],
)
def test_a_wrong_member_is_named_with_its_rule(member: str, value: JSONValue, rule: str) -> None:
    with pytest.raises(LoadFailed) as refused:
        read_hello({**ANSWER, member: value})
    assert refused.value.message == f"in its answer to hello, {member} must be {rule}"


@pytest.mark.parametrize("member", ANSWER)
def test_a_missing_member_is_named(member: str) -> None:
    with pytest.raises(LoadFailed, match=f"{member} must be .*; it is missing"):
        read_hello({name: value for name, value in ANSWER.items() if name != member})


@pytest.mark.parametrize("answer", [None, [], "hello", 3])
def test_what_is_no_map_is_shown(answer: JSONValue) -> None:
    with pytest.raises(LoadFailed) as refused:
        read_hello(answer)
    assert refused.value.message == f"it answered hello with {answer!r}, which is no map"
