"""What a runner's process writes to its own stdout and stderr, as lines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from polystep.contracts.limits import LOG_LINE_CHARS_MAX

_LINE_BYTES_MAX: Final = LOG_LINE_CHARS_MAX


class _Lines(asyncio.Protocol):
    """Splits at newlines; a line that does not end in time is cut, so memory stays bounded."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES_MAX:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._on_line(line.decode(errors="replace").rstrip("\r"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._on_line(self._rest.decode(errors="replace"))
        if not self.closed.done():
            self.closed.set_result(None)


async def read_lines(descriptor: int, on_line: Callable[[str], None]) -> asyncio.Future[None]:
    """Call `on_line` for each line from a pipe; the future is done when the pipe is closed at the other end."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.connect_read_pipe(lambda: _Lines(on_line), os.fdopen(descriptor, "rb", buffering=0))
    return protocol.closed
