"""Parts of the rooms that the tests of operations need beside those of the execution."""

from __future__ import annotations

from pathlib import Path

from polystep.contracts.ports.inspection import Inspection
from polystep.execution import AskLinks, Asks
from polystep.execution.held import HeldHandlers
from polystep.execution.journal import DurableOptions
from polystep.stores.sqlite.data_queries import SqliteDataQueries
from polystep.stores.sqlite.letter_queries import SqliteLetterQueries
from polystep.stores.sqlite.queue_queries import SqliteQueueQueries
from polystep.stores.sqlite.trace_queries import SqliteTraceQueries
from tests.unit.execution.rooms import Rooms


def asks_of(rooms: Rooms, project: Path) -> Asks:
    """Return the asks of the rooms, whose links begin with a fixed address."""
    held = HeldHandlers(rooms.bus, rooms.runs, rooms.clock, DurableOptions())
    return Asks(rooms.queue.asks, rooms.bus, held, AskLinks(project, lambda: "https://example.org"))


def inspection_of(rooms: Rooms) -> Inspection:
    """Return the queries over the files of the rooms."""
    durable, traces = rooms.queue._database, rooms.traces._database
    return Inspection(
        SqliteTraceQueries(traces),
        SqliteQueueQueries(durable),
        SqliteLetterQueries(durable, rooms.clock),
        SqliteDataQueries(durable),
    )
