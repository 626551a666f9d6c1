"""Messages (PS-4): answers what the host asks, asks the host, and keeps the two apart by id."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any, Final

import msgpack

from polystep_runner.calls import Call, Run
from polystep_runner.channel import FRAME_BYTES_MAX, Channel, ChannelBroken
from polystep_runner.codec import lenient, plain, unpack, unpack_head
from polystep_runner.errors import TEXT_CHARS_MAX, PolystepError, describe, error_from_wire, safe_text

WAITING_BYTES_MAX: Final = 8_388_608
"""Log lines and spans are dropped, and counted, while the host has this much to read; answers and calls never are."""

_LEFT_OUT: Final = "polystep left out a"

RequestHandler = Callable[[int, dict[str, Any]], None]
NotificationHandler = Callable[[dict[str, Any]], None]


class Peer:
    """One end of the channel. Everything but `call` and `notify` belongs to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reading: int, writing: int) -> None:
        self.requests: dict[str, RequestHandler] = {}
        self.notifications: dict[str, NotificationHandler] = {}
        self.channel = Channel(loop, reading, writing, self._on_frame)
        self._loop = loop
        self._thread = get_ident()
        self._pack = msgpack.Packer().pack
        self._frame_bytes_max = FRAME_BYTES_MAX
        self._calls: dict[int, Call] = {}
        self._last_id = 0
        self._lost = 0
        self._open = False

    def open(self, frame_bytes_max: int) -> None:
        """After hello: take the agreed frame size, and let log lines and spans through. Source: PS-3.2, PS-5.1."""
        self._frame_bytes_max = self.channel.splitter.frame_bytes_max = min(frame_bytes_max, FRAME_BYTES_MAX)
        self._open = True

    def call(self, run: Run, method: str, params: dict[str, Any], answer: object = None) -> Call:
        """Start a call at once, from any thread; what is returned may be awaited or left alone.

        Args:
            run: Whose call it is.
            method: A method of PS-8.
            params: Copied before this returns; later changes have no effect.
            answer: Given instead of the host's answer when it is not None.
        """
        on_loop = get_ident() == self._thread
        call = Call(run, self._loop.create_future() if on_loop else concurrent.futures.Future(), answer)
        refusal = None
        message: dict[str, Any] = {"run": run.id}
        try:
            for name, value in params.items():
                message[name] = value if type(value) is str and value.isascii() else plain(value, name)
        except PolystepError as error:
            refusal = error
        if on_loop:
            self._start(call, method, message, refusal)
        else:
            self._loop.call_soon_threadsafe(self._start, call, method, message, refusal)
        return call

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification whose `params` are plain, from any thread. Nothing is sent before hello."""
        if get_ident() == self._thread:
            self._notify(method, params)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notify, method, params)

    def log(self, run: Run | None, level: str, message: object, fields: Mapping[Any, Any], source: str) -> None:
        """Send a log line, from any thread; never raises. Source: PS-8.3."""
        params: dict[str, Any] = {"run": run.id} if run is not None else {}
        text = message if type(message) is str and message.isascii() else safe_text(message)
        params |= {"level": level, "message": text[:TEXT_CHARS_MAX], "time_ms": time.time_ns() // 1_000_000}
        params["source"] = source
        if fields:
            params["fields"] = lenient(fields)
        self.notify("log", params)

    def respond(self, request_id: int, result: object) -> None:
        """Answer a request, or fail it when `result` can't be carried."""
        try:
            self._send([1, request_id, None, plain(result, "result")])
        except PolystepError as error:
            self.fail(request_id, error)

    def fail(self, request_id: int, error: PolystepError) -> None:
        """Answer a request with an error."""
        wire = error.to_wire()
        try:
            self._send([1, request_id, wire, None])
        except PolystepError:
            self._send([1, request_id, {**wire, "message": wire["message"][:200], "data": {}}, None])

    def _start(self, call: Call, method: str, params: dict[str, Any], refusal: PolystepError | None) -> None:
        if refusal is None:
            self._last_id += 1
            try:
                self._send([0, self._last_id, method, params])
                self._calls[self._last_id] = call
                return
            except PolystepError as error:
                refusal = error
        call.finish(refusal, None)

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        if not self._open:
            return
        if self.channel.waiting_bytes > WAITING_BYTES_MAX:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self.log(None, "warn", f"{lost} log lines were dropped: they came faster than they are read.", {}, "output")
        try:
            self._send([2, method, params])
        except PolystepError as error:
            if method == "log" and params["message"].startswith(_LEFT_OUT):
                return  # not even this fits into a frame
            self.log(None, "warn", f"{_LEFT_OUT} {method}: {error.message}", {}, "output")

    def _send(self, message: list[Any]) -> None:
        body = self._pack(message)
        if len(body) > self._frame_bytes_max:
            what = {0: message[2], 1: "answer", 2: message[1]}[message[0]]
            raise PolystepError(
                "frame_too_large",
                f"This {what} takes {len(body)} bytes; {self._frame_bytes_max} are allowed. "
                "Store large data elsewhere and send where it is.",
            )
        self.channel.send(body)

    def _on_frame(self, frame: bytearray, whole: bool) -> None:
        if not whole:
            self._unreadable(frame, PolystepError("frame_too_large", "The message is larger than agreed in hello."))
            return
        try:
            message = unpack(frame)
        except Exception as error:  # noqa: BLE001 - msgpack raises its own, ValueError and UnicodeDecodeError
            self._unreadable(frame, PolystepError("invalid_value", f"The message can't be read: {error}"))
            return
        match message:
            case [1, int(id), error, result]:
                call = self._calls.pop(id, None)
                if call is not None:
                    call.finish(None if error is None else error_from_wire(error), result)
            case [0, int(id), str(method), params]:
                self._request(id, method, params)
            case [2, str(method), params]:
                handler = self.notifications.get(method)
                if handler is not None and isinstance(params, dict):
                    handler(params)
            case _:
                raise ChannelBroken("a frame that is no message")

    def _request(self, id: int, method: str, params: object) -> None:
        handler = self.requests.get(method)
        if handler is None:
            self.fail(id, PolystepError("method_not_found", f"This runner has no method {method!r}."))
        elif not isinstance(params, dict):
            self.fail(id, PolystepError("invalid_params", f"The params of {method} must be a map."))
        else:
            try:
                handler(id, params)
            except PolystepError as error:
                self.fail(id, error)
            except Exception as error:  # noqa: BLE001 - every request is answered, and the frames behind it are read
                self.fail(id, PolystepError("internal", f"{method} failed: {error!r}", data=describe(error)))

    def _unreadable(self, frame: bytearray, error: PolystepError) -> None:
        """Fail the one call that `frame` belongs to (PS-3.3)."""
        try:
            kind, id = unpack_head(frame)
        except Exception as cause:
            raise ChannelBroken("a frame that is not msgpack") from cause
        if kind == 0 and isinstance(id, int):
            self.fail(id, error)
        elif kind == 1 and isinstance(id, int):
            call = self._calls.pop(id, None)
            if call is not None:
                call.finish(error, None)
        elif kind != 2:
            raise ChannelBroken("a frame that is no message")
