"""WebSocket client of streams: its subscriptions, its joins, and the changes on their way to its outbox."""

from __future__ import annotations

import logging

from aiohttp import WSMsgType, web

from polystep.contracts.errors import PolystepError
from polystep.contracts.events import StreamChange
from polystep.contracts.limits import SOCKET_FRAMES_MAX, SOCKET_SUBSCRIPTIONS_MAX
from polystep.contracts.ports.streams import StreamHub
from polystep.http.outbox import Outbox
from polystep.http.socket_access import ClientAccess
from polystep.http.socket_frames import (
    CLOSE_POLICY,
    CLOSE_UNSUPPORTED,
    Membership,
    MessageRefused,
    Subject,
    change_frame,
    error_frame,
    read_message,
    sync_frame,
)
from polystep.http.socket_snapshots import read_snapshot

logger = logging.getLogger("polystep.http")


class SharedFrames:
    """Encodes a change once for all its subscribers, who get it one after the other."""

    def __init__(self) -> None:
        self._change: StreamChange | None = None
        self._frame = b""

    def of(self, change: StreamChange) -> bytes:
        """Return the frame of a change."""
        if change is not self._change:
            self._frame = change_frame(change)
            self._change = change
        return self._frame


class SocketClient:
    """Subscriber that takes changes without blocking, and sends them in order through its outbox.

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
        self._socket = socket
        self._outbox = Outbox(socket, request)
        self._hub = hub
        self._frames = frames
        self._access = access
        self._subjects: dict[Subject, set[str]] = {}
        self._subscriptions = 0
        self._warned_full = False
        self._last: StreamChange | None = None
        self._held: list[StreamChange] | None = None
        """Changes that came while a snapshot is being read."""

    async def run(self) -> None:
        """Serve the client until it, or the host, closes the socket."""
        self._outbox.start()
        try:
            await self._read()
        except MessageRefused as refused:
            self.end(refused.close_code, refused.reason)
        finally:
            self._hub.forget(self)
            await self._outbox.stop()

    def end(self, close_code: int, reason: str) -> None:
        """Close the socket; frames still waiting are dropped, the reason tells the client why."""
        self._outbox.end(close_code, reason)

    def changed(self, change: StreamChange) -> None:
        """Take one change without blocking; called in commit order."""
        if change is self._last:
            return
        self._last = change
        if self._held is None:
            self._outbox.send(self._frames.of(change))
        elif len(self._held) < SOCKET_FRAMES_MAX:
            self._held.append(change)
        else:
            self.end(CLOSE_POLICY, f"more than {SOCKET_FRAMES_MAX} changes while a snapshot was read")

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
        subject, hub = asked.subject, self._hub
        refused = await self._refusal(asked)
        if refused is not None:
            self._outbox.send(error_frame(subject, hub.next_timestamp_ms(), *refused))
            return
        members = self._subjects.setdefault(subject, set())
        if asked.subscription not in members:
            members.add(asked.subscription)
            self._subscriptions += 1
        self._held = []
        hub.subscribe(self, subject.stream, subject.group, subject.id)
        # Taken before the snapshot is read: clients drop what is older than their last frame, and no change that the
        # snapshot lacks may look older than it.
        timestamp_ms = hub.next_timestamp_ms()
        frame: bytes | None = None
        try:
            snapshot = await read_snapshot(hub, subject)
            if snapshot is not None:
                frame = sync_frame(subject, timestamp_ms, snapshot)
        except PolystepError as error:
            self._leave(asked)
            frame = error_frame(subject, timestamp_ms, f"STREAM_{error.name.upper()}", error.message)
        finally:
            held, self._held = self._held or [], None
        for change in held:
            if frame is not None and change.timestamp_ms > timestamp_ms:
                self._outbox.send(frame)
                frame = None
            self._outbox.send(self._frames.of(change))
        if frame is not None:
            self._outbox.send(frame)

    async def _refusal(self, asked: Membership) -> tuple[str, str] | None:
        """Return why a join is refused, as `(code, message)`."""
        stream = asked.subject.stream
        if not self._hub.stream_exists(stream):
            return "STREAM_NOT_FOUND", f"Stream {stream} not found"
        if not await self._access.may_join(asked.subject):
            return "STREAM_ACCESS_DENIED", "Access denied"
        if self._subscriptions >= SOCKET_SUBSCRIPTIONS_MAX and asked.subscription not in self._subjects.get(
            asked.subject, ()
        ):
            if not self._warned_full:
                self._warned_full = True
                logger.warning(
                    "A WebSocket client asked for more than %d subscriptions; further joins, of %s first, are "
                    "refused. Join a group instead of its items, or use several sockets.",
                    SOCKET_SUBSCRIPTIONS_MAX, stream,
                )  # fmt: skip
            return "TOO_MANY_SUBSCRIPTIONS", f"One socket holds at most {SOCKET_SUBSCRIPTIONS_MAX} subscriptions"
        return None

    def _leave(self, asked: Membership) -> None:
        members = self._subjects.get(asked.subject)
        if members is None or asked.subscription not in members:
            return
        members.remove(asked.subscription)
        self._subscriptions -= 1
        if not members:
            del self._subjects[asked.subject]
            self._hub.unsubscribe(self, asked.subject.stream, asked.subject.group, asked.subject.id)
