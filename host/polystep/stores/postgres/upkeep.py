"""Upkeep of the database, which every host does: it ends hosts that are dead, and removes old changes of streams."""

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


class Upkeep:
    """Looks around every few seconds."""

    def __init__(self, sessions: Sessions, schema: str, identity: Identity, times: Times) -> None:
        self._sessions = sessions
        self._schema = schema
        self._identity = identity
        self._times = times
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

    async def _run(self) -> None:
        while True:
            # Not all hosts at one moment.
            await asyncio.sleep(self._times.beat_s * random.uniform(0.8, 1.2))
            try:
                await self.evict_silent()
                await self.remove_old_changes()
            except PolystepError as error:
                log.warning("The upkeep of the database has to wait: %s", error)
