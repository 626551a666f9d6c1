"""Codec of values and messages in msgpack (PS-3.4 to PS-3.11).

Numbers that the protocol does not carry are refused by path, yet no usual message is walked for them: a search for the
bytes that such a number begins with comes first and costs a fraction of a microsecond.
"""

from __future__ import annotations

import os
import re
from math import isfinite
from typing import Any, Final

import msgpack
import ormsgpack

from polystep.contracts.errors import InvalidValue
from polystep.contracts.limits import VALUE_DEPTH_MAX
from polystep.contracts.values import INTEGER_MAX, JSONValue

# How every number begins that is not carried. Where these bytes are a text's or a usual number's, no harm is done.
_UNSIGNED: Final = re.compile(rb"\xcf(?!\x00[\x00-\x1f])")
"""From 2^53 on."""
_SIGNED: Final = re.compile(rb"\xd3(?!\x00[\x00-\x1f]|\xff[\xe1-\xff])")
"""Outside of about the same range."""
_DOUBLE: Final = re.compile(rb"\xcb[\x7f\xff]")
"""NaN, an infinity, or one of a few finite giants."""
_SINGLE: Final = re.compile(rb"\xca[\x7f\xff]")
"""The same in four bytes: the host writes none, others may (PS-3.10)."""
_CONTAINERS: Final = bytes([*range(0x80, 0xA0), *range(0xDC, 0xE0)])
"""First bytes of arrays and maps."""
_HEAD_BYTES: Final = 64
"""Bytes that hold the kind and the id of any message in any encoding."""
_PAIR: Final = b"\x92"
_END: Final = b"\xc4\x08" + os.urandom(8)
"""Value that no message ends with, see `unpack`."""


def pack(value: object, name: str = "value") -> bytes:
    """Encode a value.

    Args:
        value: JSON's types and bytes.
        name: Name of the value in a refusal; with the empty text, the path begins with the member.

    Raises:
        InvalidValue: It holds a type, a number or a depth that the protocol does not carry; `data.path` says where a
            number is (PS-3.9).
    """
    payload = _packed(value)
    if _is_suspect(payload):
        _check_numbers(value, name)
    return payload


def pack_deep(value: object, name: str) -> bytes:
    """Encode a value that was put together here; raises as `pack`, also when it is nested too deep (PS-3.9)."""
    payload = pack(value, name)
    _check_depth([value], payload)
    return payload


def pack_message(message: list[object]) -> bytes:
    """Encode a message (PS-4); raises as `pack`, with paths such as `input.items[3]` and `result.total`."""
    payload = _packed(message)
    if _is_suspect(payload):
        _check_message(message)
    _check_depth(message, payload)
    return payload


def pack_request_message(message: list[object], *, takes_integers: bool) -> bytes:
    """Encode a `step.run` whose input is an HTTP request; raises as `pack_message`.

    Clients may send integers of 64 bits. They go as they are to a runner that takes them, and as the nearest doubles
    to others (PS-3.12).
    """
    payload = _packed(message)
    if _is_suspect(payload):
        narrow = _narrowed(message)
        _check_message(narrow)
        payload = payload if takes_integers else _packed(narrow)
    _check_depth(message, payload)
    return payload


def unpack(payload: bytes) -> JSONValue:
    """Decode one value of the host's own making, which it checked when it packed it.

    Raises:
        InvalidValue: The bytes are not exactly one msgpack value of the allowed types.
    """
    value: JSONValue
    try:
        # The reader does not say where it stopped. Between the head of a pair and a value that nobody else can know,
        # what ends early or goes on is no pair of this end any more.
        value, end = ormsgpack.unpackb(b"".join((_PAIR, payload, _END)))
    except (ormsgpack.MsgpackDecodeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"A message is not valid msgpack: {error}.") from error
    if end != _END[2:]:
        raise InvalidValue("A message is not valid msgpack: its bytes end early, or go on after it.")
    return value


def unpack_message(payload: bytes) -> JSONValue:
    """Decode what the other side sent (PS-3.11); raises as `unpack`, also for numbers, with their path."""
    message = unpack(payload)
    if _is_suspect(payload):
        _check_message(message)
    _check_depth(message, payload)
    return message


def message_head(payload: bytes) -> tuple[int, int | None]:
    """Read kind and id from the beginning of a message, also when the rest cannot be used (PS-4.5).

    Returns:
        `(kind, id)` with an id that can be answered; `(2, None)` of a notification; `(-1, None)` of anything else.
    """
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=True)
    unpacker.feed(payload[:_HEAD_BYTES])
    try:
        length = unpacker.read_array_header()
        kind = unpacker.unpack()
        if type(kind) is not int:
            return -1, None
        if length == 3 and kind == 2:
            return 2, None
        identifier = unpacker.unpack() if length == 4 and kind in (0, 1) else None
    except (msgpack.UnpackException, msgpack.OutOfData, ValueError):
        return -1, None
    if type(identifier) is int and abs(identifier) <= INTEGER_MAX:
        return kind, identifier
    return -1, None


def _packed(message: object) -> bytes:
    try:
        return ormsgpack.packb(message)
    except (ormsgpack.MsgpackEncodeError, TypeError, RecursionError) as error:
        raise InvalidValue(f"A value cannot be sent to a runner: {error}.") from error


def _narrowed(value: object) -> object:
    """Put doubles in the place of integers beyond ±(2^53-1)."""
    if isinstance(value, dict):
        return {key: _narrowed(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_narrowed(member) for member in value]
    return float(value) if isinstance(value, int) and not -INTEGER_MAX <= value <= INTEGER_MAX else value


def _is_suspect(payload: bytes) -> bool:
    """Report whether the bytes may hold a number that is not carried."""
    # The search for one byte runs at the speed of memory, and finds none in most messages.
    return (
        (0xCF in payload and _UNSIGNED.search(payload) is not None)
        or (0xD3 in payload and _SIGNED.search(payload) is not None)
        or (0xCB in payload and _DOUBLE.search(payload) is not None)
        or (0xCA in payload and _SINGLE.search(payload) is not None)
    )


def _check_depth(message: object, payload: bytes) -> None:
    """Refuse values that are nested more than `VALUE_DEPTH_MAX` deep (PS-3.9)."""
    # A level takes a byte that begins a container. Most messages have too few of them, and are not walked.
    size = len(payload)
    if size <= VALUE_DEPTH_MAX or size - len(payload.translate(None, _CONTAINERS)) <= VALUE_DEPTH_MAX:
        return
    level: list[Any] = [message]
    # Around a result there is the message alone, around other values also the params.
    around = 1 if isinstance(message, list) and message[:1] == [1] else 2
    for _ in range(VALUE_DEPTH_MAX + around):
        level = [
            member
            for each in level
            for member in (each.values() if isinstance(each, dict) else each)
            if isinstance(member, (dict, list, tuple))
        ]
        if not level:
            return
    raise InvalidValue(f"A value is nested more than {VALUE_DEPTH_MAX} deep.", {"path": ""})


def _check_message(message: object) -> None:
    """Refuse numbers of a message by their parameter, or as part of the result."""
    match message:
        case [0, identifier, _, params]:
            _check_numbers(identifier, "id")
            _check_numbers(params, "")
        case [1, identifier, error, result]:
            _check_numbers(identifier, "id")
            _check_numbers(error, "error")
            _check_numbers(result, "result")
        case [2, _, params]:
            _check_numbers(params, "")
        case _:
            _check_numbers(message, "message")


def _check_numbers(value: object, name: str) -> None:
    """Refuse numbers that are not carried (PS-3.5), by path."""
    if _carried(value):
        return
    inside: list[tuple[object, str]] = [(value, name)]
    while inside:
        each, path = inside.pop()
        if isinstance(each, dict):
            inside += [(member, f"{path}.{key}" if path else str(key)) for key, member in each.items()]
        elif isinstance(each, (list, tuple)):
            inside += [(member, f"{path}[{index}]") for index, member in enumerate(each)]
        elif not _carried(each):
            what = (
                f"the integer {each} is beyond ±{INTEGER_MAX} (2^53-1); send it as text"
                if isinstance(each, int)
                else f"the float {each} cannot be carried"
            )
            raise InvalidValue(f"{path}: {what}.", {"path": path})


def _carried(value: object) -> bool:
    """Report whether every number is carried."""
    inside = [value]
    for each in inside:  # which grows meanwhile
        if isinstance(each, dict):
            inside.extend(each.values())
        elif isinstance(each, (list, tuple)):
            inside.extend(each)
        elif isinstance(each, int):
            if not -INTEGER_MAX <= each <= INTEGER_MAX:
                return False
        elif isinstance(each, float) and not isfinite(each):
            return False
    return True
