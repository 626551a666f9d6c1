"""A project of scripted files, and pools and processes that run them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from polystep.contracts.steps import SourceFile, SourcePattern
from polystep.contracts.values import JSONObject, JSONValue
from polystep.runners import Blocked, Launch, PoolSize, RunnerCalls, RunnerKind, RunnerPool, RunnerProcess, Staged
from polystep.runners.guard import Guard

BOUND_S = 15.0
INSTALL_BOUND_S = 100
"""No test waits longer for a signal, also on a busy machine."""

RUNNER = Path(__file__).with_name("scripted_runner.py")
T = TypeVar("T")

PATTERN = SourcePattern(".script", "step", "script", "script")
STREAMS = SourcePattern(".stream", "stream", "script", "script")


class Script:
    """One project, what its runners told, and what they are started with."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.started: list[str] = []
        """Runs, in the order in which their handlers began."""
        self.lines: list[tuple[str, str, str]] = []
        self.blocked: list[Blocked] = []
        self.environment: dict[str, str] = {"PATH": os.environ["PATH"]}
        self.before: dict[str, Any] = {}
        """`SCRIPT` of new processes."""
        self.prepared = 0
        self.guard = Guard()
        self._changed = asyncio.Event()

    @property
    def calls(self) -> RunnerCalls:
        return RunnerCalls({}, {"log": self._log}, self._output, self._blocked)

    def kind(self, *, channel: str = "private") -> RunnerKind:
        async def prepare(project: Path, progress: Callable[[str], None]) -> Launch:
            self.prepared += 1
            return self.launch()

        return RunnerKind("script", (PATTERN, STREAMS), prepare, "stdio" if channel == "stdio" else "private")

    def launch(self) -> Launch:
        return Launch((sys.executable, str(RUNNER)), {"SCRIPT": json.dumps(self.before)})

    def file(self, name: str, **told: object) -> SourceFile:
        path = self.root / name
        path.write_text(json.dumps(told))
        return SourceFile(name, "step", "script", "script")

    def process(self, *, channel: str = "private") -> RunnerProcess:
        return RunnerProcess(
            self.kind(channel=channel), self.launch(), self.root, self.environment, self.calls, self.guard
        )

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until what the runners told makes `seen` true."""
        async with asyncio.timeout(BOUND_S):
            while not seen():
                self._changed.clear()
                await self._changed.wait()

    async def until_started(self, *runs: str) -> None:
        await self.until(lambda: set(runs) <= set(self.started))

    def _log(self, params: JSONObject) -> None:
        self.started.append(str(params["run"]))
        self._changed.set()

    def _blocked(self, told: Blocked) -> None:
        self.blocked.append(told)
        self._changed.set()

    def _output(self, runner: str, stream: str, line: str) -> None:
        self.lines.append((runner, stream, line))
        self._changed.set()


@contextlib.asynccontextmanager
async def pool_of(
    script: Script,
    *files: SourceFile,
    size: int = 1,
    standby: bool = False,
    channel: str = "private",
    memory_mb: int | None = None,
) -> AsyncIterator[RunnerPool]:
    """A pool that has loaded files; everything of it is stopped at the end."""
    pool = RunnerPool(
        script.kind(channel=channel),
        script.root,
        script.calls,
        lambda: dict(script.environment),
        lambda _: None,
        PoolSize(size, standby, memory_mb),
    )
    pool.begin_standby()
    try:
        if files:
            await replace(pool, *files)
        yield pool
    finally:
        await bounded(pool.stop(0))


async def replace(pool: RunnerPool, *files: SourceFile) -> Staged:
    """What a reload does."""
    staged = await bounded(pool.stage(files))
    pool.switch(staged)
    return staged


async def bounded(work: Awaitable[T]) -> T:
    """The result, or a failure after the bound."""
    async with asyncio.timeout(BOUND_S):
        return await work


async def patient(work: Awaitable[T]) -> T:
    """The result of work that installs packages, or a failure after a bound that no busy machine reaches."""
    async with asyncio.timeout(INSTALL_BOUND_S):
        return await work


def run(pool: RunnerPool, name: str, do: str, *, timeout_s: float = BOUND_S, suspect: bool = False, **told: Any) -> Any:
    """Start a run of the file `a.script` (or `file`); await it for the handler's value."""
    return asyncio.ensure_future(pool.run(params(name, do, **told), timeout_s, suspect=suspect))


def params(
    name: str, do: str, *, file: str = "a.script", type: str = "event", step: str = "A", **told: Any
) -> JSONObject:
    """Parameters of `step.run`."""
    value: JSONValue = {"do": do, **told}
    return {"run": name, "file": file, "step": step, "type": type, "input": value, "attempt": 1}


async def until_gone(pid: int) -> None:
    """Return when no process has this number; its end comes as the end of its `/proc` entry's pidfd."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, ended.set)
        try:
            await bounded(ended.wait())
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)


def open_descriptors() -> Mapping[str, str]:
    """Our own, with what they lead to."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found[path.name] = str(path.readlink())
    return found
