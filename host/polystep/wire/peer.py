"""One side of a conversation: correlate calls, answer the other side's, fail everything at the end.

A `Peer` is symmetrical and knows no process and no step. It is given a transport to write to and is fed what arrives.
Answers of both sides are bounded: calls that the host makes by `runs_max` of the runner, calls that the runner makes by
`CALLS_MAX`, beyond which reading pauses.
"""

from __future__ import annotations

import asyncio
import logging
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
from polystep.wire.codec import message_head, pack, unpack
from polystep.wire.frames import FrameReader, Oversize, frame

REQUEST: Final = 0
RESPONSE: Final = 1
NOTIFICATION: Final = 2

Method = Callable[[JSONObject], object]
"""Answers one call: a value, or a future or coroutine of one. Raises `PolystepError` to answer with an error."""

_ERROR_CHARS_MAX: Final = 1000
"""What is left of the text of an error that does not fit into a message."""

_log = logging.getLogger("polystep.wire")


class Writer(Protocol):
    """Where a peer's bytes go; asyncio's write transports fit."""

    def write(self, data: bytes) -> None:
        """Send, or queue to send."""
        ...

    def close(self) -> None:
        """Send what is queued, then close."""
        ...


class Reader(Protocol):
    """Where a peer's bytes come from; asyncio's read transports fit."""

    def pause_reading(self) -> None:
        """Stop feeding the peer."""
        ...

    def resume_reading(self) -> None:
        """Go on feeding the peer."""
        ...


class Peer:
    """Calls the other side and answers it.

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
        self._send_bytes_max = frame_bytes_max
        self._frames = FrameReader(frame_bytes_max)
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._outgoing: list[bytes] = []
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[JSONValue]] = {}
        self._answering = 0
        self._crowded = False
        """As many calls as allowed wait for their answers."""
        self._held = False
        """The other side does not take what is sent to it."""
        self._tasks: set[asyncio.Task[object]] = set()
        self._gone: PolystepError | None = None
        self.on_close: Callable[[], None] = lambda: None

    @property
    def closed(self) -> bool:
        """Whether every further call fails."""
        return self._gone is not None

    def connect(self, writer: Writer, reader: Reader | None = None) -> None:
        """Attach the transports; messages sent before are sent now."""
        self._writer, self._reader = writer, reader
        self._flush()

    def send_at_most(self, frame_bytes_max: int) -> None:
        """Respect the other side's limit as well, once its hello has told it (PS-3.2)."""
        self._send_bytes_max = min(self._bytes_max, frame_bytes_max)

    def call(self, method: str, params: JSONObject) -> asyncio.Future[JSONValue]:
        """Send a request; the future gets its answer, or the `PolystepError` that ended it."""
        waiter: asyncio.Future[JSONValue] = asyncio.get_running_loop().create_future()
        if self._gone is not None:
            waiter.set_exception(self._gone)
            return waiter
        self._next_id += 1
        try:
            message = self._message([REQUEST, self._next_id, method, params], method)
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
            self._send(self._message([NOTIFICATION, method, params], method))

    def data_received(self, data: bytes) -> None:
        """Take bytes that arrived and act on every complete message."""
        for message in () if self.closed else self._frames.feed(data):
            if self._gone is not None:
                return
            if isinstance(message, Oversize):
                self._refuse_oversize(message)
                continue
            try:
                self._dispatch(unpack(message))
            except PolystepError as error:
                self.fail(RunnerGone(f"The channel carried something that is no message: {error.message}"))

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
        match message:
            case [0, int(identifier), str(method), dict(params)]:
                self._answer_call(identifier, method, params)
            case [1, int(identifier), error, result]:
                self._resolve(identifier, error, result)
            case [2, str(method), dict(params)]:
                notification = self._notifications.get(method)
                if notification is not None:
                    self._take_notification(method, params, notification)
            case _:
                raise InvalidParams(f"Not a message: {str(message)[:200]}")

    def _take_notification(self, method: str, params: JSONObject, take: Callable[[JSONObject], None]) -> None:
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
        handler = self._methods.get(method)
        if handler is None:
            self._respond_error(identifier, MethodNotFound(f'There is no method "{method}".'))
            return
        try:
            result = handler(params)
        except Exception as error:  # noqa: BLE001 - the one boundary where any failure becomes an answer
            self._respond_error(identifier, error, method)
            return
        if isinstance(result, asyncio.Future):
            self._count(1)
            result.add_done_callback(lambda done: self._respond_future(identifier, method, done))
        elif asyncio.iscoroutine(result):
            self._count(1)
            task: asyncio.Task[object] = asyncio.ensure_future(result)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda done: self._respond_future(identifier, method, done))
        else:
            self._respond(identifier, method, result)

    def _respond_future(self, identifier: int, method: str, done: asyncio.Future[object]) -> None:
        self._count(-1)
        if done.cancelled():
            self._respond_error(identifier, RunnerGone("The host stopped before it answered."))
            return
        error = done.exception()
        if error is not None:
            self._respond_error(identifier, error, method)
        else:
            self._respond(identifier, method, done.result())

    def _respond(self, identifier: int, method: str, result: object) -> None:
        try:
            self._send(self._message([RESPONSE, identifier, None, result], f"the answer to {method}"))
        except PolystepError as error:
            self._respond_error(identifier, error)

    def _respond_error(self, identifier: int, error: BaseException, method: str = "") -> None:
        if not isinstance(error, PolystepError):
            _log.error("Answering %s failed", method, exc_info=error)
            error = PolystepError(f"The host failed while it answered {method}: {type(error).__name__}: {error}")
        try:
            message = self._message([RESPONSE, identifier, error.to_wire(), None], "an error")
        except PolystepError:
            # Its data is too large or cannot be carried. An answer there must be, so it goes without.
            brief = type(error)(error.message[:_ERROR_CHARS_MAX].encode("utf-8", "replace").decode())
            message = self._message([RESPONSE, identifier, brief.to_wire(), None], "an error")
        self._send(message)

    def _refuse_oversize(self, message: Oversize) -> None:
        kind, identifier = message_head(message.head)
        error = FrameTooLarge(
            f"A message of {message.length_bytes} bytes is over the limit of {self._bytes_max}. "
            "Store large data outside the value and pass a reference."
        )
        if identifier is None:
            if kind == -1:
                self.fail(RunnerGone(f"The channel carried garbage: {error.message}"))
            else:
                _log.warning("A notification was dropped. %s", error.message)
        elif kind == REQUEST:
            self._respond_error(identifier, error)
        else:
            self._resolve(identifier, error.to_wire(), None)

    def _message(self, message: list[object], what: str) -> bytes:
        payload = pack(message)
        if len(payload) > self._send_bytes_max:
            raise FrameTooLarge(
                f"{what} would be a message of {len(payload)} bytes; the limit is {self._send_bytes_max}. "
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

    def _flush(self) -> None:
        if self._outgoing and self._writer is not None:
            data = self._outgoing[0] if len(self._outgoing) == 1 else b"".join(self._outgoing)
            self._outgoing.clear()
            self._writer.write(data)

    def hold_reading(self, hold: bool) -> None:
        """Do not read for as long as the other side does not take what is sent to it."""
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
