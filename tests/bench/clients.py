"""Many WebSocket clients in one process of their own, cheap enough not to be what is measured.

`python -m tests.bench.clients PORT CLIENTS STREAM GROUP` joins, prints `{"joined": n}`, and then answers each line on
its standard input, a count of frames to wait for, with `{"frames", "latenciesMs", "lastMs", "lost", "cpuS"}` when they
have come. Counts start anew with every answer. Times are of the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
import time
from typing import Final, cast

import uvloop

CONNECTING_MAX: Final = 64
SAMPLED: Final = 50
"""Clients whose frames are read; of the others they are only counted. They are spread over the order of the joins."""

_AT: Final = re.compile(rb'"at":([0-9.]+)')


class Crowd:
    """What all clients have seen since the last answer."""

    def __init__(self) -> None:
        self.lost = 0
        self._counted = asyncio.Event()
        self.count_anew()

    def count_anew(self) -> None:
        """Forget what has come."""
        self.frames = 0
        self.latencies_ms: list[float] = []
        self.last_s = 0.0
        self._wanted = sys.maxsize
        self._counted.clear()
        self._cpu_s = time.process_time()

    async def reach(self, wanted: int) -> None:
        """Wait until so many frames have come, or a client is lost: then they never will."""
        self._wanted = wanted
        self._check()
        await self._counted.wait()

    def came(self, frames: int) -> None:
        """Count."""
        self.frames += frames
        self.last_s = time.monotonic()
        if self.frames >= self._wanted:
            self._check()

    def lost_one(self) -> None:
        """A client is gone."""
        self.lost += 1
        self._check()

    def report(self) -> dict[str, object]:
        """What has been seen."""
        return {
            "frames": self.frames,
            "latenciesMs": self.latencies_ms,
            "lastMs": self.last_s * 1000,
            "lost": self.lost,
            "cpuS": time.process_time() - self._cpu_s,
        }

    def _check(self) -> None:
        if self.frames >= self._wanted or self.lost:
            self._counted.set()


class Client(asyncio.Protocol):
    """One socket: shakes hands, joins, then counts the frames that come."""

    def __init__(self, crowd: Crowd, join: bytes, *, is_sampled: bool) -> None:
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crowd = crowd
        self._join = join
        self._is_sampled = is_sampled
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._shaken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket without compression: with it, each frame would be made for one client alone."""
        # uvloop's transports are no subclass, though they are of the kind.
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count whole frames; the rest waits for what comes next."""
        received_s = time.monotonic()
        data = self._rest + data
        if not self._shaken:
            head, separator, data = data.partition(b"\r\n\r\n")
            if not separator:
                self._rest = head
                return
            self._shake(head)
        start, frames = 0, 0
        while (end := _frame_end(data, start)) is not None:
            if not self.joined.done():
                # The first frame is the snapshot: from here on every change comes.
                self.joined.set_result(None)
            else:
                frames += 1
                if self._is_sampled:
                    self._sample(data[start:end], received_s)
            start = end
        self._rest = data[start:]
        if frames:
            self._crowd.came(frames)

    def connection_lost(self, _: Exception | None) -> None:
        """Never expected while something is measured."""
        if not self.joined.done():
            self.joined.set_exception(ConnectionError("the host closed the socket before the join was answered"))
        else:
            self._crowd.lost_one()

    def _shake(self, head: bytes) -> None:
        assert self._transport is not None
        if not head.startswith(b"HTTP/1.1 101"):
            self.joined.set_exception(ConnectionError(f"no WebSocket: {head[:200].decode(errors='replace')}"))
            self._transport.abort()
            return
        self._shaken = True
        self._transport.write(self._join)

    def _sample(self, frame: bytes, received_s: float) -> None:
        found = _AT.search(frame)
        if found is not None:
            self._crowd.latencies_ms.append(received_s * 1000 - float(found[1]))


def _frame_end(data: bytes, start: int) -> int | None:
    """Where the frame that starts here ends, when it has come as a whole (RFC 6455, 5.2; servers do not mask)."""
    if len(data) < start + 2:
        return None
    length, header = data[start + 1], 2
    if length >= 126:
        header = 4 if length == 126 else 10
        length = int.from_bytes(data[start + 2 : start + header], "big")
    end = start + header + length
    return end if end <= len(data) else None


def _masked(text: str) -> bytes:
    """A text frame as a client sends it: masked, here with zeros."""
    payload = text.encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload


async def _connect(crowd: Crowd, port: int, count: int, join: bytes) -> list[Client]:
    gate = asyncio.Semaphore(CONNECTING_MAX)
    stride = max(count // SAMPLED, 1)
    loop = asyncio.get_running_loop()

    async def one(number: int) -> Client:
        async with gate:
            _, client = await loop.create_connection(
                lambda: Client(crowd, join, is_sampled=number % stride == 0), "127.0.0.1", port
            )
            await client.joined
            return client

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def _serve(port: int, count: int, stream: str, group: str) -> None:
    crowd = Crowd()
    data = {"streamName": stream, "groupId": group, "subscriptionId": "bench"}
    clients = await _connect(crowd, port, count, _masked(json.dumps({"type": "join", "data": data})))
    _answer({"joined": len(clients)})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await crowd.reach(int(line))
        _answer(crowd.report())
        crowd.count_anew()


def _answer(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
