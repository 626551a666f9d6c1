"""State in SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

import apsw

from polystep.contracts.errors import InvalidParams, PolystepError
from polystep.contracts.futures import then
from polystep.contracts.limits import PAGE_ENTRIES_MAX
from polystep.contracts.names import SHORT_NAMES, check_names
from polystep.contracts.pages import PageBounds
from polystep.stores.sqlite.database import Database

_MARK: Final = "k"
"""Beginning of a cursor: a key may be the empty text, and loops end at an empty cursor."""


class SqliteStateStore:
    """Implements `StateStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, group: str, key: str) -> bytes | None:
        """Read one value."""
        rows = self._database.read("SELECT value FROM state WHERE grp = ? AND key = ?", (group, key))
        return cast("bytes", rows[0][0]) if rows else None

    def set(self, group: str, key: str, value: bytes) -> asyncio.Future[None]:
        """Write one value."""
        if len(group) + len(key) > SHORT_NAMES:
            check_names(group, key)

        def job(connection: apsw.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (group, key, value))

        return self._database.write(job)

    def update(
        self, group: str, key: str, change: Callable[[bytes | None], bytes | None]
    ) -> asyncio.Future[bytes | None]:
        """Read, change and write in one transaction."""
        if len(group) + len(key) > SHORT_NAMES:
            check_names(group, key)

        def job(connection: apsw.Connection) -> bytes | PolystepError | None:
            rows = connection.execute("SELECT value FROM state WHERE grp = ? AND key = ?", (group, key)).fetchall()
            found = cast("bytes", rows[0][0]) if rows else None
            try:
                made = change(found)
            except PolystepError as error:
                # A job that fails is run apart from those beside it, which costs each of them a commit of its own.
                return error
            if made is None:
                connection.execute("DELETE FROM state WHERE grp = ? AND key = ?", (group, key))
            elif made != found:
                connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (group, key, made))
            return made

        return then(self._database.write(job), _made)

    def delete(self, group: str, key: str) -> asyncio.Future[bytes | None]:
        """Remove one value."""

        def job(connection: apsw.Connection) -> bytes | None:
            rows = connection.execute(
                "DELETE FROM state WHERE grp = ? AND key = ? RETURNING value", (group, key)
            ).fetchall()
            return cast("bytes", rows[0][0]) if rows else None

        return self._database.write(job)

    async def page(
        self, group: str, cursor: str | None, bounds: PageBounds, *, keys_only: bool = False
    ) -> tuple[list[tuple[str, bytes]], str | None]:
        """Read a part of a group by its primary key."""
        after, key = (">", _key_of(cursor)) if cursor is not None else (">=", "")
        value = "x''" if keys_only else "value"
        rows, more = await self._database.page(
            f"SELECT key, {value} FROM state WHERE grp = ? AND key {after} ? ORDER BY key", (group, key), bounds
        )
        return cast("list[tuple[str, bytes]]", rows), _MARK + rows[-1][0] if more else None

    def clear(self, group: str) -> asyncio.Future[int]:
        """Remove a group."""

        def job(connection: apsw.Connection) -> int:
            connection.execute("DELETE FROM state WHERE grp = ?", (group,))
            return connection.changes()

        return self._database.sweep(job)

    async def groups(self, after: str | None = None, limit: int = PAGE_ENTRIES_MAX) -> list[tuple[str, int]]:
        """Count the keys of some groups."""
        behind, group = (">", after) if after is not None else (">=", "")
        rows = await self._database.scan(
            f"SELECT grp, count(*) FROM state WHERE grp {behind} ? GROUP BY grp ORDER BY grp LIMIT ?", (group, limit)
        )
        return cast("list[tuple[str, int]]", rows)


def _made(outcome: bytes | PolystepError | None) -> bytes | None:
    if isinstance(outcome, PolystepError):
        raise outcome
    return outcome


def _key_of(cursor: str) -> str:
    if not cursor.startswith(_MARK):
        raise InvalidParams(f"{cursor[:80]!r} is not a cursor of a state group. Give the `cursor` of the page before.")
    return cursor.removeprefix(_MARK)
