"""A host as a service: it tells systemd that it is ready, prints JSON lines, and answers probes."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path

import pytest

from tests.e2e.running import Running, make_project
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

STEPS = {
    "steps/hello.step.ts": """
export const config = { type: 'api', name: 'Hello', method: 'GET', path: '/hello', emits: [] }
export const handler = async (_, { logger }) => {
  logger.info('Said hello', { to: 'é' })
  return { status: 200, body: {} }
}
""",
    "steps/livez.step.ts": """
export const config = { type: 'api', name: 'Own', method: 'GET', path: '/livez', emits: [] }
export const handler = async () => ({ status: 200, body: { own: true } })
""",
}


async def test_systemd_collectors_of_logs_and_probes_are_served(tmp_path: Path) -> None:
    project = make_project(tmp_path, STEPS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "POLYSTEP_LOG_FORMAT": "json"}
        host = Running(project, verb="start", environment=environment)
        await host.launch()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(HANG_S):
            assert await loop.sock_recv(systemd, 100) == b"READY=1"
        await host.connect()
        async with host.http.get("/hello") as hello, host.http.get("/livez") as own, host.http.get("/readyz") as ready:
            assert (hello.status, ready.status, await own.json()) == (200, 200, {"own": True})
        await host.line("Said hello")
        host.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(HANG_S):
            assert await loop.sock_recv(systemd, 100) == b"STOPPING=1"
        assert await host.ended() == 0
    lines = [json.loads(line) for line in host.lines]
    assert {"time", "level", "message"} <= set.intersection(*({*line} for line in lines))
    (said,) = [line for line in lines if line["message"] == "Said hello"]
    assert (said["level"], said["step"], said["fields"]) == ("info", "Hello", {"to": "é"})
    assert any("is ready at http://" in line["message"] for line in lines)
