"""Faults of the world around a real host: frozen processes, clients that never read or idle, and long queues."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from polystep.contracts.clock import SystemClock
from polystep.contracts.events import NewDelivery
from polystep.stores import SqliteQueueStore, open_durable
from tests.e2e.running import Running, children_of, make_project
from tests.e2e.test_crash import nothing_waits
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

QUEUED = 100_000
IDLE = 10_000
MORE_CPU_S = 0.6
"""Processor time of the host that a start may take more than one with an empty queue."""
HOUR_MS = 3_600_000


async def test_events_are_accepted_and_wait_while_a_runner_is_frozen(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": START, "steps/count_step.py": COUNT})
    async with Running(project, verb="start") as host:
        (runner,) = [pid for pid in children_of(host.process.pid) if b"launch.py" in command_of(pid)]
        os.kill(runner, signal.SIGSTOP)
        try:
            await host.post("/start", {"count": 20})
            assert [queue["step"] for queue in (await host.api("queues"))["queues"]] == ["Count"]
        finally:
            os.kill(runner, signal.SIGCONT)
        await nothing_waits(host)
        assert await host.group("counted") == {str(number): 1 for number in range(20)}


async def test_a_frozen_host_goes_on_where_it_was(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": START, "steps/count_step.py": COUNT})
    async with Running(project, verb="start") as host:
        await host.post("/start", {"count": 20})
        host.process.send_signal(signal.SIGSTOP)
        late = asyncio.create_task(host.post("/start", {"count": 25}))
        await state_of(host.process.pid, "T")
        host.process.send_signal(signal.SIGCONT)
        assert await late == {}
        await nothing_waits(host)
        assert sorted(await host.group("counted")) == sorted(str(number) for number in range(25))
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_clients_that_never_read_keep_nobody_from_being_served_or_the_host_from_stopping(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/large.step.ts": LARGE, "steps/start.step.ts": START})
    host = Running(project, verb="start")
    await host.launch()
    await host.ready()
    address = urlsplit(host.url)
    deaf = []
    for _ in range(12):
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1)
        writer.write(f"GET /large HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode() * 4)
        await writer.drain()
        deaf.append((reader, writer))
    for _ in range(20):
        assert await host.post("/start", {"count": 0}) == {}
    host.process.send_signal(signal.SIGTERM)
    assert await host.ended() == 0
    for _, writer in deaf:
        writer.transport.abort()


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as ten thousand sockets need, here and in the host."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = IDLE + 2000
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"a process may open {hard} files here, and {needed} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_ten_thousand_idle_sockets_stay_open_and_the_host_serves(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": START})
    async with Running(project, verb="start") as host:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(host.url, connector=connector) as session:
            sockets: list[aiohttp.ClientWebSocketResponse] = []
            while len(sockets) < IDLE:
                sockets += await asyncio.gather(*(session.ws_connect("/", autoping=True) for _ in range(200)))
            before_s = cpu_s(host.process.pid)
            for _ in range(10):
                assert await host.post("/start", {"count": 0}) == {}
            # Idle ones cost nothing: ten requests are not dearer for them.
            assert cpu_s(host.process.pid) - before_s < 1.0
            assert not any(socket.closed for socket in sockets)
            for socket in sockets:
                socket._response.close()


async def test_a_start_with_a_hundred_thousand_deliveries_costs_little_more_than_one_without(tmp_path: Path) -> None:
    costs_s = {}
    for kind, count, later_ms in (("none", 0, 0), ("queued", QUEUED, 0), ("suspended", QUEUED, HOUR_MS)):
        files = {"steps/start.step.ts": START, "steps/count_step.py": COUNT}
        project = make_project(tmp_path / kind, files)
        await fill(project, count, later_ms)
        host = Running(project, verb="start")
        await host.launch()
        await host.ready()
        costs_s[kind] = cpu_s(host.process.pid)
        queues = {queue["step"]: queue for queue in (await host.api("queues"))["queues"]}
        if count:
            assert queues["Count"]["delayed" if later_ms else "ready"] > count * 0.9
        await host.kill()
    assert costs_s["queued"] - costs_s["none"] < MORE_CPU_S, costs_s
    assert costs_s["suspended"] - costs_s["none"] < MORE_CPU_S, costs_s


async def fill(project: Path, count: int, later_ms: int) -> None:
    """Store deliveries as an earlier start left them."""
    folder = project / ".polystep"
    folder.mkdir()
    database, clock = open_durable(folder / "polystep.db", "none"), SystemClock()
    await database.start()
    queue = SqliteQueueStore(database, clock)
    due_ms = clock.now_ms() + later_ms
    for first in range(0, count, 1000):
        await queue.enqueue(
            [
                NewDelivery(
                    "e", "event", "work", "Count", b"\x81\xa6number\x01", f"{n:032x}", f"{n:016x}", None, None, due_ms
                )
                for n in range(first, first + 1000)
            ]
        )
    await database.stop()


def cpu_s(pid: int) -> float:
    """Processor time of a process without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def state_of(pid: int, wanted: str) -> None:
    """Wait until a process is in a state, as `ps` shows it."""
    async with asyncio.timeout(HANG_S):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != wanted:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)


START = """
export const config = { type: 'api', name: 'Start', path: '/start', method: 'POST', emits: ['work'] }
export const handler = async (req: any, { emit }: any) => {
  for (let number = 0; number < req.body.count; number++) await emit({ topic: 'work', data: { number } })
  return { status: 200, body: {} }
}
"""
COUNT = """
import asyncio

config = {"type": "event", "name": "Count", "subscribes": ["work"], "emits": []}

async def handler(data, context):
    await asyncio.sleep(0.2)
    await context.state.set("counted", str(data["number"]), context.attempt)
"""
LARGE = """
export const config = { type: 'api', name: 'Large', path: '/large', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: { text: 'x'.repeat(2_000_000) } })
"""
