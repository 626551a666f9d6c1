"""Status of deliveries in SQLite, and the line of a FIFO key."""

from __future__ import annotations

from typing import Final

import apsw

READY: Final = 0
BLOCKED: Final = 1
RUNNING: Final = 2
RELEASE_LATE: Final = (
    f"UPDATE deliveries SET status = {READY} WHERE status = {RUNNING} AND lease_until_ms <= ? AND owner <> ?"
)
"""Makes due again what other owners have not renewed; takes the time and the owner that is left out."""


def unblock(connection: apsw.Connection, step: str, fifo_key: str | None) -> None:
    """Make the next delivery of a FIFO key ready; the one before it has ended."""
    if fifo_key is not None:
        connection.execute(
            f"UPDATE deliveries SET status = {READY} WHERE id = (SELECT min(id) FROM deliveries "
            f"WHERE step = ? AND fifo_key = ? AND status = {BLOCKED})",
            (step, fifo_key),
        )
