"""Connections to PostgreSQL, with the settings that the promises need."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from typing import Final

from polystep.contracts.errors import PolystepError
from polystep.contracts.storage import NotStored
from polystep.stores.postgres.driver import (
    ClientError,
    Connection,
    DriverFault,
    ServerError,
    open_connection,
    socket_of,
)
from polystep.stores.postgres.failures import is_broken, is_lost, shown, state_of, unreachable

CONNECT_TIMEOUT_S: Final = 5.0
_KEEPALIVE_IDLE_S: Final = 10
_KEEPALIVE_INTERVAL_S: Final = 5
_KEEPALIVE_COUNT: Final = 3
_UNANSWERED_MS: Final = 15_000
"""Time after which data that the other side has not taken ends a connection: a dead peer is known in 15 seconds."""
VERSION_MIN: Final = 130_000
"""`xid8` and snapshots as values came with PostgreSQL 13."""
_STRENGTHS: Final = ("off", "local", "remote_write", "on", "remote_apply")
"""Of `synchronous_commit`, the weakest first."""
_CHECK: Final = """
SELECT current_setting('server_version_num')::int, version(), current_setting('fsync'),
  current_setting('full_page_writes'), current_setting('synchronous_commit'), current_setting('server_encoding')"""


class Connector:
    """Opens connections to one database."""

    def __init__(self, url: str, durability: str) -> None:
        """Prepare.

        Args:
            url: `postgresql://…`; its password is never shown.
            durability: `full` makes the server sync every commit to disk; with `process` it may lose the last commits
                at a power cut.
        """
        self._url = url
        self._durability = durability
        self.place = f"The database {shown(url)}"
        """For messages."""

    async def open(self, purpose: str, settings: Mapping[str, str] = {}) -> Connection:
        """Connect for reads and writes.

        Args:
            purpose: Shown among the server's sessions.
            settings: Of the session, beside those of all.

        Raises:
            NotStored: The server does not answer, or it would not keep the promises.
        """
        all_settings = {
            "application_name": f"polystep {purpose}",
            # The fence and the barrier rely on it: each statement sees what was committed before it began.
            "default_transaction_isolation": "read committed",
            "default_transaction_read_only": "off",
            "statement_timeout": "0",
            "lock_timeout": "5000",
            "idle_in_transaction_session_timeout": "10000",
            "tcp_keepalives_idle": str(_KEEPALIVE_IDLE_S),
            "tcp_keepalives_interval": str(_KEEPALIVE_INTERVAL_S),
            "tcp_keepalives_count": str(_KEEPALIVE_COUNT),
            "tcp_user_timeout": str(_UNANSWERED_MS),
            # Statements here are short: to compile one costs a second, and what the planner fears is seldom true.
            "jit": "off",
            "client_min_messages": "error",
            **settings,
        }
        try:
            connection = await open_connection(self._url, CONNECT_TIMEOUT_S, all_settings)
        except (ServerError, ClientError, DriverFault, OSError, TimeoutError, ValueError) as error:
            raise self._refused(error) from error
        try:
            _keep_alive(connection)
            await self._check(connection)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, PolystepError) or not (is_lost(error) or is_broken(error)):
                raise
            raise unreachable(self.place, error) from error
        return connection

    async def _check(self, connection: Connection) -> None:
        """Refuse a server that would not keep what it has answered; strengthen what a session may set."""
        row = await connection.fetchrow(_CHECK)
        assert row is not None
        version, text, fsync, full_page_writes, synchronous, encoding = row
        if version < VERSION_MIN:
            raise NotStored(f"{self.place} is {text.split(' on ')[0]}; polystep needs PostgreSQL 13 or newer.")
        if encoding != "UTF8":
            raise NotStored(f"{self.place} has the encoding {encoding}; polystep needs one with UTF8.")
        if self._durability == "full":
            if fsync != "on" or full_page_writes != "on":
                raise NotStored(
                    f"{self.place} runs with fsync = {fsync} and full_page_writes = {full_page_writes}, and would lose "
                    'events at a power cut. Switch both on, or set durability = "process" in [storage].'
                )
            wanted = "on"
        else:
            wanted = "off"
        if wanted == "off" or _STRENGTHS.index(synchronous) < _STRENGTHS.index(wanted):
            await connection.execute(f"SET synchronous_commit = {wanted}")

    def _refused(self, error: BaseException) -> NotStored:
        state = state_of(error)
        if state in ("28P01", "28000"):
            return NotStored(f"{self.place} refuses the user or its password: {error}. Correct the URL.")
        if state == "3D000":
            return NotStored(f"{self.place} does not exist. Create it: createdb NAME.")
        return unreachable(self.place, error)


def _keep_alive(connection: Connection) -> None:
    """Have the system find a peer that is gone: the driver sets no keepalive."""
    sock = socket_of(connection)
    if sock is None or getattr(sock, "family", None) not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_COUNT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
