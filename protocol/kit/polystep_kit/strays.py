"""Descriptions of bytes that are no frame, and of messages that nobody waits for."""

from __future__ import annotations

import itertools
from typing import Any, Final

from polystep_kit.patterns import show

FRAME_BYTES_MAX: Final = 16_777_216
_ABSURD_FROM: Final = 4 * FRAME_BYTES_MAX
_SHOWN_BYTES: Final = 32
_TEXT_BYTES: Final = 200
_PRINTABLE: Final = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


def is_no_frame(rest: bytes) -> bool:
    """Report whether bytes cannot become a frame: their length is far beyond any limit."""
    return len(rest) >= 4 and int.from_bytes(rest[:4], "big") > _ABSURD_FROM


def unfinished(rest: bytes) -> str:
    """One sentence on bytes behind which no whole frame came; empty when there are none."""
    if not rest:
        return ""
    shown, more = rest[:_SHOWN_BYTES], len(rest) - _SHOWN_BYTES
    bytes_ = f"{shown.hex(' ')}{f' and {more:,} more' if more > 0 else ''}"
    if len(rest) >= 4:
        length = int.from_bytes(rest[:4], "big")
        what = f"taken as a length, the first four say {length:,} bytes, of which {len(rest) - 4:,} came"
    else:
        what = "less than a length"
    return f"On the channel are bytes that are no whole frame: {bytes_} ({what}).{_guess(rest)}"


def _guess(rest: bytes) -> str:
    text = bytes(itertools.takewhile(_PRINTABLE.__contains__, rest[:_TEXT_BYTES])).decode("ascii")
    if len(text) >= 4:
        return (
            f" They begin with the text {text!r}: did something print to descriptor 1, the channel on stdio (PS-2.2)?"
        )
    turned = int.from_bytes(rest[:4], "little")
    if len(rest) > 4 and 0 < turned <= FRAME_BYTES_MAX and turned <= len(rest) - 4:
        return f" From the other end, the length is {turned:,}: lengths are big-endian (PS-3.1)."
    # Without a length before it, the first byte is that of a message.
    if rest[0] in (0x93, 0x94):
        return " They begin like a message without its length: four bytes go before it (PS-3.1)."
    return ""


def answers_nothing(message: list[Any]) -> str:
    """One sentence on a response that no request waits for."""
    id = message[1]
    why = "no open request has this id" if type(id) is int else f"its id is no integer but {_kind(id)} (PS-4.1)"
    return f"it sent a response that answers nothing, {why}: {show(message)}"


def _kind(value: Any) -> str:
    names = {str: "text", bytes: "bytes", bool: "a boolean", float: "a float", list: "an array", dict: "a map"}
    return names.get(type(value), "nil")
