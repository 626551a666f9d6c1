"""This host on the database: who it is, and whether the others still count it among the living."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
from importlib.metadata import version
from typing import Final, NamedTuple

from polystep.stores.postgres.driver import Connection

_ID_BITS: Final = 63

REGISTER: Final = "SELECT {schema}.register_1($1, $2, $3, $4, $5, $6)"
FORGET: Final = "DELETE FROM {schema}.hosts WHERE id = $1"
RELEASE: Final = "UPDATE {schema}.deliveries SET status = 0 WHERE status = 2 AND host = $1"
FORGET_LANES: Final = "DELETE FROM {schema}.lanes WHERE host = $1"
SILENT: Final = """
SELECT h.id, h.machine, h.pid FROM {schema}.hosts h WHERE h.id <> $1 AND NOT EXISTS (
  SELECT FROM {schema}.lanes l WHERE l.host = h.id AND l.seen_at >= clock_timestamp() - make_interval(secs => $2))"""
EVICT: Final = "SELECT {schema}.evict_1($1, make_interval(secs => $2))"


class Times(NamedTuple):
    """Times of the leases."""

    beat_s: float = 5.0
    """A lane that has nothing to write says so often that it lives."""
    dead_after_s: float = 20.0
    """A host that was not seen for so long is dead, by the clock of the database."""
    answer_s: float = 10.0
    """A connection that has not answered for so long is given up."""
    wait_s: float = 5.0
    """A write that could not be sent for so long fails."""


TIMES: Final = Times()


class Silent(NamedTuple):
    """Host that was not seen for a while."""

    host: int
    machine: str
    pid: int


class Identity:
    """One start of a host, until it is taken for dead; then it is another one."""

    def __init__(self, schema: str, lanes: int, deployment: int = 0) -> None:
        self._schema = schema
        self._count = lanes
        self._deployment = deployment
        self._lock = asyncio.Lock()
        self.host = 0
        """Id; 0 before the first registration."""
        self.lanes: tuple[int, ...] = ()
        """Ids of its lanes."""
        self.registration = 0
        """Number of registrations."""

    async def register(self, connection: Connection, known: int) -> None:
        """Take a new id, unless that has happened since the registration that the caller knows."""
        async with self._lock:
            if self.registration != known:
                return
            host, *lanes = (secrets.randbits(_ID_BITS) for _ in range(self._count + 1))
            await connection.execute(
                REGISTER.format(schema=self._schema),
                host,
                platform.node(),
                os.getpid(),
                version("polystep-host"),
                self._deployment,
                lanes,
            )
            self.host, self.lanes = host, tuple(lanes)
            self.registration += 1

    async def leave(self, connection: Connection) -> None:
        """Take the host off the database."""
        for statement in (FORGET_LANES, RELEASE, FORGET):
            await connection.execute(statement.format(schema=self._schema), self.host)
