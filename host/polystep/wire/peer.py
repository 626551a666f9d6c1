"""Peer of a conversation: correlates calls, answers the other side's, fails everything at the end.

A `Peer` is symmetrical and knows no process and no step. It gets a transport to write to, and the bytes that arrive.
Answers of both sides are bounded: calls that the host makes by `runs_max` of the runner, calls that the runner makes by
`CALLS_MAX`, beyond which reading pauses.
"""

from __future__ import annotations

import asyncio
import logging
import reprlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from polystep.contracts.errors import (
    FrameTooLarge,
    InvalidParams,
    MethodNotFound,
    PolystepError,
    RunnerGone,
    error_from_wire,
)
from polystep.contracts.limits import CALLS_MAX, FRAME_BYTES_MAX
from polystep.contracts.values import JSONObject, JSONValue
from polystep.wire.codec import message_head, pack_message, unpack_message
from polystep.wire.frames import FrameReader, Oversize, frame
from polystep.wire.packed import ENVELOPE_BYTES, FittedAnswer, Packed, WatchedAnswer, packed_answer

_SEND_AT_ONCE: Final = 48
"""Bytes after which messages leave before the turn of the loop ends, so that the other side can begin."""
REQUEST: Final = 0
RESPONSE: Final = 1
NOTIFICATION: Final = 2

Method = Callable[[JSONObject], object]
"""Answers one call: a value, a future or coroutine of one, or a `FittedAnswer`, each as it is or in a `WatchedAnswer`.
A value may be `Packed`.

Raises `PolystepError` to answer with an error.
"""

_ERROR_CHARS_MAX: Final = 1000
"""Characters kept of the text of an error that does not fit into a message."""

_log = logging.getLogger("polystep.wire")


class Writer(Protocol):
    """Transport that takes a peer's bytes; asyncio's write transports fit."""

    def write(self, data: bytes) -> None:
        """Send, or queue to send."""
        ...

    def is_closing(self) -> bool:
        """Report whether the other side is gone, so that nothing can be sent any more."""
        ...

    def close(self) -> None:
        """Send what is queued, then close."""
        ...


class Reader(Protocol):
    """Transport that feeds a peer; asyncio's read transports fit."""

    def pause_reading(self) -> None:
        """Stop feeding the peer."""
        ...

    def resume_reading(self) -> None:
        """Go on feeding the peer."""
        ...


class Peer:
    """Side of a channel that calls the other side and answers it.

    Source: PS-4.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        notifications: Mapping[str, Callable[[JSONObject], None]],
        *,
        frame_bytes_max: int = FRAME_BYTES_MAX,
    ) -> None:
        self._methods = methods
        self._notifications = notifications
        self._bytes_max = frame_bytes_max
        self._frames = FrameReader(frame_bytes_max)
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._outgoing: list[bytes] = []
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[JSONValue]] = {}
        self._answering = 0
        self._crowded = False
        """The most calls that are allowed wait for their answers."""
        self._held = False
        """The other side does not take what is sent to it."""
        self._tasks: set[asyncio.Task[object]] = set()
        self._stray = b""
        self._gone: PolystepError | None = None
        self.on_close: Callable[[], None] = lambda: None

    @property
    def closed(self) -> bool:
        """Report whether every further call fails."""
        return self._gone is not None

    @property
    def stray(self) -> bytes:
        """Return the first bytes that came and are no frame: they broke the channel, or their rest did not come."""
        return self._stray or self._frames.rest

    def connect(self, writer: Writer, reader: Reader | None = None) -> None:
        """Attach the transports; messages sent before are sent now."""
        self._writer, self._reader = writer, reader
        self._flush()

    def agree(self, frame_bytes_max: int) -> None:
        """Keep to the smaller limit both ways, once hello has brought the other side's (PS-3.2)."""
        self._bytes_max = self._frames.frame_bytes_max = min(self._bytes_max, frame_bytes_max)

    def call(
        self, method: str, params: JSONObject, pack: Callable[[list[object]], bytes] = pack_message
    ) -> asyncio.Future[JSONValue]:
        """Send a request, encoded by `pack`; the future gets its answer, or the `PolystepError` that ended it."""
        waiter: asyncio.Future[JSONValue] = asyncio.get_running_loop().create_future()
        if self._gone is not None:
            waiter.set_exception(self._gone)
            return waiter
        self._next_id += 1
        try:
            message = self._framed(pack([REQUEST, self._next_id, method, params]), method)
        except PolystepError as error:
            waiter.set_exception(error)
            return waiter
        # The waiter is registered before the bytes can leave, so that no answer finds nobody waiting.
        self._waiting[self._next_id] = waiter
        self._send(message)
        return waiter

    def notify(self, method: str, params: JSONObject) -> None:
        """Send a notification; nothing comes back, and nothing happens on a closed channel."""
        if self._gone is None:
            self._send(self._framed(pack_message([NOTIFICATION, method, params]), method))

    def data_received(self, data: bytes) -> None:
        """Take bytes that arrived and act on every complete message."""
        for message in () if self.closed else self._frames.feed(data):
            if self._gone is not None:
                return
            if isinstance(message, Oversize):
                self._refuse_oversize(message)
                continue
            try:
                read = unpack_message(message)
            except PolystepError as error:
                self._refuse(*message_head(message), error)
            else:
                self._dispatch(read)

    def fail(self, reason: PolystepError) -> None:
        """Close: every waiter gets `reason`, now and from now on. Only the first call counts.

        Calls of the other side that are being answered run to their end: what they have begun to write is written
        anyway, and others must hear of it. Only their answers are dropped.
        """
        if self._gone is not None:
            return
        self._flush()
        self._gone = reason
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting.values():
            if not waiter.done():
                waiter.set_exception(reason)
        if self._writer is not None:
            self._writer.close()
        self.on_close()

    def _dispatch(self, message: JSONValue) -> None:
        parts = message if isinstance(message, list) else []
        # `is int`: a kind or an id of true is none, though Python has it equal to 1.
        match len(parts), parts[0] if parts and type(parts[0]) is int else None:
            case 4, 0 if type(parts[1]) is int:
                self._take_request(parts[1], parts[2], parts[3])
            case 4, 1 if type(parts[1]) is int:
                self._resolve(parts[1], parts[2], parts[3])
            case 3, 2:
                self._take_notification(parts[1], parts[2])
            case _:
                self._refuse(-1, None, InvalidParams(f"It is {reprlib.repr(message)}"))

    def _refuse(self, kind: int, identifier: int | None, error: PolystepError) -> None:
        """Fail the call of a message that cannot be used; the channel when that is unknown (PS-4.4, PS-4.5)."""
        if kind == REQUEST and identifier is not None:
            self._respond_error(identifier, error)
        elif kind == RESPONSE and identifier is not None:
            self._resolve(identifier, error.to_wire(), None)
        elif kind == NOTIFICATION:
            _log.warning("A notification was dropped. %s", error.message)
        else:
            self.fail(RunnerGone(f"The channel carried something that is no message. {error.message}"))

    def _take_request(self, identifier: int, method: JSONValue, params: JSONValue) -> None:
        if identifier < 0 or not isinstance(method, str):
            self._respond_error(identifier, InvalidParams("A request is [0, id from 0 up, method as text, params]."))
        elif method not in self._methods:
            self._respond_error(identifier, MethodNotFound(f'There is no method "{method}".'))
        elif not isinstance(params, dict):
            self._respond_error(identifier, InvalidParams(f"The params of {method} must be a map."))
        else:
            self._answer_call(identifier, method, params)

    def _take_notification(self, method: JSONValue, params: JSONValue) -> None:
        take = self._notifications.get(method) if isinstance(method, str) else None
        if not isinstance(method, str) or not isinstance(params, dict):
            self._refuse(NOTIFICATION, None, InvalidParams("It is not [2, method as text, params as a map]."))
        elif take is not None:
            try:
                take(params)
            except Exception:  # noqa: BLE001 - messages that arrived together with this one must not be lost with it
                _log.exception("A notification (%s) could not be taken", method)

    def _resolve(self, identifier: int, error: JSONValue, result: JSONValue) -> None:
        waiter = self._waiting.pop(identifier, None)
        # A caller that was cancelled has left; its answer is of no use to anybody.
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(result)
        else:
            waiter.set_exception(error_from_wire(error))

    def _answer_call(self, identifier: int, method: str, params: JSONObject) -> None:
        sent: Callable[[BaseException | None], None] | None = None
        try:
            result = self._methods[method](params)
        except Exception as error:  # noqa: BLE001 - the one boundary where any failure becomes an answer
            self._respond_error(identifier, error, method)
            return
        if isinstance(result, WatchedAnswer):
            result, sent = result
        if isinstance(result, FittedAnswer):
            result = result.make(self._bytes_max - ENVELOPE_BYTES)
        if isinstance(result, asyncio.Future):
            self._count(1)
            result.add_done_callback(lambda done: self._respond_future(identifier, method, done, sent))
        elif asyncio.iscoroutine(result):
            self._count(1)
            task: asyncio.Task[object] = asyncio.ensure_future(result)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda done: self._respond_future(identifier, method, done, sent))
        else:
            self._respond(identifier, method, result)
            if sent is not None:
                sent(None)

    def _respond_future(
        self,
        identifier: int,
        method: str,
        done: asyncio.Future[object],
        sent: Callable[[BaseException | None], None] | None,
    ) -> None:
        self._count(-1)
        error: BaseException | None
        if done.cancelled():
            error = RunnerGone("The host stopped before it answered.")
        else:
            error = done.exception()
        if error is not None:
            self._respond_error(identifier, error, method)
        else:
            self._respond(identifier, method, done.result())
        if sent is not None:
            sent(error)

    def _respond(self, identifier: int, method: str, result: object) -> None:
        try:
            what = f"the answer to {method}"
            if isinstance(result, Packed):
                self._send(self._framed(packed_answer(identifier, result), what))
            else:
                self._send(self._framed(pack_message([RESPONSE, identifier, None, result]), what))
        except PolystepError as error:
            self._respond_error(identifier, error)

    def _respond_error(self, identifier: int, error: BaseException, method: str = "") -> None:
        if not isinstance(error, PolystepError):
            _log.error("Answering %s failed", method, exc_info=error)
            error = PolystepError(f"The host failed while it answered {method}: {type(error).__name__}: {error}")
        try:
            message = self._framed(pack_message([RESPONSE, identifier, error.to_wire(), None]), "an error")
        except PolystepError:
            # Its data is too large or cannot be carried. An answer there must be, so it goes without.
            brief = type(error)(error.message[:_ERROR_CHARS_MAX].encode("utf-8", "replace").decode())
            message = self._framed(pack_message([RESPONSE, identifier, brief.to_wire(), None]), "an error")
        self._send(message)

    def _refuse_oversize(self, message: Oversize) -> None:
        error = FrameTooLarge(
            f"A message of {message.length_bytes} bytes is over the limit of {self._bytes_max}. "
            "Store large data outside the value and pass a reference."
        )
        self._refuse(*message_head(message.head), error)
        if self._gone is not None:
            self._stray = message.start

    def _framed(self, payload: bytes, what: str) -> bytes:
        if len(payload) > self._bytes_max:
            raise FrameTooLarge(
                f"{what} would be a message of {len(payload)} bytes; the limit is {self._bytes_max}. "
                "Store large data outside the value and pass a reference."
            )
        return frame(payload)

    def _send(self, message: bytes) -> None:
        # All messages of one turn of the loop leave in one write: a syscall costs more than most messages.
        if self._gone is not None:
            return
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(message)
        if len(self._outgoing) >= _SEND_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._outgoing and self._writer is not None:
            data = self._outgoing[0] if len(self._outgoing) == 1 else b"".join(self._outgoing)
            self._outgoing.clear()
            # The other side may be gone before the channel is closed, since its last answers are still read. uvloop
            # raises then, asyncio does not; those that wait for an answer fail when the channel is closed.
            if not self._writer.is_closing():
                self._writer.write(data)

    def hold_reading(self, hold: bool) -> None:
        """Stop reading while the other side does not take what is sent to it."""
        before = self._reading
        self._held = hold
        self._apply_reading(before)

    def _count(self, change: int) -> None:
        before = self._reading
        self._answering += change
        if self._answering >= CALLS_MAX:
            self._crowded = True
        elif self._answering <= CALLS_MAX // 2:
            self._crowded = False
        self._apply_reading(before)

    @property
    def _reading(self) -> bool:
        return not self._crowded and not self._held

    def _apply_reading(self, before: bool) -> None:
        if self._reader is None or self._reading == before:
            return
        if self._reading:
            self._reader.resume_reading()
        else:
            self._reader.pause_reading()
