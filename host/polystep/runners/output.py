"""Lines that a runner's process writes to its own stdout and stderr."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from typing import Final

from polystep.contracts.limits import LOG_LINE_CHARS_MAX

_LINE_BYTES_MAX: Final = LOG_LINE_CHARS_MAX
_LENGTH_BYTES: Final = 4
"""Bytes of a length: four letters are a length that no frame has."""
_STRAY_BYTES_MAX: Final = 1000
_SHOWN_BYTES: Final = 32


def stray_text(data: bytes) -> str:
    """Show bytes that came where frames belong: as the text that they begin with, or in hexadecimal."""
    text = data[:_STRAY_BYTES_MAX].decode(errors="replace")
    readable = "".join(itertools.takewhile(lambda each: each.isprintable() or each in "\n\r\t", text)).strip()
    if len(readable) >= _LENGTH_BYTES:
        return readable
    return data[:_SHOWN_BYTES].hex(" ")


class OutputLines(asyncio.Protocol):
    """Splitter of lines that cuts those that do not end in time, so memory stays bounded."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def finish(self, timeout_s: float) -> None:
        """Wait until the other end is closed and everything is read; close this end when that takes too long.

        A process that a step has detached may hold the other end for as long as it lives.
        """
        await asyncio.wait([self._closed], timeout=timeout_s)
        if not self._closed.done() and self._transport is not None:
            self._transport.close()
            await self._closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the pipe (asyncio calls this)."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what was written (asyncio calls this)."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES_MAX:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._on_line(line.decode(errors="replace").rstrip("\r"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the pipe (asyncio calls this)."""
        if self._rest:
            self._on_line(self._rest.decode(errors="replace"))
        if not self._closed.done():
            self._closed.set_result(None)


async def read_lines(descriptor: int, on_line: Callable[[str], None]) -> OutputLines:
    """Call `on_line` for each line from a pipe, which belongs to the reader from now on."""
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    _, protocol = await loop.connect_read_pipe(lambda: OutputLines(on_line), pipe)
    return protocol
