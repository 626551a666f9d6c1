"""Starts the real `polystep` command on real projects, and waits on what it prints."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.patience import HANG_S

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT.parent / "shared" / "tutorial" / "steps"
COMMAND = Path(sys.executable).with_name("polystep")
READY_S = 60.0
"""Starting takes 2 s on an idle machine; the first Python environment of a run downloads a package."""
WAIT_S = HANG_S


def make_project(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a project that finds this repository's Node packages."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(ROOT / "node_modules", target_is_directory=True)
    return folder


def make_tutorial(folder: Path) -> Path:
    """A project of the tutorial's own files, unchanged; a checkout without them fails in CI and skips elsewhere."""
    if not TUTORIAL.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{TUTORIAL} is missing; CI must run the tutorial's own files")
        pytest.skip("the tutorial's files are not beside this checkout")
    shutil.copytree(TUTORIAL, folder / "steps")
    return make_project(folder, {})


class Running:
    """One `polystep dev` or `polystep start`, with a client for it."""

    def __init__(self, project: Path, *arguments: str, verb: str = "dev", environment: Mapping[str, str] | None = None):
        self.project = project
        self._command = [str(COMMAND), verb, "--project", str(project), "--port", "0", *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "POLYSTEP_"))}
        self._environment = {**clean, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._session: aiohttp.ClientSession | None = None
        self.lines: list[str] = []
        self.url = ""

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def __aenter__(self) -> Self:
        await self.launch()
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await self.ended()

    async def launch(self) -> None:
        """Start the process; `ready` waits for it."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**20,
        )
        self._reading = asyncio.create_task(self._read())

    async def ready(self) -> None:
        """Wait until every step that can load is ready."""
        await self.line("ready in", within_s=READY_S)
        await self.connect()

    async def connect(self) -> None:
        """Make the client of a host that listens."""
        known = json.loads((self.project / ".polystep" / "host.json").read_text())
        self.url = known["url"]
        token = (self.project / ".polystep" / "token").read_text()
        self._session = aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {token}"})

    async def ended(self) -> int:
        """Wait for the end of the process; returns its status."""
        async with asyncio.timeout(WAIT_S):
            status = await self.process.wait()
        if self._reading is not None:
            await self._reading
        if self._session is not None:
            await self._session.close()
        return status

    async def kill(self) -> None:
        """`kill -9`, as the kernel's memory killer would."""
        self.process.kill()
        await self.ended()

    async def line(self, *texts: str, count: int = 1, since: int = 0, within_s: float = WAIT_S) -> str:
        """Wait until `count` lines from `since` on contain all texts; returns the last of them."""

        def found() -> list[str]:
            return [line for line in self.lines[since:] if all(text in line for text in texts)]

        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: len(found()) >= count or self._gone())
        except TimeoutError:
            pass
        lines = found()
        if len(lines) < count:
            printed = "\n".join(self.lines[-80:])
            raise AssertionError(f"{texts} was printed {len(lines)} of {count} times:\n{printed}")
        return lines[count - 1]

    async def get(self, path: str, status: int = 200) -> Any:
        """GET JSON."""
        async with self.http.get(path) as response:
            assert response.status == status, (path, response.status, await response.text())
            return await response.json()

    async def post(self, path: str, body: object = None, status: int = 200) -> Any:
        """POST JSON, get JSON."""
        async with self.http.post(path, json=body) as response:
            assert response.status == status, (path, response.status, await response.text())
            return await response.json()

    async def api(self, path: str, status: int = 200) -> Any:
        """GET from the admin API."""
        return await self.get(f"/__polystep/api/{path}", status)

    async def group(self, name: str) -> dict[str, Any]:
        """Every key of a group of state, page by page."""
        found: dict[str, Any] = {}
        query = {"limit": "1000"}
        while True:
            page = await self.api(f"state/{name}?{urlencode(query)}")
            found |= page["items"]
            if page["cursor"] is None:
                return found
            query["cursor"] = page["cursor"]

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run another `polystep` verb on this project; returns status and output."""
        process = await asyncio.create_subprocess_exec(
            str(COMMAND),
            *arguments,
            "--project",
            str(self.project),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    @contextlib.asynccontextmanager
    async def socket(self, **kwargs: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to the host."""
        async with self.http.ws_connect("/", **kwargs) as socket:
            yield socket

    def _gone(self) -> bool:
        return self._reading is not None and self._reading.done()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._changed:
                self.lines.append(line.decode(errors="replace").rstrip())
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()


def children_of(pid: int) -> list[int]:
    """Processes whose parent this is (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
