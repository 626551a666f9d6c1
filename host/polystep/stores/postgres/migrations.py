"""Changes of the schema: made once, whichever host is first, and refused to hosts that do not know them."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from polystep.contracts.errors import PolystepError
from polystep.contracts.storage import NotStored
from polystep.stores.postgres.driver import Connection, ServerError
from polystep.stores.postgres.failures import state_of
from polystep.stores.postgres.schema import MIGRATIONS, Migration

SCHEMA_NAME_MAX: Final = 40
"""Bytes of a schema's name: names of channels are made of it, and end at 63."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
# Creating what another host creates at the same moment fails with one of these, "if not exists" or not.
_RACED: Final = ("23505", "42P06", "42P07")
_LOCKED: Final = "55P03"
_TRIES: Final = 30
"""Times that a change waits two seconds for tables that are in use: all others wait behind it meanwhile."""

_BEGIN: Final = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.schema_meta (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL, oldest integer NOT NULL
);
INSERT INTO {schema}.schema_meta (version, oldest) VALUES (0, 0) ON CONFLICT DO NOTHING;
"""
_EXISTS: Final = "SELECT to_regclass($1) IS NOT NULL"
_VERSION: Final = "SELECT version, oldest FROM {schema}.schema_meta"
_LOCK: Final = "SELECT version, oldest FROM {schema}.schema_meta FOR UPDATE"
_NOTE: Final = "UPDATE {schema}.schema_meta SET version = {version}, oldest = {oldest}"


def check_schema_name(name: str) -> None:
    """Refuse a name that would have to be quoted.

    Raises:
        PolystepError: It is not made of small letters, digits and underscores, or too long.
    """
    if len(name) > SCHEMA_NAME_MAX or not _NAME.fullmatch(name) or name.startswith("pg_"):
        raise PolystepError(
            f"{name!r} cannot be the schema of a project: take small letters, digits and underscores, at most "
            f"{SCHEMA_NAME_MAX}, and no digit first."
        )


async def migrate(
    connection: Connection, schema: str, place: str, migrations: tuple[Migration, ...] = MIGRATIONS
) -> None:
    """Make what is missing; nothing when the schema is as new as this host, or newer and fit for it.

    Raises:
        NotStored: The schema is too new for this host, or was locked all the time.
    """
    if not await connection.fetchval(_EXISTS, f"{schema}.schema_meta"):
        await _begin(connection, schema)
    await connection.execute("SET lock_timeout = 2000")
    for tries_left in reversed(range(_TRIES)):
        try:
            await _bring_up_to_date(connection, schema, place, migrations)
            break
        except ServerError as error:
            await connection.execute("ROLLBACK")
            if state_of(error) != _LOCKED:
                raise
            if not tries_left:
                raise NotStored(f"{place} could not be changed: its tables are locked. {error}") from error
    await connection.execute("SET lock_timeout = 5000")


async def _begin(connection: Connection, schema: str) -> None:
    for _ in range(_TRIES):
        try:
            await connection.execute(_BEGIN.format(schema=schema))
            return
        except ServerError as error:
            if state_of(error) not in _RACED:
                raise
            await asyncio.sleep(0)


async def _bring_up_to_date(connection: Connection, schema: str, place: str, migrations: tuple[Migration, ...]) -> None:
    row = await connection.fetchrow(_VERSION.format(schema=schema))
    if row is not None and row[0] >= len(migrations):
        return _refuse_newer(row[1], place, migrations)
    await connection.execute("BEGIN")
    row = await connection.fetchrow(_LOCK.format(schema=schema))
    assert row is not None
    version, oldest = row
    # Another host may have made them while this one waited for the lock.
    for number, migration in enumerate(migrations[version:], version + 1):
        await connection.execute(migration.sql.format(schema=schema))
        oldest = migration.oldest
        await connection.execute(_NOTE.format(schema=schema, version=number, oldest=oldest))
    await connection.execute("COMMIT")
    return _refuse_newer(oldest, place, migrations)


def _refuse_newer(oldest: int, place: str, migrations: tuple[Migration, ...]) -> None:
    if oldest > len(migrations):
        raise NotStored(
            f"{place} has the tables of a later version of polystep: schema {oldest}, and this one knows "
            f"{len(migrations)}. "
            "Install that version here: pip install --upgrade 'polystep-host[postgres]'. Nothing was written."
        )
