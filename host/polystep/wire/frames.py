"""Length-prefixed frames: joined, split at any boundary, dropped when too large (PS-3.1 to PS-3.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from polystep.contracts.limits import FRAME_BYTES_MAX

_LENGTH: Final = struct.Struct(">I")
_HEAD_BYTES: Final = 64
"""Bytes of an oversized message that hold its kind and id."""


@dataclass(frozen=True, slots=True)
class Oversize:
    """Frame above the limit, which is being dropped."""

    length_bytes: int
    head: bytes
    """First bytes, which hold kind and id."""

    @property
    def start(self) -> bytes:
        """Return its length and its head as they came."""
        return _LENGTH.pack(self.length_bytes) + self.head


def frame(payload: bytes) -> bytes:
    """Put the length before a message."""
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Reader that splits a byte stream into messages, in whatever pieces it arrives."""

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self.frame_bytes_max = frame_bytes_max
        """May be lowered between two calls of `feed`."""
        self._buffer = bytearray()
        self._wanted_bytes = 0
        """Bytes that the buffer needs before the next frame is complete."""
        self._drop_bytes = 0

    @property
    def rest(self) -> bytes:
        """Return the bytes of a frame that is not complete."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes | Oversize]:
        """Take bytes and return the messages that are complete now, in order."""
        if not self._buffer:
            # The usual case: whole frames in one read need no copy into the buffer.
            return self._split(data)
        self._buffer += data
        if len(self._buffer) < self._wanted_bytes:
            return []
        whole = bytes(self._buffer)
        self._buffer.clear()
        return self._split(whole)

    def _split(self, data: bytes) -> list[bytes | Oversize]:
        found: list[bytes | Oversize] = []
        end = len(data)
        position = min(self._drop_bytes, end)
        self._drop_bytes -= position
        self._wanted_bytes = 4
        while end - position >= 4:
            (length,) = _LENGTH.unpack_from(data, position)
            start = position + 4
            oversized = length > self.frame_bytes_max
            needed = min(length, _HEAD_BYTES) if oversized else length
            if end - start < needed:
                self._wanted_bytes = 4 + needed
                break
            if oversized:
                found.append(Oversize(length, data[start : start + needed]))
                position = min(start + length, end)
                self._drop_bytes = start + length - position
            else:
                found.append(data[start : start + length])
                position = start + length
        self._buffer += data[position:]
        return found
