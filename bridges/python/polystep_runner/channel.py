"""Channel to the host: its descriptors, frames on them (PS-2, PS-3) and messages in these (PS-4)."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgpack

from polystep_runner.adapters.messages import unpack
from polystep_runner.codec import ChannelBroken, lenient, unpack_head
from polystep_runner.errors import PolystepError, error_from_wire, failure_of, safe_text

FRAME_BYTES_MAX: Final = 16_777_216
_PIPE_BYTES: Final = 65_536  # what a pipe holds: read at once; frames wait for the end of the tick unless they are more
_HEAD_BYTES: Final = 256  # kept of a frame that is too large: enough for its kind and id
_WAITING_BYTES_MAX: Final = 8_388_608  # of what the host has yet to read; then log lines and spans are dropped

Finish = Callable[[PolystepError | None, object], None]


def take_descriptors(kind: str) -> tuple[int, int]:
    """Return the descriptors to read and to write, out of reach of user code and its children; OSError: not opened."""
    reading, writing = 3, 4
    if kind == "stdio":  # PS-2.2
        if os.isatty(0):
            raise OSError("standard input is a terminal")
        reading, writing = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        _point_at_nothing(0)
    for descriptor in (reading, writing):
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)
    return reading, writing


class Splitter:
    """Splitter of a byte stream into frames that drops a frame over the limit except its head (PS-3.3)."""

    def __init__(self) -> None:
        self.frame_bytes_max = FRAME_BYTES_MAX
        self._buffer, self._drop_bytes = bytearray(), 0

    def feed(self, data: bytes) -> list[tuple[bytearray, bool]]:
        """Return `(frame, whole)` for each frame that is complete now; not whole: only the head of one too large."""
        buffer, frames = self._buffer, list[tuple[bytearray, bool]]()
        buffer += data
        while True:
            dropped = min(self._drop_bytes, len(buffer))
            del buffer[:dropped]
            self._drop_bytes -= dropped
            if len(buffer) < 4:
                return frames
            size = int.from_bytes(buffer[:4], "big")
            if size == 0:
                raise ChannelBroken("a frame of length 0")
            whole = size <= self.frame_bytes_max
            end = 4 + (size if whole else min(size, _HEAD_BYTES))
            if len(buffer) < end:
                return frames
            frames.append((buffer[4:end], whole))
            self._drop_bytes = 4 + size  # what of it is still to come as well


class Channel:
    """Bridge's end of the channel. Any thread may `request`, `notify` and `log`; the rest is the event loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reading: int, writing: int) -> None:
        self.loop, self.reading, self.writing = loop, reading, writing
        self.on_request: Callable[[int, object, object], None]
        self.on_cancel: Callable[[str, str], None]
        self.on_written: Callable[[], None] = lambda: None  # the pipe has taken bytes
        self.thread = threading.get_ident()
        self.lock = threading.RLock()  # what a run sends stays in its order, whichever threads it uses (PS-8.6)
        self._pack, self._splitter, self.unsent = msgpack.Packer().pack, Splitter(), bytearray()
        self.is_open = self._flush_due = self._is_blocked = False
        self._waiting: dict[int, Finish] = {}
        self._last_id = self._lost = self.reads = 0
        loop.add_reader(reading, self._readable)
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def open(self, frame_bytes_max: int) -> None:
        """Take the frame size of hello, and let more than answers through (PS-3.2, PS-5.4)."""
        self._splitter.frame_bytes_max = min(frame_bytes_max, FRAME_BYTES_MAX)
        self.is_open = True

    def is_here(self) -> bool:
        """Report whether the caller runs on the event loop's thread."""
        return threading.get_ident() == self.thread

    def request(self, method: str, params: dict[str, Any], finish: Finish) -> None:
        """Send a request whose `params` are plain; `finish(error, result)` is called with its answer."""
        with self.lock:
            self._last_id += 1
            self._send([0, self._last_id, method, params])
            self._waiting[self._last_id] = finish

    def answer(self, id: int, result: object, error: PolystepError | None = None) -> None:
        """Answer a request with a plain value or an error; an answer that is too large becomes an error (PS-3.3)."""
        try:
            self._send([1, id, None, result] if error is None else [1, id, error.to_wire(), None])
        except PolystepError as too_large:
            self._send([1, id, too_large.to_wire(), None])

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification whose `params` are plain, or drop and count it (PS-8.10)."""
        with self.lock:
            if len(self.unsent) > _WAITING_BYTES_MAX or not self.is_open:
                self._lost += self.is_open
                return
            if self._lost:
                text, self._lost = f"{self._lost} log lines were dropped: they came faster than they are read.", 0
                self.log(None, "warn", text, {}, "output")
            try:
                self._send([2, method, params])
            except PolystepError as error:  # a line about it always fits: a frame has at least 1,024 bytes
                self.log(None, "warn", f"polystep left out a {method}: {error.message}", {}, "output")

    def log(self, run: Any, level: str, message: object, fields: Mapping[Any, Any], source: str) -> None:
        """Send a log line of `run`, if it is one of a run; never raises (PS-8.7)."""
        params = {"level": level, "message": safe_text(message), "source": source} | ({"run": run.id} if run else {})
        params |= {"time_ms": time.time_ns() // 1_000_000, **({"fields": lenient(fields)} if fields else {})}
        self.notify("log", params)

    def drain(self) -> None:
        """Write everything, waiting for the host to take it; for the last answer before an exit."""
        os.set_blocking(self.writing, True)
        while self.unsent:
            self._flush()

    def _send(self, message: list[Any]) -> None:
        with self.lock:
            body, bytes_max = self._pack(message), self._splitter.frame_bytes_max
            if len(body) > bytes_max:
                what = {0: message[2], 1: "answer", 2: message[1]}[message[0]]
                text = f"This {what} takes {len(body)} bytes; {bytes_max} are allowed. "
                raise PolystepError("frame_too_large", text + "Store large data elsewhere and send where it is.")
            self.unsent += len(body).to_bytes(4, "big") + body
            is_here = self.is_here()
            if is_here and len(self.unsent) > _PIPE_BYTES:
                self._flush()
            elif not self._flush_due:
                self._flush_due = True
                (self.loop.call_soon if is_here else self.loop.call_soon_threadsafe)(self._flush)

    def _flush(self) -> None:
        """Write what the host takes now; the rest follows when it takes more."""
        with self.lock:
            try:
                del self.unsent[: os.write(self.writing, self.unsent)]
            except BlockingIOError:
                pass
            except OSError:  # the host has closed its end
                os._exit(0)
            if self.unsent:
                self.loop.add_writer(self.writing, self._flush)
            elif self._is_blocked:
                self.loop.remove_writer(self.writing)
            self._flush_due = self._is_blocked = bool(self.unsent)
            self.on_written()

    def _readable(self) -> None:
        self.reads += 1
        try:
            data = os.read(self.reading, _PIPE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            os._exit(0)  # PS-2.5: nothing that is still running has anyone to tell
        try:
            for frame, whole in self._splitter.feed(data):
                self._on_frame(frame, whole)
        except ChannelBroken as error:
            os.write(2, f"polystep runner: the host sent {error}; the channel is closed.\n".encode())
            os._exit(1)

    def _on_frame(self, frame: bytearray, whole: bool) -> None:
        refusal = None if whole else PolystepError("frame_too_large", "The message is larger than agreed in hello.")
        try:
            message = unpack(frame) if whole else unpack_head(frame)
        except ValueError as error:
            message, refusal = unpack_head(frame), PolystepError("invalid_value", f"It can't be read: {error}")
        match message:
            case [0, id, method, params] if type(message[0]) is type(id) is int:
                try:
                    self.on_request(id, method, params) if refusal is None else self.answer(id, None, refusal)
                except Exception as error:  # noqa: BLE001 - every request is answered, and the frames behind it are read
                    self.answer(id, None, error if isinstance(error, PolystepError) else failure_of("internal", error))
            case [1, id, error, result] if type(message[0]) is type(id) is int:
                finish = self._waiting.pop(id, None)
                if finish is not None:
                    finish(refusal or (error if error is None else error_from_wire(error)), result)
            case [2, method, params] if type(message[0]) is int:
                if method == "cancel" and isinstance(params, dict) and isinstance(params.get("run"), str):
                    self.on_cancel(params["run"], safe_text(params.get("reason") or "no reason was given"))
            case _:
                raise ChannelBroken("a frame that is no message")

    def _leave_to_parent(self) -> None:
        """Point the channel's descriptors at nothing in a forked child (PS-2.2)."""
        _point_at_nothing(self.reading, self.writing)
        self.lock = threading.RLock()  # the other may be held by a thread that exists in the parent only


def _point_at_nothing(*descriptors: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor, inheritable=descriptor == 0)
    os.close(nothing)
