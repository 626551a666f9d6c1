"""The clients of the fan-out count what comes, however it is cut on its way."""

from __future__ import annotations

import asyncio
import time

import pytest

from polystep.http.socket_frames import text_frame
from tests.bench.clients import Client, Crowd

_SHAKEN = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class _Sent(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data

    def abort(self) -> None:
        self.aborted = True


def _frames(count: int, filler: int) -> bytes:
    return b"".join(
        text_frame(b'{"at":%f,"note":"%s"}' % (time.monotonic() * 1000, b"x" * filler)) for _ in range(count)
    )


async def _connected(crowd: Crowd) -> tuple[Client, _Sent]:
    client, sent = Client(crowd, b"join", is_sampled=True), _Sent()
    client.connection_made(sent)
    return client, sent


@pytest.mark.parametrize(
    ("piece", "filler"), [(1, 1), (1, 200), (7, 1), (7, 200), (4096, 70_000), (1_000_000, 1), (1_000_000, 70_000)]
)
async def test_frames_are_counted_after_the_snapshot(piece: int, filler: int) -> None:
    crowd = Crowd()
    client, sent = await _connected(crowd)
    data = _SHAKEN + text_frame(b'{"event":{"type":"sync"}}') + _frames(3, filler)
    for start in range(0, len(data), piece):
        client.data_received(data[start : start + piece])
    assert client.joined.done()
    assert crowd.frames == 3
    assert sent.data.endswith(b"join")
    assert len(crowd.latencies_ms) == 3 and all(0 <= delay_ms < 60_000 for delay_ms in crowd.latencies_ms)


async def test_a_lost_client_ends_the_wait() -> None:
    crowd = Crowd()
    client, _ = await _connected(crowd)
    client.data_received(_SHAKEN + text_frame(b"{}"))
    waiting = asyncio.create_task(crowd.reach(10))
    client.connection_lost(None)
    await waiting
    assert crowd.report() | {"cpuS": 0.0} == {"frames": 0, "latenciesMs": [], "lastMs": 0.0, "lost": 1, "cpuS": 0.0}


async def test_a_refused_handshake_fails_the_join() -> None:
    client, sent = await _connected(Crowd())
    client.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    with pytest.raises(ConnectionError, match="503"):
        await client.joined
    assert sent.aborted
