"""Hosts on the files of one folder. They live in one process: the lock of the folder keeps others out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from polystep.contracts.ports.wakeups import WakeupListener


class SqliteHosts:
    """Knows the hosts that run, and carries their wake-ups."""

    def __init__(self) -> None:
        self.live: dict[str, int] = {}
        """Deployments of the hosts whose stores are open, by owner."""
        self._listening: list[LocalWakeups] = []

    def add(self, wakeups: LocalWakeups) -> None:
        """Count a host that listens; twice is once."""
        if wakeups not in self._listening:
            self._listening.append(wakeups)
        self._count()

    def remove(self, wakeups: LocalWakeups) -> None:
        """Forget a host."""
        if wakeups in self._listening:
            self._listening.remove(wakeups)
        wakeups.has_peers = False
        self._count()

    def call(self, caller: LocalWakeups, due: Collection[str], freed: Collection[str]) -> None:
        """Call every host but the caller."""
        for each in self._listening:
            if each is not caller:
                each.hear(due, freed)

    def _count(self) -> None:
        for each in self._listening:
            each.has_peers = len(self._listening) > 1


class LocalWakeups:
    """Implements `Wakeups` between hosts in one process. No call is lost; those of one turn of the loop are one."""

    def __init__(self, hosts: SqliteHosts) -> None:
        self._hosts = hosts
        self.has_peers = False
        """Set by the hosts. An attribute, not a property: it is read for every delivery."""
        self._listener: WakeupListener | None = None
        self._due: set[str] = set()
        self._freed: set[str] = set()

    def listen(self, listener: WakeupListener) -> None:
        """Take part."""
        self._listener = listener
        self._hosts.add(self)

    def close(self) -> None:
        """Take part no more."""
        self._listener = None
        self._hosts.remove(self)

    def announce(self, due: Collection[str] = (), freed: Collection[str] = ()) -> None:
        """Call the other hosts."""
        if self.has_peers:
            self._hosts.call(self, due, freed)

    def hear(self, due: Collection[str], freed: Collection[str]) -> None:
        """Note a call of another host, and pass it on when this turn of the loop is over."""
        if not self._due and not self._freed:
            asyncio.get_running_loop().call_soon(self._pass_on)
        self._due.update(due)
        self._freed.update(freed)

    def _pass_on(self) -> None:
        due, self._due = self._due, set()
        freed, self._freed = self._freed, set()
        if self._listener is not None:
            self._listener(due, freed)
