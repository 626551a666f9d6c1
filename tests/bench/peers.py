"""The hand-built stack: Fastify, Zod, BullMQ on Redis, a Node and a Python worker."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Final, Self

from tests.bench.stack import ROOT
from tests.bench.usage import Meter, Roles

START_S: Final = 60.0
INSTALL_S: Final = 600.0


def installed_at(sources: Path) -> Path:
    """Where its packages stay installed from one run to the next, until its sources change; `make clean` removes it."""
    files = sorted(path for path in sources.iterdir() if path.is_file())
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]
    return ROOT / "node_modules" / ".cache" / f"hand-built-{digest}"


class PeerMissing(Exception):
    """Something that the hand-built stack needs is not there; the text says what."""


class HandBuilt:
    """Starts Redis and the three programs on free ports of the loopback."""

    def __init__(self, sources: Path, folder: Path, appendfsync: str) -> None:
        """Prepare.

        Args:
            sources: `api.mjs`, `worker.mjs`, `worker.py`, `package.json` and `requirements.txt`.
            folder: Where packages are installed and Redis keeps its file; installed once, used again.
            appendfsync: `everysec` may lose a second of accepted work at a power cut; `always` promises what polystep
                does.
        """
        self._sources = sources
        self._folder = folder
        self._appendfsync = appendfsync
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._port = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._install()
        redis_port, self._port = _free_port(), _free_port()
        data = self._folder / f"redis-{redis_port}"
        data.mkdir()
        environment = {**os.environ, "REDIS_PORT": str(redis_port), "PORT": str(self._port)}
        self._redis_port = redis_port
        python = str(self._folder / "venv" / "bin" / "python")
        programs = {
            "redis": (
                *("redis-server", "--bind", "127.0.0.1", "--port", str(redis_port), "--dir", str(data), "--save", ""),
                *("--appendonly", "yes", "--appendfsync", self._appendfsync, "--maxmemory-policy", "noeviction"),
            ),
            "api": ("node", "api.mjs"),
            "worker": ("node", "worker.mjs"),
            "python": (python, "worker.py"),
        }
        try:
            for role, command in programs.items():
                await self._start(role, command, environment)
        except BaseException:
            await self.__aexit__()
            raise
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in reversed(self._processes.values()):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    async with asyncio.timeout(5):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
        shutil.rmtree(self._folder / f"redis-{self._redis_port}", ignore_errors=True)

    def roles(self) -> Roles:
        """Each program by its role."""
        return {role: [process.pid] for role, process in self._processes.items()}

    def meter(self) -> Meter:
        """Measure what its processes use from now on."""
        return Meter(self.roles)

    async def done(self) -> int:
        """Tickets that have gone all the way."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._redis_port)
        try:
            writer.write(b"GET done\r\n")
            size = int((await reader.readline())[1:])
            return int(await reader.readline()) if size >= 0 else 0
        finally:
            writer.close()
            await writer.wait_closed()

    async def _install(self) -> None:
        if shutil.which("redis-server") is None:
            raise PeerMissing("redis-server is missing. Install it (Debian, Ubuntu: apt-get install redis-server).")
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._sources.iterdir():
            if path.is_file():
                shutil.copy(path, self._folder)
        if (self._folder / "installed").exists():
            return
        await _run(self._folder, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        await _run(self._folder, sys.executable, "-m", "venv", "venv")
        await _run(self._folder, "venv/bin/python", "-m", "pip", "install", "--quiet", "-r", "requirements.txt")
        (self._folder / "installed").touch()

    async def _start(self, role: str, command: tuple[str, ...], environment: dict[str, str]) -> None:
        ready = "Ready to accept connections" if role == "redis" else "ready"
        with (self._folder / f"{role}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=self._folder, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes[role] = process
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while process.returncode is None:
                    if ready in self._said(role):
                        return
                    await asyncio.sleep(0.05)
        raise PeerMissing(f"The hand-built {role} did not start: {self._said(role)[-600:]}")

    def _said(self, role: str) -> str:
        return (self._folder / f"{role}.log").read_text(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _run(folder: Path, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(INSTALL_S):
        output, _ = await process.communicate()
    if process.returncode != 0:
        raise PeerMissing(f"{' '.join(command)} failed: {output.decode(errors='replace')[-600:]}")
