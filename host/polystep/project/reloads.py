"""Reloads of each language by itself: when files change, and after a pause when its runner does not start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.clock import wait_at_most
from polystep.contracts.errors import HostStopping
from polystep.contracts.ports.clock import Clock

RETRY_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Before the n-th try in a row to start a runner that does not start; the last one repeats."""

Load = Callable[[str, frozenset[str]], Awaitable[bool]]
"""Loads one language; takes its name and the files that changed, returns whether its runner started."""

_log = logging.getLogger("polystep.reloads")


@dataclass(slots=True)
class _Language:
    """Requests for one language."""

    changed: set[str] = field(default_factory=set)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0
    """Loads in a row whose runner did not start."""


class Reloads:
    """Tasks that load, one a language: a runner that hangs keeps no other language from loading."""

    def __init__(self, load: Load, clock: Clock) -> None:
        self._languages: dict[str, _Language] = {}
        self._load = load
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, names: Iterable[str]) -> None:
        """Begin with these languages; nothing is loaded before it is asked for."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._run(name, self._language(name)), name=f"loads of {name}") for name in names
            ]

    async def stop(self) -> None:
        """End what is loading, and load nothing more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for language in self._languages.values():
            _wake(language.waiters, asyncio.CancelledError())

    def ask(self, names: Iterable[str], changed: frozenset[str]) -> asyncio.Future[list[None]]:
        """Load these languages; requests for one that is loading are taken together afterwards.

        Returns a future that is done when each has been loaded once more, or has failed to.
        """
        loop = asyncio.get_running_loop()
        waiters = []
        for name in names:
            waiter: asyncio.Future[None] = loop.create_future()
            language = self._language(name)
            language.waiters.append(waiter)
            language.changed |= changed
            language.asked.set()
            waiters.append(waiter)
        return asyncio.gather(*waiters)

    def _language(self, name: str) -> _Language:
        return self._languages.setdefault(name, _Language())

    async def _run(self, name: str, language: _Language) -> None:
        while True:
            await self._until_due(language)
            language.asked.clear()
            changed, language.changed = frozenset(language.changed), set()
            waiters, language.waiters = language.waiters, []
            try:
                started = await self._load(name, changed)
            except HostStopping as error:
                _wake(waiters, error)
                return
            except asyncio.CancelledError as error:
                _wake(waiters, error)
                raise
            except Exception as error:  # noqa: BLE001 - a load that fails in the host itself must not be the last one
                _log.exception("Loading the %s steps failed; what was loaded goes on. Save again to try again", name)
                _wake(waiters, error)
            else:
                language.failures = 0 if started else language.failures + 1
                _wake(waiters, None)

    async def _until_due(self, language: _Language) -> None:
        """Wait until a load is asked for, or until the pause after a failed start is over."""
        if not language.failures:
            await language.asked.wait()
            return
        pause_s = RETRY_PAUSES_S[min(language.failures, len(RETRY_PAUSES_S)) - 1]
        await wait_at_most(language.asked, pause_s, self._clock)


def _wake(waiters: Iterable[asyncio.Future[None]], error: BaseException | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        elif isinstance(error, asyncio.CancelledError):
            waiter.cancel()
        else:
            waiter.set_exception(error)
