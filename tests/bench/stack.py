"""The system under test: `polystep` on a project of its own, in a folder that is removed afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from tests.bench.usage import Meter, Roles, children_of

ROOT: Final = Path(__file__).resolve().parents[2]
PROJECT: Final = Path(__file__).parent / "project"
COMMAND: Final = Path(sys.executable).with_name("polystep")
_NOT_PASSED_ON: Final = ("POLYSTEP_", "PYTHONDONTWRITEBYTECODE")
"""Without the second, every start would compile Python's modules again: half a second that no user waits."""
READY_S: Final = 180.0
STOP_S: Final = 30.0
ASK_EVERY_S: Final = 0.004


class Stack:
    """One running `polystep`, with a client for it and the ids of its processes."""

    def __init__(
        self, folder: Path, verb: str = "start", *, source: Path | None = PROJECT, command: Path | None = None
    ) -> None:
        """Prepare a project.

        Args:
            folder: Where; made when it is missing. An existing one is taken as it is.
            verb: `start` or `dev`.
            source: A project whose files are copied into a folder without steps.
            command: Another `polystep` than this checkout's; its project does not get this checkout's Node packages.
        """
        self.folder = folder
        self._verb = verb
        self._command = command or COMMAND
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lines: deque[str] = deque(maxlen=400)
        self.url = ""
        self._ready_at_s = 0.0
        self.ready_s = 0.0
        """From the start of the command until it said that it is ready."""
        folder.mkdir(parents=True, exist_ok=True)
        if source is not None and not (folder / "steps").exists():
            shutil.copytree(source, folder, dirs_exist_ok=True)
        if command is None and not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)

    async def __aenter__(self) -> Self:
        began_s = time.monotonic()
        ready = await self._launch()
        try:
            await self._become_ready(ready)
            self.ready_s = self._ready_at_s - began_s
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def restart(self, path: str, body: Mapping[str, object]) -> float:
        """Kill the host as `kill -9` does and start it again at once.

        Returns:
            Seconds from the start of the command until a handler has answered a POST to `path` with 200.
        """
        assert self._process is not None and self._reading is not None and self._session is not None
        self._process.kill()
        await self._process.wait()
        await self._reading
        await self._session.close()
        self._ready_at_s = 0.0
        began_s = time.monotonic()
        ready = await self._launch()
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            while not await self._answers(session, path, body):  # noqa: ASYNC110 - no event tells when the host is up
                await asyncio.sleep(ASK_EVERY_S)
        took_s = time.monotonic() - began_s
        await self._become_ready(ready)
        return took_s

    async def _answers(self, session: aiohttp.ClientSession, path: str, body: Mapping[str, object]) -> bool:
        assert self._process is not None
        with contextlib.suppress(OSError, ValueError, aiohttp.ClientError):
            host = json.loads((self.folder / ".polystep" / "host.json").read_text())
            if host["pid"] == self._process.pid:
                async with session.post(host["url"] + path, json=body) as answer:
                    return answer.status == 200
        return False

    async def _launch(self) -> asyncio.Event:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        self._process = await asyncio.create_subprocess_exec(
            *(str(self._command), self._verb, "--project", str(self.folder), "--port", "0"),
            env=clean,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**20,
        )
        ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read(self._process, ready))
        return ready

    async def _become_ready(self, ready: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await ready.wait()
        if not self._ready_at_s:
            raise RuntimeError("polystep did not become ready:\n" + "\n".join([*self._lines][-40:]))
        self.url = json.loads((self.folder / ".polystep" / "host.json").read_text())["url"]
        token = (self.folder / ".polystep" / "token").read_text()
        timeout = aiohttp.ClientTimeout(total=600)
        self._session = aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {token}"}, timeout=timeout)
        health = await self.get("/__polystep/health")
        if health["failures"]:
            raise RuntimeError("Steps of the benchmark do not load:\n" + "\n".join(self._lines))

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None and self._reading is not None
        if self._session is not None:
            await self._session.close()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            # It ends its runners itself; after this long it never will.
            self._process.kill()
            await self._process.wait()
        await self._reading

    def roles(self) -> Roles:
        """The host, and its runners by language."""
        assert self._process is not None
        found: dict[str, list[int]] = {"host": [self._process.pid], "node": [], "python": []}
        for pid, command in children_of(self._process.pid):
            if "bridges/node" in command:
                found["node"].append(pid)
            elif "launch.py" in command or "polystep_runner" in command:
                found["python"].append(pid)
        return {role: pids for role, pids in found.items() if pids}

    def meter(self) -> Meter:
        """Measure what its processes use from now on."""
        return Meter(self.roles)

    async def get(self, path: str) -> Any:
        """GET JSON from a step or the admin API."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """POST JSON to a step, get JSON."""
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        assert self._session is not None
        async with self._session.request(method, path, json=body) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{method} {path} answered {answer.status}: {await answer.text()}")
            return await answer.json()

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            text = line.decode(errors="replace").rstrip()
            # The last ones say what went wrong; a log line per event must not fill the memory.
            self._lines.append(text)
            if not self._ready_at_s and "ready in" in text:
                self._ready_at_s = time.monotonic()
                ready.set()
        ready.set()
