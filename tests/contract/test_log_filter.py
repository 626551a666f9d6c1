"""Log lines by filter: what the store lists and what the live feed lets through are the same lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from polystep.contracts.ports.inspection import LogFilter
from polystep.contracts.trace import LogLine
from polystep.operations.line_filter import LineFilter, levels_from, words_of
from polystep.stores.sqlite.database import Database
from polystep.stores.sqlite.schema import open_traces
from polystep.stores.sqlite.trace import SqliteTraceStore
from polystep.stores.sqlite.trace_queries import SqliteTraceQueries

LINES = [
    LogLine(1, "debug", "Poll started", None, "Poll", "t" * 32, "r1", "logger"),
    LogLine(
        2, "info", "Order placed", '{"item":"vase","count":3,"paid":true,"note":null}', "Pack", None, None, "logger"
    ),
    LogLine(3, "warn", "stock is LOW: item=vase", '{"count":3.0,"deep":{"item":"vase"}}', "Pack", None, None, "logger"),
    LogLine(4, "error", 'it "fell" down', '{"item":"Vase","stack":"a\\nb"}', None, None, None, "host"),
    LogLine(5, "info", "ÄRGER 100% _x", '{"item":"two parts"}', "Ship", None, None, "output"),
]


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_traces(tmp_path / "traces.db")
    await database.start()
    yield database
    await database.stop()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("order", [2]),
        ("PACK -low", [2]),
        ("item=vase", [2, 3]),
        ("-item=vase", [1, 4, 5]),
        ("count=3", [2]),
        ("paid=true", [2]),
        ("note=null", [2]),
        ("deep=vase", []),
        ('"it \\"fell\\""', [4]),
        ('"item=two parts"', [5]),
        ("100% _x", [5]),
        ("ÄRGER", [5]),
        ("ärger", []),
        ("' OR 1=1 --", []),
        ("$.item=vase", []),
    ],
)
async def test_words_choose_the_same_lines_in_the_store_and_in_the_feed(
    database: Database, text: str, found: list[int]
) -> None:
    await SqliteTraceStore(database).write(LINES)
    rows: list[Any] = await SqliteTraceQueries(database).logs(LogFilter(words=words_of(text)), 10, None, 0)
    assert [row["time"] for row in rows] == found
    heard = LineFilter.read(f"level=info&text={quote(text)}" if text else "minLevel=debug", lambda _: [])
    assert heard is not None
    expected = [line.time_ms for line in LINES if line.time_ms in found and (not text or line.level == "info")]
    assert [line.time_ms for line in LINES if heard.lets_through(line)] == expected


async def test_levels_steps_and_pages(database: Database) -> None:
    await SqliteTraceStore(database).write(LINES)
    queries = SqliteTraceQueries(database)

    async def listed(wanted: LogFilter, limit: int = 10, before: int | None = None) -> list[Any]:
        return [row["time"] for row in await queries.logs(wanted, limit, before, None)]

    assert await listed(LogFilter(levels=levels_from("warn"))) == [4, 3]
    assert await listed(LogFilter(steps=["Pack", "Ship"])) == [5, 3, 2]
    assert await listed(LogFilter(steps=[])) == []
    assert await listed(LogFilter(steps=["Pack", "Ship"]), 1, 5) == [3]
