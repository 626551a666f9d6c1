"""Sees files change and asks for the reload of the runners concerned.

Steps, and every helper they might import: any source file of the project outside package and hidden folders. Reloading
once too often costs a fraction of a second; once too seldom runs stale code.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

DEBOUNCE_MS: Final = 50
"""Editors write a file in several steps; what comes within this time is one change."""

_NODE: Final = frozenset({".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"})
_PASSED_OVER: Final = frozenset({"node_modules", "__pycache__", "venv", "python_modules", "dist", "build"})
_PYTHON_PACKAGES: Final = frozenset({"requirements.txt", "pyproject.toml", "uv.lock"})

_log = logging.getLogger("polystep.watcher")


def runners_concerned(path: Path, requirements: str | None = None) -> frozenset[str]:
    """Which runners may have loaded this file, or depend on it otherwise."""
    if path.name == ".env":
        return frozenset({"node", "python"})
    if path.name.startswith(".") or path.name.endswith("~"):
        return frozenset()
    if path.suffix == ".py" or path.name in _PYTHON_PACKAGES or (requirements and path.name == Path(requirements).name):
        return frozenset({"python"})
    return frozenset({"node"}) if path.suffix in _NODE else frozenset()


class Watcher:
    """Watches the project's folders and calls for reloads, one after another."""

    def __init__(
        self, root: Path, reload: Callable[[frozenset[str], frozenset[str]], Awaitable[None]], requirements: str | None
    ) -> None:
        self._root = root
        self._reload = reload
        self._requirements = requirements
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Begin to watch."""
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="watcher")

    async def stop(self) -> None:
        """Watch no more."""
        self._stop.set()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        while not self._stop.is_set():
            folders = self._folders()
            # The root itself is watched for its own files only, so that package folders cost nothing.
            watches = [asyncio.create_task(self._follow([self._root], recursive=False), name="watch root")]
            if folders:
                watches.append(asyncio.create_task(self._follow(folders, recursive=True), name="watch folders"))
            try:
                await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for watch in watches:
                    watch.cancel()
                await asyncio.gather(*watches, return_exceptions=True)

    def _folders(self) -> list[Path]:
        return sorted(path for path in self._root.iterdir() if path.is_dir() and not _passed_over(path.name))

    async def _follow(self, paths: list[Path], *, recursive: bool) -> None:
        """Reload at every change; return when the set of folders has changed, to watch the new set."""
        watched = set(self._folders())
        async for changes in awatch(
            *paths,
            watch_filter=self._concerns,
            debounce=DEBOUNCE_MS,
            step=DEBOUNCE_MS // 5,
            recursive=recursive,
            stop_event=self._stop,
        ):
            files = frozenset(Path(path) for _, path in changes)
            runners = frozenset().union(*(runners_concerned(path, self._requirements) for path in files))
            grown = set(self._folders()) != watched
            if grown:
                runners = runners | {"node", "python"}
            if runners:
                relative = frozenset(path.relative_to(self._root).as_posix() for path in files)
                await self._reload(runners, relative)
            if grown:
                return

    def _concerns(self, change: Change, path: str) -> bool:
        relative = Path(path).relative_to(self._root)
        if any(_passed_over(part) for part in relative.parts[:-1]):
            return False
        return bool(runners_concerned(relative, self._requirements)) or (
            len(relative.parts) == 1 and not relative.suffix and not _passed_over(relative.name)
        )


def _passed_over(name: str) -> bool:
    return name in _PASSED_OVER or name.startswith(".")
