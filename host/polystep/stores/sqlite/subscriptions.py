"""Subscriptions in SQLite: the steps of each deployment that is known, with their files and topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw
import orjson

from polystep.stores.sqlite.database import Database


def read_subscriptions(database: Database, deployment: int) -> list[tuple[str, str, str]]:
    """Read `(file, step, topic)` of a deployment; of the latest one before it when it has none yet."""
    rows = database.read(
        "SELECT file, step, topic FROM subscriptions "
        "WHERE deployment = (SELECT max(deployment) FROM subscriptions WHERE deployment <= ?)",
        (deployment,),
    )
    return cast("list[tuple[str, str, str]]", rows)


def replace_subscriptions(
    connection: apsw.Connection, deployment: int, rows: Sequence[tuple[int, str, str, str]]
) -> None:
    """Replace those of a deployment; the connection is in a transaction."""
    connection.execute("DELETE FROM subscriptions WHERE deployment = ?", (deployment,))
    connection.executemany("INSERT OR IGNORE INTO subscriptions VALUES (?, ?, ?, ?)", rows)


def forget_subscriptions(connection: apsw.Connection, kept: Sequence[int]) -> None:
    """Remove those of deployments that no host runs any more."""
    connection.execute(
        "DELETE FROM subscriptions WHERE deployment NOT IN (SELECT value FROM json_each(?))", _json(kept)
    )


def steps_of(connection: apsw.Connection, deployments: Sequence[int]) -> set[str]:
    """Return the steps of deployments."""
    sql = "SELECT step FROM subscriptions WHERE deployment IN (SELECT value FROM json_each(?))"
    return {cast("str", step) for (step,) in connection.execute(sql, _json(deployments))}


def _json(numbers: Sequence[int]) -> tuple[str]:
    return (orjson.dumps(list(numbers)).decode(),)
