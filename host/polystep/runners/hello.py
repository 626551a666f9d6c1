"""Check of a runner's answer to `hello`, member by member (PS-5.1 to PS-5.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from polystep.contracts.errors import LoadFailed, ProtocolMismatch
from polystep.contracts.values import JSONObject, JSONValue

PROTOCOL: Final = "1.0"
FEATURES: Final = (
    "access",
    "contracts",
    "durable",
    "emit.options",
    "heartbeat",
    "integers",
    "middleware",
    "pages",
    "response.stream",
    "update",
)
"""Features of runners that this host uses (PS-5.5)."""
FRAME_BYTES_MIN: Final = 1024
"""Smallest limit that still holds an error with its text (PS-3.2)."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Members of the answer that the host keeps."""

    runs_max: int
    """Runs the runner takes at once."""
    frame_bytes_max: int
    """The longest message it reads."""
    features: frozenset[str]
    """Its features (PS-5.5)."""
    streams_max: int = 0
    """Streamed answers it takes beside its runs; 0 when it names none (PS-7.12)."""


def read_hello(answer: JSONValue) -> Hello:
    """Read the answer; ignore unknown features.

    Raises:
        ProtocolMismatch: It speaks another major version.
        LoadFailed: A member is missing or of the wrong type; the message names it, its rule and what came.
    """
    if not isinstance(answer, dict):
        raise LoadFailed(f"it answered hello with {_shown(answer)}, which is no map")
    theirs = answer.get("protocol")
    if not isinstance(theirs, str) or not re.fullmatch(r"\d+\.\d+", theirs):
        raise _wrong("protocol", 'its version as text, such as "1.0"', answer)
    if theirs.partition(".")[0] != PROTOCOL.partition(".")[0]:
        raise ProtocolMismatch(f"it speaks protocol {theirs}, this host {PROTOCOL}; update the older of the two")
    runner, features = answer.get("runner"), answer.get("features")
    if not isinstance(runner, dict) or not all(isinstance(runner.get(each), str) for each in ("name", "version")):
        raise _wrong("runner", "{name, version}, both texts", answer)
    if not isinstance(answer.get("language"), str):
        raise _wrong("language", "a text such as ruby", answer)
    if not isinstance(features, list) or not all(isinstance(each, str) for each in features):
        raise _wrong("features", "an array of texts", answer)
    _integer(answer, "pid", 1)
    runs_max, frame_bytes_max = _integer(answer, "runs_max", 1), _integer(answer, "frame_bytes_max", FRAME_BYTES_MIN)
    streams_max = _integer(answer, "streams_max", 1) if "streams_max" in answer else 0
    return Hello(runs_max, frame_bytes_max, frozenset(map(str, features)), streams_max)


def _integer(answer: JSONObject, member: str, least: int) -> int:
    value = answer.get(member)
    # A bool is an int to Python, and nothing of the sort on the wire.
    if type(value) is not int or value < least:
        raise _wrong(member, f"an integer of at least {least}", answer)
    return value


def _wrong(member: str, rule: str, answer: JSONObject) -> LoadFailed:
    came = f"it is {_shown(answer[member])}" if member in answer else "it is missing"
    return LoadFailed(f"in its answer to hello, {member} must be {rule}; {came}")


def _shown(value: JSONValue) -> str:
    return repr(value)[:200]
