"""Peer over a pair of pipe descriptors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

from polystep.contracts.errors import RunnerGone
from polystep.contracts.limits import FRAME_BYTES_MAX
from polystep.wire.peer import Peer

_LAST_ANSWERS_S: Final = 1.0
"""Time to go on listening to a runner that reads no more."""


class _Incoming(asyncio.Protocol):
    def __init__(self, peer: Peer, on_end: Callable[[], None]) -> None:
        self._peer = peer
        self._on_end = on_end

    def data_received(self, data: bytes) -> None:
        self._peer.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_end()


class _Outgoing(asyncio.BaseProtocol):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def pause_writing(self) -> None:
        self._peer.hold_reading(True)

    def resume_writing(self) -> None:
        self._peer.hold_reading(False)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._peer.closed:
            return
        # Its last answers may still be on their way; usually its output ends at the same time, with a better reason.
        gone = RunnerGone(f"The runner stopped reading its channel{f': {exc}' if exc is not None else ''}.")
        asyncio.get_running_loop().call_later(_LAST_ANSWERS_S, self._peer.fail, gone)


async def connect_pipes(peer: Peer, read_fd: int, write_fd: int, *, on_end: Callable[[], None] | None = None) -> None:
    """Attach a peer to two pipe ends, which it owns and closes from now on.

    Args:
        peer: Gets the bytes that arrive.
        read_fd: Where the other side's bytes come from.
        write_fd: Where ours go.
        on_end: Called when the other side has closed and everything it sent is read; it must `fail` the peer, with a
            better reason than the default's.
    """
    loop = asyncio.get_running_loop()
    ended = on_end or (lambda: peer.fail(RunnerGone("The runner closed its channel.")))
    reader, _ = await loop.connect_read_pipe(lambda: _Incoming(peer, ended), os.fdopen(read_fd, "rb", buffering=0))
    writer, _ = await loop.connect_write_pipe(lambda: _Outgoing(peer), os.fdopen(write_fd, "wb", buffering=0))
    # A runner that calls and does not read its answers is not read from either, before they fill the memory.
    writer.set_write_buffer_limits(high=FRAME_BYTES_MAX)
    previous = peer.on_close

    def close() -> None:
        reader.close()
        previous()

    peer.on_close = close
    peer.connect(writer, reader)
