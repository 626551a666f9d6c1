"""Keys of the project: the runs that wait for one go on when it is free, or has a result."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Literal

from polystep.bus.claims import Claims
from polystep.bus.context import BusContext
from polystep.contracts.errors import PolystepError
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.once_keys import OnceKey, TakenKey, WokenRuns, wanted_of_once_key
from polystep.contracts.signals import Wanted

_log = logging.getLogger("polystep.bus")


class OnceKeys:
    """Takes keys for running deliveries, and wakes those that wait for them."""

    def __init__(self, context: BusContext, claims: Claims) -> None:
        self._context = context
        self._claims = claims
        self.held: dict[int, set[str]] = {}
        """Keys that attempts of this host hold, or are about to, by the ids of their deliveries."""
        self.has_waiting = False
        """Runs may wait for keys."""

    async def take(
        self, delivery: Delivery, wait: JournalEntry, ttl_ms: int, room_bytes: int
    ) -> TakenKey | JournalEntry | None:
        """Let a delivery call the function of a key, as `OnceKeyStore` does."""
        taken: TakenKey | JournalEntry | None = None
        keys = self.held.setdefault(delivery.id, set())
        is_held_already = wait.key in keys
        # Noted before it is stored: the attempt may end while the store is asked.
        keys.add(wait.key)
        try:
            taken = await self._context.store.once_keys.take(delivery, wait, ttl_ms, room_bytes)
        finally:
            if not isinstance(taken, TakenKey) and not is_held_already:
                self._let_go(delivery, wait.key)
        if isinstance(taken, JournalEntry) and taken.value is None:
            self.has_waiting = True
        return taken

    async def keep(self, delivery: Delivery, entry: JournalEntry, ttl_ms: int) -> bool:
        """Keep the result of a key; False when the attempt was superseded."""
        woken = await self._context.store.once_keys.keep(delivery, entry, ttl_ms)
        return self._ended(delivery, entry.key, woken)

    async def give_back(self, delivery: Delivery, key: str, entry: JournalEntry | None = None) -> bool:
        """Let the next run call the function of a key, which has failed; False when the attempt was superseded."""
        woken = await self._context.store.once_keys.give_back(delivery, key, entry)
        return self._ended(delivery, key, woken)

    async def ended(self, delivery: Delivery) -> None:
        """Pass on what an attempt held to its end, which is stored."""
        self.held.pop(delivery.id, None)
        await self.look()

    async def look(self) -> None:
        """Wake runs that wait for keys which nobody holds: their holder may have ended without a word."""
        self.has_waiting = True
        try:
            woken = await self._context.store.once_keys.pass_on()
        except PolystepError as error:
            _log.error("Passing on keys of `once` failed, trying again: %s", error.message)
            return
        self.has_waiting = woken.are_waiting
        self._wake(woken.steps, None)

    async def listed(self, limit: int, after: str, prefix: str) -> Sequence[OnceKey]:
        """List keys, as `OnceKeyStore` does."""
        return await self._context.store.once_keys.listed(limit, after, prefix)

    async def forget(self, key: str) -> Literal["forgotten", "running"] | None:
        """Forget a key, as `OnceKeyStore` does."""
        return await self._context.store.once_keys.forget(key)

    def _ended(self, delivery: Delivery, key: str, woken: WokenRuns | None) -> bool:
        self._let_go(delivery, key)
        if woken is None:
            return False
        self._wake(woken.steps, (wanted_of_once_key(key),))
        return True

    def _let_go(self, delivery: Delivery, key: str) -> None:
        keys = self.held.get(delivery.id, set())
        keys.discard(key)
        if not keys:
            self.held.pop(delivery.id, None)

    def _wake(self, steps: Collection[str], wanted: Collection[Wanted] | None) -> None:
        if not steps:
            return
        self._context.woken(steps, wanted)
        for step in steps:
            self._claims.add_due(step)
