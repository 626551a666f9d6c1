"""Generated types of a project, kept up to date: in the background of `polystep dev`, or once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from polystep.codegen import outdated, write
from polystep.contracts.errors import PolystepError
from polystep.contracts.ports.reporter import Reporter
from polystep.contracts.steps import Flow
from polystep.project.declared import Declared
from polystep.project.load import load_flow
from polystep.project.settings import RunnersSection, Settings

_log = logging.getLogger("polystep.types")


class TypeWriter:
    """Task that writes the types of the newest flow, beside everything else."""

    def __init__(self, project: Path, runners: RunnersSection, reporter: Reporter) -> None:
        self._project = project
        self._runners = runners
        self._reporter = reporter
        self._declared = Declared(project)
        self._newest: Flow | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._shown = ""
        self._settled = asyncio.Event()
        self._settled.set()

    async def start(self) -> None:
        """Prepare what steps need to be loaded, and begin."""
        await self._try(self._prepare)
        if self._task is None:
            self._task = asyncio.create_task(self._loop(), name="types")

    async def stop(self) -> None:
        """Write the types of the last flow, then no more."""
        if self._task is not None:
            await self.settled()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def settled(self) -> None:
        """Wait until the last flow is written, or its problem is shown."""
        await self._settled.wait()

    def update(self, flow: Flow) -> None:
        """Take a new flow. Of several that come while one is written the last is written next."""
        self._newest = flow
        self._settled.clear()
        self._wake.set()

    def _prepare(self) -> None:
        self._declared.prepare(self._runners)

    async def _loop(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            flow, self._newest = self._newest, None
            if flow is not None:
                await self._write(flow)
            if self._newest is None:
                self._settled.set()

    async def _write(self, flow: Flow) -> None:
        written: list[str] = []

        def work() -> None:
            texts = outdated(self._declared.texts(flow), self._project)
            write(texts, self._project)
            self._declared.remember(flow)
            written.extend(texts)

        await self._try(work)
        if written:
            self._reporter.info(f"Types written: {', '.join(written)}")

    async def _try(self, work: Callable[[], None]) -> None:
        """Do work in a thread; a failure is one warning, and never stops a reload."""
        try:
            await asyncio.to_thread(work)
            self._shown = ""
        except PolystepError as error:
            self._warn(error.message)
        except Exception as error:  # noqa: BLE001 - a schema that nobody thought of must not end a reload
            _log.exception("The project's types could not be made")
            self._warn(f"The project's types could not be made: {error}")

    def _warn(self, message: str) -> None:
        if message != self._shown:
            self._shown = message
            self._reporter.warning(message)


@dataclass(frozen=True, slots=True)
class Generated:
    """Result of `generate_types`."""

    files: tuple[str, ...]
    """All files of types that belong to the project."""
    outdated: tuple[str, ...]
    """Those that were missing or had other text; they are written now, unless that was only checked."""
    flow: Flow


async def generate_types(
    project: Path, settings: Settings, shell: Mapping[str, str], progress: Callable[[str], None], *, check: bool
) -> Generated:
    """Load a project once and write its types; with `check`, only find out which files are out of date.

    Raises:
        PolystepError: A file cannot be read or written, or is the user's own.
    """
    declared = Declared(project)
    prepared = () if check else declared.prepare(settings.runners)
    flow = await load_flow(project, settings, shell, progress)
    texts = declared.texts(flow)
    stale = outdated(texts, project)
    if not check:
        write(stale, project)
        declared.remember(flow)
    return Generated(tuple(texts), (*stale, *prepared), flow)
