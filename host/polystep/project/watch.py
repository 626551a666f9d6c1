"""Watch of a project's files: a saved one leads to the reload of the runners concerned.

It looks at steps and at every helper they might import: any source file in the folders that discovery searches.
Reloading once too often costs a fraction of a second; once too seldom runs stale code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

from polystep.codegen import GENERATED_FILES
from polystep.discovery import is_searched
from polystep.runners import RunnerKind

DEBOUNCE_MS: Final = 50
"""Editors write a file in several steps; what comes within this time is one change."""
RETRY_PAUSE_S: Final = 1.0
"""Before folders that could not be watched are tried again."""

_log = logging.getLogger("polystep.watcher")


def runners_concerned(path: Path, kinds: Iterable[RunnerKind]) -> frozenset[str]:
    """Name the runners that may have loaded a file, or depend on it; it is given relative to the project."""
    if path.name == ".env":
        return frozenset(kind.name for kind in kinds)
    if path.name.startswith(".") or path.name.endswith(("~", ".d.ts")) or path.as_posix() in GENERATED_FILES:
        # What the host writes after a reload must not cause the next one.
        return frozenset()
    return frozenset(kind.name for kind in kinds if kind.concerns(path))


class Watcher:
    """Watcher of the project's folders that asks for reloads, one after another."""

    def __init__(
        self,
        root: Path,
        reload: Callable[[frozenset[str], frozenset[str]], Awaitable[None]],
        kinds: Sequence[RunnerKind],
        saved: Callable[[frozenset[str]], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing is watched.

        Args:
            root: The project's root.
            reload: `(runners, files)`: loads again what these runners run; files are relative to the root.
            kinds: Every runner of the project.
            saved: Takes the files, `polystep.toml` among them, after the reload.
        """
        self._root = root
        self._reload = reload
        self._kinds = kinds
        self._saved = saved
        self._tasks: list[asyncio.Task[None]] = []
        self._changed: set[Path] = set()
        """Files that changed since the last reload began, relative to the root."""
        self._all_concerned = False
        self._wake = asyncio.Event()

    async def start(self) -> None:
        """Begin to watch."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._watch(), name="watcher"),
                asyncio.create_task(self._reload_loop(), name="reloads"),
            ]

    async def stop(self) -> None:
        """Watch no more; a reload that is under way is cut off."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        """Follow the folders there are, until their set changes; then the new set."""
        while True:
            try:
                await self._follow_folders(self._folders())
            except (OSError, RuntimeError) as error:  # watchfiles has errors of its own below RuntimeError
                _log.warning("Watching %s failed, trying again: %s", self._root, error)
                await asyncio.sleep(RETRY_PAUSE_S)
            # What happened in a folder before it was watched has been missed.
            self._all_concerned = True

    async def _follow_folders(self, folders: list[Path]) -> None:
        # The root itself is watched for its own files only, so that package folders cost nothing.
        watches = [asyncio.create_task(self._follow([self._root], folders, recursive=False), name="watch root")]
        if folders:
            watches.append(asyncio.create_task(self._follow(folders, folders, recursive=True), name="watch folders"))
        try:
            await asyncio.sleep(0)
            if not any(watch.done() for watch in watches):
                # They have begun: from now on nothing is missed, so what was missed before can be loaded.
                self._wake.set()
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
        for watch in done:
            watch.result()

    def _folders(self) -> list[Path]:
        return sorted(path for path in self._root.iterdir() if path.is_dir() and is_searched(Path(path.name)))

    async def _follow(self, paths: list[Path], folders: list[Path], *, recursive: bool) -> None:
        """Note every change; return when the set of folders is another one."""
        # No `stop_event` is handed over: watchfiles sets it when one watch is cancelled, and that would end the others.
        async for changes in awatch(
            *paths,
            watch_filter=self._concerns,
            debounce=DEBOUNCE_MS,
            step=DEBOUNCE_MS // 5,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            self._changed |= {Path(path).relative_to(self._root) for _, path in changes}
            self._wake.set()
            if self._folders() != folders:
                return

    async def _reload_loop(self) -> None:
        """Reload what changed, one reload after another; what changes meanwhile is taken together."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            files, self._changed = self._changed, set()
            runners = frozenset().union(*(runners_concerned(path, self._kinds) for path in files))
            if self._all_concerned:
                self._all_concerned, runners = False, frozenset(kind.name for kind in self._kinds)
            names = frozenset(path.as_posix() for path in files)
            try:
                if runners:
                    await self._reload(runners, names)
                self._saved(names)
            except Exception:  # noqa: BLE001 - the top of a task: a reload that fails must not be the last one
                _log.exception("Reloading failed; the steps that were loaded go on. Save again to try again")

    def _concerns(self, change: Change, path: str) -> bool:
        relative = Path(path).relative_to(self._root)
        if not is_searched(relative.parent):
            return False
        return bool(runners_concerned(relative, self._kinds)) or (
            # It may be a folder that came or went.
            len(relative.parts) == 1 and is_searched(relative)
        )
