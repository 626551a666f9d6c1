"""Outbox of a WebSocket: frames are sent at once, or wait in a bounded queue while the client is slow.

It knows nothing of what the frames say; whoever pushes to clients of any kind sends through one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from aiohttp import WSCloseCode, web

from polystep.contracts.limits import SOCKET_FRAMES_MAX, SOCKET_WAITING_BYTES_MAX

DIRECT_BYTES_MAX: Final = 64 * 1024
"""Bytes the kernel has not taken yet, up to which a frame skips the queue; asyncio pauses writers there too."""

_REASON_BYTES_MAX: Final = 123
"""RFC 6455, 5.5.1."""


class Outbox:
    """Sends frames in order without blocking, and closes the socket; a client that stays behind is closed."""

    def __init__(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        """Take the connection of an upgraded request.

        Raises:
            ConnectionResetError: The client has gone already.
        """
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client went away during the upgrade")
        self._socket = socket
        self._transport = transport
        self._drain = request.writer.drain
        self._queue: deque[bytes] = deque()
        self._queue_bytes = 0
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._ending: tuple[int, str] | None = None
        self._gone = False

    @property
    def is_clear(self) -> bool:
        """Report whether a frame that is sent now goes out at once."""
        return not self._queue and self._transport.get_write_buffer_size() < DIRECT_BYTES_MAX

    def start(self) -> None:
        """Begin to send frames that wait."""
        self._writer = asyncio.create_task(self._write(), name="socket outbox")

    async def stop(self) -> None:
        """Send nothing more; the connection of a client that reads nothing is cut off."""
        self._gone = True
        self._stop_flushing()
        self._wake.set()
        if self._writer is not None:
            await self._writer
        if self._transport.get_write_buffer_size():
            # It did not read our last frames while the close waited for it: it never will.
            self._transport.abort()

    def send(self, frame: bytes) -> None:
        """Send a frame, or keep it until the client has read those before."""
        if self._ending is not None or self._transport.is_closing():
            return
        if self.is_clear:
            self._transport.write(frame)
            return
        self._queue.append(frame)
        self._queue_bytes += len(frame)
        if len(self._queue) > SOCKET_FRAMES_MAX or self._queue_bytes > SOCKET_WAITING_BYTES_MAX:
            waiting = f"{len(self._queue)} frames ({self._queue_bytes} bytes)"
            self.end(WSCloseCode.POLICY_VIOLATION, f"too slow: {waiting} waiting, at most {SOCKET_FRAMES_MAX} may")
        self._wake.set()

    def end(self, close_code: int, reason: str) -> None:
        """Close the socket; frames still waiting are dropped, the reason tells the client why."""
        if self._ending is None:
            self._ending = (close_code, reason)
            self._queue.clear()
            self._stop_flushing()
            self._wake.set()

    async def _write(self) -> None:
        """Wait for a slow client, and close the socket: the one task that does either."""
        while not self._gone:
            await self._wake.wait()
            self._wake.clear()
            if self._queue:
                # A task of its own: a client that never reads keeps it waiting, and then it is cancelled.
                self._flushing = asyncio.create_task(self._flush())
                await asyncio.wait({self._flushing})
                self._flushing = None
            if self._ending is not None:
                code, reason = self._ending
                await self._socket.close(code=code, message=reason.encode()[:_REASON_BYTES_MAX], drain=False)
                return

    async def _flush(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client has gone: the reader sees it too
            while self._queue:
                await self._drain()
                if self._transport.is_closing():
                    return
                frame = self._queue.popleft()
                self._queue_bytes -= len(frame)
                self._transport.write(frame)

    def _stop_flushing(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
