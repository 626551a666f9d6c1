"""A peer over a pair of pipe descriptors."""

from __future__ import annotations

import asyncio
import os

from polystep.contracts.errors import RunnerGone
from polystep.wire.peer import Peer


class _Incoming(asyncio.Protocol):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def data_received(self, data: bytes) -> None:
        self._peer.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        # One turn later than the last data, so that answers sent just before the end still count.
        self._peer.fail(RunnerGone("The runner closed its channel."))


class _Outgoing(asyncio.BaseProtocol):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._peer.fail(RunnerGone(f"The runner stopped reading its channel: {exc}."))


async def connect_pipes(peer: Peer, read_fd: int, write_fd: int) -> None:
    """Attach a peer to two pipe ends, which it owns and closes from now on."""
    loop = asyncio.get_running_loop()
    reader, _ = await loop.connect_read_pipe(lambda: _Incoming(peer), os.fdopen(read_fd, "rb", buffering=0))
    writer, _ = await loop.connect_write_pipe(lambda: _Outgoing(peer), os.fdopen(write_fd, "wb", buffering=0))
    previous = peer.on_close

    def close() -> None:
        reader.close()
        previous()

    peer.on_close = close
    peer.connect(writer, reader)
