"""One WebSocket client: its subscriptions, and the frames on their way to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Final

from aiohttp import WSMsgType, web

from polystep.contracts.errors import PolystepError
from polystep.contracts.events import StreamChange
from polystep.contracts.limits import SOCKET_FRAMES_MAX, SOCKET_SUBSCRIPTIONS_MAX, SOCKET_WAITING_BYTES_MAX
from polystep.contracts.ports import StreamHub
from polystep.http.socket_access import ClientAccess
from polystep.http.socket_frames import (
    CLOSE_POLICY,
    CLOSE_UNSUPPORTED,
    Membership,
    MessageRefused,
    Room,
    change_frame,
    error_frame,
    read_message,
    sync_frame,
)
from polystep.http.socket_snapshots import read_snapshot

logger = logging.getLogger("polystep.http")

DIRECT_BYTES_MAX: Final = 64 * 1024
"""Bytes the kernel has not taken yet, up to which a frame skips the queue; asyncio pauses writers there too."""

_REASON_BYTES_MAX: Final = 123
"""RFC 6455, 5.5.1."""


class SharedFrames:
    """Encodes a change once for all its subscribers, who are told of it one after the other."""

    def __init__(self) -> None:
        self._change: StreamChange | None = None
        self._frame = b""

    def of(self, change: StreamChange) -> bytes:
        """The frame of a change."""
        if change is not self._change:
            self._frame = change_frame(change)
            self._change = change
        return self._frame


class SocketClient:
    """Takes changes without blocking, and sends them in order; what does not fit the socket waits in a bounded queue.

    A client that stays behind is closed with the numbers in the reason: it reconnects and gets a fresh snapshot, which
    is better than a stream with holes. A socket that follows an item and its group gets one frame per change: clients
    hand an item's frame to the listeners of its group as well.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.BaseRequest,
        hub: StreamHub,
        frames: SharedFrames,
        access: ClientAccess,
    ) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client went away during the upgrade")
        self._socket = socket
        self._transport = transport
        self._drain = request.writer.drain
        self._hub = hub
        self._frames = frames
        self._access = access
        self._rooms: dict[Room, set[str]] = {}
        self._subscriptions = 0
        self._told_full = False
        self._last: StreamChange | None = None
        self._held: list[StreamChange] | None = None
        """Changes that came while a snapshot is being read."""
        self._queue: deque[bytes] = deque()
        self._queue_bytes = 0
        self._wake = asyncio.Event()
        self._flushing: asyncio.Task[None] | None = None
        self._ending: tuple[int, str] | None = None
        self._gone = False

    async def run(self) -> None:
        """Serve the client until it, or the host, closes the socket."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        except MessageRefused as refused:
            self.end(refused.close_code, refused.reason)
        finally:
            self._hub.forget(self)
            self._gone = True
            self._stop_flushing()
            self._wake.set()
            await writer
            if self._transport.get_write_buffer_size():
                # It did not read our last frames while the close waited for it: it never will.
                self._transport.abort()

    def end(self, close_code: int, reason: str) -> None:
        """Close the socket; frames still waiting are dropped, the reason says why."""
        if self._ending is None:
            self._ending = (close_code, reason)
            self._queue.clear()
            self._stop_flushing()
            self._wake.set()

    def changed(self, change: StreamChange) -> None:
        """Take one change without blocking; called in commit order."""
        if change is self._last:
            return
        self._last = change
        if self._held is None:
            self._send(self._frames.of(change))
        elif len(self._held) < SOCKET_FRAMES_MAX:
            self._held.append(change)
        else:
            self.end(CLOSE_POLICY, f"more than {SOCKET_FRAMES_MAX} changes while a snapshot was read")

    def _send(self, frame: bytes) -> None:
        if self._ending is not None or self._transport.is_closing():
            return
        if not self._queue and self._transport.get_write_buffer_size() < DIRECT_BYTES_MAX:
            self._transport.write(frame)
            return
        self._queue.append(frame)
        self._queue_bytes += len(frame)
        if len(self._queue) > SOCKET_FRAMES_MAX or self._queue_bytes > SOCKET_WAITING_BYTES_MAX:
            waiting = f"{len(self._queue)} frames ({self._queue_bytes} bytes)"
            self.end(CLOSE_POLICY, f"too slow: {waiting} waiting, at most {SOCKET_FRAMES_MAX} may")
        self._wake.set()

    async def _write(self) -> None:
        """The one task that waits for a slow client, and the one that closes the socket."""
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

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                asked = read_message(message.data)
                if asked is None:
                    continue
                if asked.type == "join":
                    await self._join(asked)
                else:
                    self._leave(asked)
            elif message.type is WSMsgType.BINARY:
                raise MessageRefused(CLOSE_UNSUPPORTED, "send JSON as text, not binary")
            else:
                return

    async def _join(self, asked: Membership) -> None:
        room, hub = asked.room, self._hub
        refused = await self._refusal(asked)
        if refused is not None:
            self._send(error_frame(room, hub.next_timestamp_ms(), *refused))
            return
        members = self._rooms.setdefault(room, set())
        if asked.subscription not in members:
            members.add(asked.subscription)
            self._subscriptions += 1
        self._held = []
        hub.subscribe(self, room.stream, room.group, room.id)
        # Taken before the snapshot is read: clients drop what is older than their last frame, and no change that the
        # snapshot lacks may look older than it.
        timestamp_ms = hub.next_timestamp_ms()
        frame: bytes | None = None
        try:
            snapshot = await read_snapshot(hub, room)
            if snapshot is not None:
                frame = sync_frame(room, timestamp_ms, snapshot)
        except PolystepError as error:
            self._leave(asked)
            frame = error_frame(room, timestamp_ms, f"STREAM_{error.name.upper()}", error.message)
        finally:
            held, self._held = self._held or [], None
        for change in held:
            if frame is not None and change.timestamp_ms > timestamp_ms:
                self._send(frame)
                frame = None
            self._send(self._frames.of(change))
        if frame is not None:
            self._send(frame)

    async def _refusal(self, asked: Membership) -> tuple[str, str] | None:
        """Return why a join is refused, as `(code, message)`."""
        stream = asked.room.stream
        if not self._hub.stream_exists(stream):
            return "STREAM_NOT_FOUND", f"Stream {stream} not found"
        if not await self._access.may_join(asked.room):
            return "STREAM_ACCESS_DENIED", "Access denied"
        if self._subscriptions >= SOCKET_SUBSCRIPTIONS_MAX and asked.subscription not in self._rooms.get(
            asked.room, ()
        ):
            if not self._told_full:
                self._told_full = True
                logger.warning(
                    "A WebSocket client asked for more than %d subscriptions; further joins, of %s first, are "
                    "refused. Join a group instead of its items, or use several sockets.",
                    SOCKET_SUBSCRIPTIONS_MAX, stream,
                )  # fmt: skip
            return "TOO_MANY_SUBSCRIPTIONS", f"One socket holds at most {SOCKET_SUBSCRIPTIONS_MAX} subscriptions"
        return None

    def _leave(self, asked: Membership) -> None:
        members = self._rooms.get(asked.room)
        if members is None or asked.subscription not in members:
            return
        members.remove(asked.subscription)
        self._subscriptions -= 1
        if not members:
            del self._rooms[asked.room]
            self._hub.unsubscribe(self, asked.room.stream, asked.room.group, asked.room.id)
