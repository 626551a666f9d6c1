"""Bytes: the two descriptors of the channel, frames on them (PS-2, PS-3), and noticing that the host has gone."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

FRAME_BYTES_MAX: Final = 16_777_216
_READ_BYTES: Final = 262_144
_FLUSH_BYTES: Final = 65_536
"""Frames wait for the end of the tick unless they are more than a pipe holds."""
_HEAD_BYTES: Final = 256
"""Kept of a frame that is too large: enough for its kind and id."""
_HANGUP_GRACE_S: Final = 0.25
"""What the event loop gets to read the last frames before a hang-up ends the process."""


class ChannelBroken(Exception):
    """What arrived is not this protocol (PS-4.4); nothing after it can be trusted."""


def take_descriptors(kind: str) -> tuple[int, int]:
    """Return the descriptors to read and to write, out of reach of user code and its child processes.

    Raises:
        OSError: The host did not open them.

    Source: PS-2.1 to PS-2.3.
    """
    if kind == "stdio":
        if os.isatty(0):
            raise OSError("standard input is a terminal")
        reading, writing = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
    else:
        reading, writing = 3, 4
    for descriptor in (reading, writing):
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)
    return reading, writing


class Splitter:
    """Cuts a stream of bytes into frames. A frame over the limit is dropped but for its head (PS-3.3)."""

    def __init__(self) -> None:
        self.frame_bytes_max = FRAME_BYTES_MAX
        self._buffer = bytearray()
        self._drop_bytes = 0

    def feed(self, data: bytes) -> list[tuple[bytearray, bool]]:
        """Return `(frame, whole)` for each frame that is complete now; not whole: only the head of one too large."""
        buffer = self._buffer
        buffer += data
        frames: list[tuple[bytearray, bool]] = []
        start = self._dropped(0)
        while len(buffer) - start >= 4:
            size = int.from_bytes(buffer[start : start + 4], "big")
            if size == 0:
                raise ChannelBroken("a frame of length 0")
            whole = size <= self.frame_bytes_max
            needed = size if whole else min(size, _HEAD_BYTES)
            if len(buffer) - start - 4 < needed:
                break
            frames.append((buffer[start + 4 : start + 4 + needed], whole))
            self._drop_bytes = size - needed
            start = self._dropped(start + 4 + needed)
        del buffer[:start]
        return frames

    def _dropped(self, start: int) -> int:
        skipped = min(self._drop_bytes, len(self._buffer) - start)
        self._drop_bytes -= skipped
        return start + skipped


class Channel:
    """Reads frames as they come and writes all frames of one tick at once. Lives on the event loop's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, reading: int, writing: int, on_frame: Callable[[bytearray, bool], None]
    ) -> None:
        self.splitter = Splitter()
        self.waiting_bytes = 0
        """Not yet taken by the host."""
        self._loop = loop
        self._reading = reading
        self._writing = writing
        self._on_frame = on_frame
        self._frames: list[bytes] = []
        self._rest = memoryview(b"")
        self._flush_due = False

    def start(self) -> None:
        """Begin to read, and to watch for the host's end also while user code blocks the event loop."""
        self._loop.add_reader(self._reading, self._readable)
        threading.Thread(target=_exit_on_hangup, args=(self._reading,), name="polystep-hangup", daemon=True).start()

    def send(self, body: bytes) -> None:
        """Queue one frame. Bounded by the runs the host gives us, and by `Peer` for what they log."""
        self._frames += (len(body).to_bytes(4, "big"), body)
        self.waiting_bytes += len(body) + 4
        if self.waiting_bytes > _FLUSH_BYTES:
            self.flush()
        elif not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what the pipe takes now; the rest follows when it takes more."""
        self._flush_due = False
        if not self._rest:
            self._write()

    def drain(self) -> None:
        """Write everything, waiting for the host to take it; for the last answer before an exit."""
        self._loop.remove_writer(self._writing)
        os.set_blocking(self._writing, True)
        while self._rest or self._frames:
            self._write()

    def _write(self) -> None:
        if not self._rest:
            self._rest = memoryview(b"".join(self._frames))
            self._frames.clear()
        try:
            written = os.write(self._writing, self._rest) if self._rest else 0
        except BlockingIOError:
            written = 0
        except OSError:  # the host has closed its end
            os._exit(0)
        self.waiting_bytes -= written
        self._rest = self._rest[written:]
        if self._rest:
            self._loop.add_writer(self._writing, self._writable)

    def _writable(self) -> None:
        self._loop.remove_writer(self._writing)
        self._write()
        if not self._rest and self._frames:
            self.flush()

    def _readable(self) -> None:
        try:
            data = os.read(self._reading, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            os._exit(0)  # PS-2.5: nothing that is still running has anyone to tell
        try:
            for frame, whole in self.splitter.feed(data):
                self._on_frame(frame, whole)
        except ChannelBroken as error:
            os.write(2, f"polystep runner: the host sent {error}; the channel is closed.\n".encode())
            os._exit(1)


def _exit_on_hangup(reading: int) -> None:
    # Linux reports a hang-up that nobody asked for; elsewhere it comes only with POLLIN, so a pause keeps
    # unread frames from spinning this thread.
    watched = select.poll()
    watched.register(reading, 0 if sys.platform == "linux" else select.POLLIN)
    ended = select.POLLHUP | select.POLLERR | select.POLLNVAL
    while not any(flags & ended for _, flags in watched.poll()):
        time.sleep(_HANGUP_GRACE_S)
    time.sleep(_HANGUP_GRACE_S)
    os._exit(0)
