"""Upkeep of the database, which every host does: it ends dead hosts, and removes what nobody needs any more."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from polystep.contracts.errors import PolystepError
from polystep.stores.postgres.identity import EVICT, SILENT, Identity, Silent, Times
from polystep.stores.postgres.sessions import Sessions

log = logging.getLogger(__name__)

_CHANGES_KEPT_S: Final = 600
"""A host that cannot read for so long misses changes."""
_REMOVED_AT_ONCE: Final = 5000
# Whatever another host removes at the moment is left to it.
_REMOVE: Final = """
WITH old AS MATERIALIZED (
  SELECT seq FROM {schema}.stream_changes ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM {schema}.stream_changes c WHERE c.seq = ANY (ARRAY (SELECT seq FROM old))
    AND c.at < clock_timestamp() - make_interval(secs => $1) RETURNING 1
) SELECT count(*) FROM gone"""

_KEYS_AT_ONCE: Final = 1000
# A row is there to be locked, and says nothing else: whoever wants it again, or waits for it, writes it anew.
_REMOVE_KEYS: Final = """
WITH page AS MATERIALIZED (
  SELECT step, key FROM {schema}.fifo_keys WHERE (step, key) > ($1, $2) ORDER BY step, key LIMIT $3
  FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM {schema}.fifo_keys k USING page p WHERE k.step = p.step AND k.key = p.key AND NOT EXISTS (
    SELECT FROM {schema}.deliveries d WHERE d.step = k.step AND d.fifo_key = k.key) RETURNING 1
), last AS (
  SELECT step, key FROM page ORDER BY step DESC, key DESC LIMIT 1
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM page), (SELECT step FROM last), (SELECT key FROM last)"""
_FIRST: Final = (b"", b"")


class Upkeep:
    """Looks around every few seconds."""

    def __init__(self, sessions: Sessions, schema: str, identity: Identity, times: Times) -> None:
        self._sessions = sessions
        self._schema = schema
        self._identity = identity
        self._times = times
        self._looked_at: tuple[bytes, bytes] = _FIRST
        """The last step and FIFO key whose row was looked at."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="upkeep")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def evict_silent(self) -> list[Silent]:
        """End the hosts that were not seen for too long; returns them."""
        evicted = []
        silent = await self._sessions.fetch(
            SILENT.format(schema=self._schema), self._identity.host, self._times.dead_after_s
        )
        for row in silent:
            host = Silent(*row)
            if await self._sessions.value(EVICT.format(schema=self._schema), host.host, self._times.dead_after_s):
                log.warning(
                    "The host of process %d on %s was not seen for %g s and counts as dead.",
                    host.pid, host.machine, self._times.dead_after_s,
                )  # fmt: skip
                evicted.append(host)
        return evicted

    async def remove_old_changes(self, kept_s: float = _CHANGES_KEPT_S) -> int:
        """Remove changes that every host has read; returns how many."""
        total = 0
        while True:
            removed: int = await self._sessions.value(_REMOVE.format(schema=self._schema), kept_s, _REMOVED_AT_ONCE)
            total += removed
            if removed < _REMOVED_AT_ONCE:
                return total

    async def remove_idle_keys(self) -> int:
        """Remove rows of FIFO keys that have nothing, from where the last look ended; returns how many.

        It goes on as long as half of what it looks at is idle.
        """
        total: int = 0
        while True:
            (row,) = await self._sessions.fetch(
                _REMOVE_KEYS.format(schema=self._schema), *self._looked_at, _KEYS_AT_ONCE
            )
            removed: int = row[0]
            count, step, key = row[1:]
            total += removed
            self._looked_at = (step, key) if count == _KEYS_AT_ONCE else _FIRST
            if count < _KEYS_AT_ONCE or removed < _KEYS_AT_ONCE // 2:
                return total

    async def _run(self) -> None:
        while True:
            # Not all hosts at one moment.
            await asyncio.sleep(self._times.beat_s * random.uniform(0.8, 1.2))
            try:
                await self.evict_silent()
                await self.remove_old_changes()
                await self.remove_idle_keys()
            except PolystepError as error:
                log.warning("The upkeep of the database has to wait: %s", error)
