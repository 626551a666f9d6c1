"""Packed values: stored values go to a runner as they were stored, without being decoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import ormsgpack

from polystep.contracts.values import JSONObject


@dataclass(frozen=True, slots=True)
class Packed:
    """Value as msgpack, checked when it was packed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FittedAnswer:
    """Answer to a call whose size depends on the message limit of the other side."""

    make: Callable[[int], Awaitable[Packed]]
    """Takes the bytes that the whole message may have."""


class WatchedAnswer(NamedTuple):
    """Answer to a call, with a function that hears when it was sent."""

    answer: object
    """Value, future, coroutine or `FittedAnswer`."""
    sent: Callable[[BaseException | None], None]
    """Takes the error that was sent instead of a result; must not raise."""


ENVELOPE_BYTES: Final = 32
"""Bytes of a message around its result, and some to spare."""


def packed_list(items: Sequence[bytes]) -> Packed:
    """Join packed values to an array."""
    return Packed(_array_head(len(items)) + b"".join(items))


def packed_entry(key: str, value: bytes) -> bytes:
    """Make `{key, value}` of a packed value."""
    return b"".join((b"\x82\xa3key", ormsgpack.packb(key), b"\xa5value", value))


def packed_page(items: Sequence[bytes], cursor: str | None) -> Packed:
    """Make `{items, cursor?}` of packed values (PS-8.12)."""
    more: JSONObject = {} if cursor is None else {"cursor": cursor}
    # A map of few members has one byte before them.
    tail = ormsgpack.packb(more)[1:]
    return Packed(b"".join((bytes([0x81 + len(more)]), b"\xa5items", _array_head(len(items)), *items, tail)))


def packed_answer(identifier: int, result: Packed) -> bytes:
    """Make the message that answers a request with a packed value (PS-4)."""
    return b"".join((b"\x94\x01", ormsgpack.packb(identifier), b"\xc0", result.data))


def _array_head(count: int) -> bytes:
    if count < 16:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2, "big") if count < 1 << 16 else b"\xdd" + count.to_bytes(4, "big")
