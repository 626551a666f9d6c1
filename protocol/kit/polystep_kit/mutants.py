"""Messages with faults in them, made from messages as the two sides send them. The same seed makes the same ones."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from polystep_kit.codec import head, pack

FRAME_BYTES_MAX: Final = 4096
"""Frame limit of a fuzzed channel, so that larger frames are cheap."""
OWN_IDS_FROM: Final = 2**52
"""No mutant has an id from here on: they are for whoever sends the mutants."""
TRACE_ID: Final = "0123456789abcdef0123456789abcdef"
_RUN: Final = b"r0000000"
"""Stands in templates where a run is named; every mutant gets a name of its own."""
_VALID_SHARE: Final = 0.12
"""So many stay as they are: a runner that is only refused things has no runs that the others could disturb."""
_MUTATIONS_MAX: Final = 4
_IN_HEAD_SHARE: Final = 0.12
"""So many mutations go into the first bytes, where kind and id are."""
_HEAD_BYTES: Final = 8

_Verdict = tuple[int, int | None] | None
_Mutation = Callable[[random.Random, bytearray, bytes], None]


def mutants(seed: int, script: str = "steps/script.json") -> Iterator[bytes]:
    """Payloads without their length, without end.

    Most can be attributed (`codec.head`), the others break a channel. Left out is what the protocol lets a reader take
    or refuse: see `is_open_to_readers`.

    Args:
        seed: The same one gives the same payloads.
        script: The script step's file, as a runner gets it.
    """
    return (payload for payload, _ in judged_mutants(seed, script))


def judged_mutants(seed: int, script: str) -> Iterator[tuple[bytes, _Verdict]]:
    """The same, each with its kind and id, or None where it cannot be attributed."""
    rng = random.Random(seed)
    templates = _templates(script)
    names = list(templates)
    weights = [_WEIGHTS[name] for name in names]
    number = 0
    while True:
        for name, other in zip(*(rng.choices(names, weights, k=256) for _ in range(2)), strict=True):
            number += 1
            data = bytearray(_message(rng, rng.choice(templates[name]), number))
            if rng.random() >= _VALID_SHARE:
                second = _message(rng, rng.choice(templates[other]), number)
                for _ in range(1 + int(rng.random() ** 2 * _MUTATIONS_MAX)):
                    rng.choices(_MUTATIONS, _MUTATION_WEIGHTS)[0](rng, data, second)
            payload = bytes(data)
            verdict = head(payload)
            if not _is_left_out(payload, verdict):
                yield payload, verdict


def _is_left_out(payload: bytes, verdict: _Verdict) -> bool:
    if verdict is None:
        return is_open_to_readers(payload)
    # A runner that is asked to shut down would be right to end.
    return abs(verdict[1] or 0) >= OWN_IDS_FROM or b"shutdown" in payload


_LENGTH_BYTES: Final = {0x93: 1, 0x94: 1, 0xDC: 3, 0xDD: 5}
_NUMBER_BYTES: Final = {0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}


def is_open_to_readers(payload: bytes) -> bool:
    """Report whether a reader may choose to attribute this.

    Kind or id is a float (`1.0` is 1 in some languages, PS-3.5), or beyond 2^53-1 (which a reader MAY refuse, PS-3.11).
    """
    kind = _LENGTH_BYTES.get(payload[0], len(payload)) if payload else 0
    id = kind + _NUMBER_BYTES.get(payload[kind], 1) if kind < len(payload) else kind
    return any(code in (0xCA, 0xCB, 0xCF, 0xD3) for code in payload[kind : kind + 1] + payload[id : id + 1])


# --- Messages as they should be ---------------------------------------------------------------------------------------

_WEIGHTS: Final = {"run": 42, "host": 15, "response": 13, "cancel": 8, "notification": 8, "runner": 8, "full": 2}


class _Template(NamedTuple):
    begin: bytes
    end: bytes
    """Members behind the id, where the message has one."""


def _templates(script: str) -> dict[str, list[_Template]]:
    name = _RUN.decode()
    runs = [_run(script, name, ops, type_) for ops in _OPERATIONS for type_ in ("event", "api")]
    loads = [{"file": script, "kind": kind} for kind in ("step", "step", "stream")]
    return {
        "run": [_request("step.run", params) for params in runs],
        "host": [_request(method, {"run": name, **params}) for method, params in _HOST_METHODS],
        "runner": [
            *[_request("step.load", params) for params in (*loads, {"file": "steps/absent", "kind": "step"})],
            *[_request("drain", {})] * 4,
            *[_request("hello", _HELLO)] * 3,
            _request("fuzz.unknown", {"a": [1, {"b": None}]}),
            _request("", {}),
        ],
        "response": [_Template(b"\x94\x01", pack(error) + pack(result)) for error, result in _ANSWERS],
        "cancel": [_notification("cancel", {"run": name, "reason": "timeout"})],
        "notification": [_notification(method, {"run": name, **params}) for method, params in _NOTIFICATIONS],
        "full": [_Template(b"\x94\x00", _FULL)],
    }


def _request(method: str, params: dict[str, Any]) -> _Template:
    return _Template(b"\x94\x00", pack(method) + pack(params))


def _notification(method: str, params: dict[str, Any]) -> _Template:
    return _Template(b"\x93\x02", pack(method) + pack(params))


def _run(script: str, run: str, ops: list[Any], type_: str) -> dict[str, Any]:
    given: dict[str, Any] = {"ops": ops}
    if type_ == "api":
        query = {"q": ["1", "2"]}
        given = {"body": given, "headers": {"x-a": "1"}, "pathParams": {}, "queryParams": query, "rawBody": ""}
    return {
        "run": run, "file": script, "step": "Script", "type": type_, "input": given, "trace_id": TRACE_ID,
        "traceparent": f"00-{TRACE_ID}-0123456789abcdef-01", "attempt": 1, "timeout_ms": 60_000, "flows": ["flow"],
    }  # fmt: skip


_VALUES: Final[list[Any]] = [
    None,
    {"a": [1, -1, 1.5, True, None, "text", b"\x00\xff"], "": {"__proto__": {"constructor": 1}}, "ä": "ö€𝄞"},
    [2**53 - 1, -(2**53) + 1, 2**31, -(2**31), 65_536, 255, 1e300, -0.0],
    {"status": 200, "headers": {"x-b": "2"}, "body": {"items": list(range(40))}},
    "x" * 300,
    [[[[[[[[[[{"deep": [[[[[[[[[[1]]]]]]]]]]}]]]]]]]]]],
]
_CALLS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("emit", {"topic": "t", "data": {"n": 1}}),
    ("state.get", {"group": "g", "key": "k"}),
    ("state.set", {"group": "g", "key": "k", "value": _VALUES[1]}),
    ("state.delete", {"group": "g", "key": "k"}),
    ("state.get_group", {"group": "g"}),
    ("state.clear", {"group": "g"}),
    ("streams.get", {"stream": "s", "group": "g", "id": "i"}),
    ("streams.set", {"stream": "s", "group": "g", "id": "i", "data": {"n": 1}}),
    ("streams.delete", {"stream": "s", "group": "g", "id": "i"}),
    ("streams.get_group", {"stream": "s", "group": "g"}),
    ("streams.send", {"stream": "s", "group": "g", "id": "i", "event": {"type": "x", "data": 1}}),
]
_OPERATIONS: Final[list[list[Any]]] = [
    *[[{"do": "return", "value": value}] for value in _VALUES],
    *[[{"do": "call", "method": method, "args": args, "catch": True}] for method, args in _CALLS],
    [{"do": "context", "member": member} for member in ("trace_id", "attempt", "flows")],
    [{"do": "call", "method": method, "args": args} for method, args in _CALLS[:4]],
]
_FULL: Final = pack("fuzz.full") + b"\x81" + pack("pad")
_FULL_BYTES: Final = (FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, FRAME_BYTES_MAX + 900, 20_000, 66_000)
"""About as large as a frame may be, and much larger."""
_HELLO: Final = {
    "protocol": "1.0", "host": {"name": "fuzz", "version": "1"}, "project": "/", "frame_bytes_max": 1024,
    "features": ["x"],
}  # fmt: skip
_HOST_METHODS: Final = [*_CALLS, ("state.unknown", {}), ("emit", {"topic": 1, "data": None})]
_ERROR: Final = {"code": 13, "name": "run_ended", "message": "it ended", "retryable": False, "data": {"a": 1}}
_ANSWERS: Final[list[tuple[Any, Any]]] = [
    *[(None, value) for value in _VALUES],
    (_ERROR, None),
    ({**_ERROR, "code": 999, "name": "unheard_of"}, None),
    ({"message": 1}, None),
    ("no map", None),
    (_ERROR, "both"),
]
_NOTIFICATIONS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("log", {"level": "info", "message": "text", "fields": {"a": 1}, "time_ms": 1_700_000_000_000, "source": "logger"}),
    ("log", {"level": "error", "message": "text", "time_ms": 1_700_000_000_000, "source": "output"}),
    ("span", {"type": "http", "name": "GET", "start_ms": 1, "duration_ms": 2, "attributes": {"url": "u"}}),
    ("span.open", {"type": "http", "name": "GET", "start_ms": 1, "open": 1, "received": 2, "attributes": {"url": "u"}}),
    ("cancel", {"reason": 7}),
    ("fuzz.unknown", {}),
]


def _message(rng: random.Random, template: _Template, number: int) -> bytes:
    begin, end = template
    if begin == b"\x93\x02":
        # About runs that are open now, were lately, or will be soon.
        return begin + end.replace(_RUN, _run_name(number - int(rng.random() * 30) + 5))
    # A call of the other side may wait for one of the low ids.
    id = int(rng.random() * 200) if begin == b"\x94\x01" else number
    begin += _id(rng, id)
    if end is _FULL:
        return begin + end + _padding(rng.choice(_FULL_BYTES) - len(begin) - len(end))
    return begin + end.replace(_RUN, _run_name(number))


def _run_name(number: int) -> bytes:
    return b"r%07d" % (number % 10_000_000)


def _id(rng: random.Random, id: int) -> bytes:
    if rng.random() < 0.1:
        return b"\xcf" + id.to_bytes(8, "big")  # every encoding of a number is taken (PS-3.10)
    return pack(id)


def _padding(size: int) -> bytes:
    return b"\xdb" + struct.pack(">I", size - 5) + b"x" * (size - 5)


# --- Faults -----------------------------------------------------------------------------------------------------------


def _place(rng: random.Random, data: bytearray) -> int:
    if rng.random() < _IN_HEAD_SHARE:
        return int(rng.random() * min(_HEAD_BYTES, len(data) + 1))
    begin = min(_HEAD_BYTES, len(data))
    return begin + int(rng.random() * (len(data) + 1 - begin))


def _part(rng: random.Random, data: bytearray) -> slice:
    at = _place(rng, data)
    return slice(at, at + 1 + int(rng.random() ** 3 * 40))


def _flip(rng: random.Random, data: bytearray, _: bytes) -> None:
    at = _place(rng, data)
    if at < len(data):
        data[at] ^= 1 << int(rng.random() * 8)


def _replace(rng: random.Random, data: bytearray, _: bytes) -> None:
    at = _place(rng, data)
    data[at : at + 1] = rng.randbytes(1)


def _insert(rng: random.Random, data: bytearray, _: bytes) -> None:
    at = _place(rng, data)
    data[at:at] = rng.randbytes(1 + int(rng.random() * 4))


def _delete(rng: random.Random, data: bytearray, _: bytes) -> None:
    del data[_part(rng, data)]


def _duplicate(rng: random.Random, data: bytearray, _: bytes) -> None:
    part = _part(rng, data)
    data[part.start : part.start] = data[part]


def _truncate(rng: random.Random, data: bytearray, _: bytes) -> None:
    del data[_place(rng, data) :]


def _go_on(rng: random.Random, data: bytearray, other: bytes) -> None:
    data += other[: 1 + int(rng.random() * len(other))]


def _splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    at = int(rng.random() * len(other))
    data[_part(rng, data)] = other[at : at + 1 + int(rng.random() * 60)]


def _swap(rng: random.Random, data: bytearray, other: bytes) -> None:
    data[_place(rng, data) :] = other[int(rng.random() * len(other)) :]


_HEADS: Final = [
    bytes.fromhex(each)
    for each in (
        "c1 c0 c2 c3 80 90 a0 81 91 8f 9f bf 00 ff c400 c4ff c5ffff c6ffffffff c6000000 d9ff daffff "
        "dbffffffff d900 db00000000 c7 c70001 c7ff01 c8ffff00 c9ffffffff01 d4 d401 d4ff00 d50000 d6ff00000000 "
        "d700 d8 c70cff dcffff ddffffffff dd000003e8 deffff dfffffffff df000003e8 dc0001 de0001 ca7fc00000 "
        "ca7f800000 cb7ff0000000000000 cbfff8000000000000 cfffffffffffffffff cf0020000000000000 "
        "d38000000000000000 d3ffdfffffffffffff cc cd00 ce000000 d0 d1ff a1ff a2c328 a3eda080 a4f4908080 "
        "a2c080 8101 81c001 8190c0 8180c0 81c4016101 82a16101a16102 81a95f5f70726f746f5f5f80"
    ).split()
]


def _replace_by_head(rng: random.Random, data: bytearray, _: bytes) -> None:
    at = _place(rng, data)
    data[at : at + 1] = _HEADS[int(rng.random() * len(_HEADS))]


_NESTS: Final = (b"\x91", b"\x81\xa1a", b"\x92\xc0", b"\xdc\x00\x01", b"\x81\x91", b"\xdd\x00\x00\x00\x01")
_LEVELS: Final = (2, 10, 60, 97, 98, 99, 100, 101, 102, 110, 300, 500, 1000, 1300)


def _nest(rng: random.Random, data: bytearray, _: bytes) -> None:
    at = _place(rng, data)
    data[at:at] = rng.choice(_NESTS) * rng.choice(_LEVELS)


def _grow(rng: random.Random, data: bytearray, _: bytes) -> None:
    at, size = _place(rng, data), int(rng.random() ** 2 * 12_000)
    data[at:at] = b"\xc6" + struct.pack(">I", size) + bytes(size)


_MUTATION_WEIGHTS_OF: Final[dict[_Mutation, int]] = {
    _flip: 20, _replace: 12, _insert: 10, _delete: 10, _duplicate: 6, _truncate: 5, _go_on: 3, _splice: 8, _swap: 6,
    _replace_by_head: 20, _nest: 3, _grow: 1,
}  # fmt: skip
_MUTATIONS: Final = list(_MUTATION_WEIGHTS_OF)
_MUTATION_WEIGHTS: Final = list(_MUTATION_WEIGHTS_OF.values())
