"""Compressed bodies: inflated no further than a bound, and not at all once it is passed."""

from __future__ import annotations

import zlib
from typing import Final

from polystep.http.refusals import RequestRefused

_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""By content encoding, as zlib counts them."""


class BodyTooLarge(Exception):
    """Body that is larger than it may be, once inflated."""


class Inflater:
    """Inflates one body as it comes."""

    def __init__(self, encoding: str, length_max: int) -> None:
        """Prepare.

        Raises:
            RequestRefused: 415, the encoding is none that the server knows.
        """
        self._bits = _WINDOW_BITS.get(encoding, 0)
        if not self._bits:
            known = "gzip, deflate"
            raise RequestRefused(
                415,
                {"error": "Unsupported encoding", "hint": f"Send the body as it is, or with {known}."},
                {"Accept-Encoding": known, "Connection": "close"},
            )
        self._stream = zlib.decompressobj(self._bits)
        self._left = length_max
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """Inflate what came.

        Raises:
            BodyTooLarge: There is more than there may be; what is beyond it was not inflated.
            zlib.error: It is not compressed as it says.
        """
        out = bytearray()
        while data:
            if self._stream.eof:  # a gzip file may be several in a row
                self._stream = zlib.decompressobj(self._bits)
            out += self._inflate(data)
            if len(out) > self._left:
                raise BodyTooLarge
            data = self._stream.unused_data
        self._left -= len(out)
        return bytes(out)

    def end(self) -> None:
        """Say that all has come.

        Raises:
            zlib.error: Something is missing.
        """
        if self._begun and not self._stream.eof:
            raise zlib.error("it ends too early")

    def _inflate(self, data: bytes) -> bytes:
        try:
            out = self._stream.decompress(data, self._left + 1)
        except zlib.error:
            if self._begun or self._bits != _WINDOW_BITS["deflate"]:
                raise
            # Some clients send `deflate` without its head.
            self._stream = zlib.decompressobj(-15)
            out = self._stream.decompress(data, self._left + 1)
        self._begun = True
        return out
