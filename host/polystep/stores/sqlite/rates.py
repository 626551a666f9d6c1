"""Counts of runs by step and time in SQLite: a row for each step, stretch of time and start of a host."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

import apsw
import orjson

from polystep.contracts.rates import WIDTHS, Bins, RateRow, StepRate
from polystep.stores.sqlite.database import Database

RATES: Final = """
-- Each start of a host counts in rows of its own, so several on one file add up.
CREATE TABLE IF NOT EXISTS rates (
  width_s INTEGER NOT NULL, at_ms INTEGER NOT NULL, step TEXT NOT NULL, owner TEXT NOT NULL,
  runs INTEGER NOT NULL, failed INTEGER NOT NULL, retried INTEGER NOT NULL, wait BLOB NOT NULL, work BLOB NOT NULL,
  PRIMARY KEY (width_s, at_ms, step, owner)
) WITHOUT ROWID;
"""

_READ: Final = (
    "SELECT at_ms, step, runs, failed, retried, wait, work FROM rates WHERE width_s = ? AND at_ms >= ? AND at_ms < ?"
)


class RateCounter:
    """Counter of what one host runs: adds to the stretches of time that are open, and writes those that have grown."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._open: dict[int, tuple[int, dict[str, StepRate]]] = {}
        """By width: when the stretch began, and what has been counted by step."""

    def write(self, connection: apsw.Connection, at_ms: int, counted: Mapping[str, StepRate]) -> None:
        """Add what a batch has counted at a time; the caller has opened the transaction."""
        rows: list[tuple[Any, ...]] = []
        for width_s, kept_s in WIDTHS:
            begin_ms = at_ms - at_ms % (width_s * 1000)
            open_ = self._open.get(width_s)
            if open_ is None or open_[0] != begin_ms:
                open_ = self._open[width_s] = (begin_ms, {})
                oldest_ms = begin_ms - kept_s * 1000
                connection.execute("DELETE FROM rates WHERE width_s = ? AND at_ms < ?", (width_s, oldest_ms))
            for step, more in counted.items():
                known = open_[1].get(step)
                if known is None:
                    known = open_[1][step] = StepRate()
                known.add(more)
                counts = known.runs, known.failed, known.retried, _packed(known.wait), _packed(known.work)
                rows.append((width_s, begin_ms, step, self._owner, *counts))
        connection.executemany("INSERT OR REPLACE INTO rates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


async def read_rates(
    database: Database, width_s: int, since_ms: int, until_ms: int, steps: Sequence[str] | None
) -> list[RateRow]:
    """Read what has been counted, in no order."""
    sql, bindings = _READ, (width_s, since_ms, until_ms)
    if steps is None:
        rows = await database.scan(sql, bindings)
    else:
        listed = orjson.dumps(list(steps)).decode()
        rows = await database.scan(f"{sql} AND step IN (SELECT value FROM json_each(?))", (*bindings, listed))
    return [
        RateRow(at_ms, step, StepRate(runs, failed, retried, _unpacked(wait), _unpacked(work)))
        for at_ms, step, runs, failed, retried, wait, work in rows
    ]


def _packed(bins: Bins) -> bytes:
    return array("I", [part for pair in bins.items() for part in pair]).tobytes()


def _unpacked(data: bytes) -> Bins:
    parts = array("I")
    parts.frombytes(data)
    return dict(zip(parts[::2], parts[1::2], strict=True))
