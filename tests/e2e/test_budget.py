"""What one ticket of the tutorial's pipeline costs, counted and not timed: the same on every machine, busy or not.

The host runs inside the test, its runners are real. Tickets go one by one, so they share nothing; under load they share
commits and writes to pipes, and each costs less.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import io
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import apsw
import pytest
import uvloop

from polystep.app import Console, Host, HostOptions, read_settings
from polystep.bus import leases as leases_module
from polystep.contracts.events import Delivery
from polystep.runners import heartbeat as heartbeat_module
from polystep.stores import SqliteQueueStore
from polystep.wire import peer as peer_module
from tests.e2e.running import ROOT, make_project
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

WARM_UP = 100
TICKETS = 300
TOKEN = "a token of this test"
TICKET = {"subject": "Cannot log in", "body": "The login page keeps rejecting my password.", "email": "a@example.com"}

MESSAGES = 25
"""Three runs and eight calls (three writes to the stream, two to state, a read of it, two emits) with their answers
make 22; three log lines need none."""
COMMITS = 8
"""Each awaited write is one: three to the stream, two to state, the emit of the HTTP step, and two completions. What an
event starts is claimed in the commit that stores it."""
STATEMENTS = 26
"""BEGIN and COMMIT for each; two for the new item of the stream and for the completion that emits; one for others."""
TASKS_MAX = 5
"""One for each run, an HTTP request's among them, and one for the read of state."""
CALLS_MAX = 1400
"""Python functions called on the event loop."""
BLOCKS_MAX = 4
"""Blocks of memory that each ticket leaves in use: none, but for what happens to be at work when they are counted."""


class Counts(Counter[str]):
    """Counts what a host does, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.done = asyncio.Event()
        """A ticket has got its keywords."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Count from now on; before a host starts."""
        # The pings of runners and the renewals of leases come by the clock: a busy machine would count more of them.
        monkeypatch.setattr(heartbeat_module, "PING_EVERY_S", 600.0)
        monkeypatch.setattr(leases_module, "LEASE_MS", 3_600_000)
        for name in ("frame", "unpack_message"):
            monkeypatch.setattr(peer_module, name, self._counting("messages", getattr(peer_module, name)))
        monkeypatch.setattr(apsw, "connection_hooks", [self._watch])
        complete = SqliteQueueStore.complete

        async def completing(store: SqliteQueueStore, delivery: Delivery, *rest: Any) -> Any:
            claimed = await complete(store, delivery, *rest)
            if delivery.step == "ExtractKeywords":
                self.done.set()
            return claimed

        monkeypatch.setattr(SqliteQueueStore, "complete", completing)

    @contextlib.contextmanager
    def calls(self) -> Iterator[None]:
        """Count tasks, and calls of Python functions in this thread."""
        loop = asyncio.get_running_loop()

        def make_task(_: object, coroutine: Any, **named: Any) -> asyncio.Task[Any]:
            self["tasks"] += 1
            return asyncio.Task(coroutine, loop=loop, **named)

        def profile(_: FrameType, event: str, __: object) -> None:
            if event == "call":
                self["calls"] += 1

        loop.set_task_factory(make_task)
        sys.setprofile(profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            loop.set_task_factory(None)

    def _counting(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any) -> Any:
            self[kind] += 1
            return function(*arguments)

        return counting

    def _watch(self, connection: apsw.Connection) -> None:
        if not connection.filename.endswith("polystep.db") or connection.readonly("main"):
            return

        def trace(event: dict[str, Any]) -> None:
            self["statements"] += 1
            self["commits"] += event["sql"] == "COMMIT"

        connection.trace_v2(apsw.SQLITE_TRACE_STMT, trace)
        self.writer = connection


class Client:
    """Posts tickets from a thread of its own, so that its work is not counted."""

    def __init__(self, url: str, counts: Counts) -> None:
        self._address = url.removeprefix("http://")
        self._counts = counts

    async def tickets(self, count: int) -> None:
        """Post so many, each after the one before has got its keywords."""
        connection = http.client.HTTPConnection(self._address)
        try:
            for _ in range(count):
                self._counts.done.clear()
                await asyncio.to_thread(self._ask, connection, "POST", "/tickets", TICKET)
                async with asyncio.timeout(HANG_S):
                    await self._counts.done.wait()
        finally:
            connection.close()

    async def flush(self) -> None:
        """Return when every trace record is stored: reading traces waits for that."""
        connection = http.client.HTTPConnection(self._address)
        try:
            await asyncio.to_thread(self._ask, connection, "GET", "/__polystep/api/traces?limit=1", None)
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: object) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        told = answer.read()
        assert answer.status == 200, told


def test_a_ticket_costs_no_more_than_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "tests" / "bench" / "project" / "steps" / "tickets", tmp_path / "steps")
    make_project(tmp_path, {})
    counts, blocks = uvloop.run(count_tickets(tmp_path, monkeypatch))
    each = {kind: counts[kind] / TICKETS for kind in ("messages", "commits", "statements", "tasks", "calls")}
    assert {kind: each[kind] for kind in ("messages", "commits", "statements")} == {
        "messages": MESSAGES,
        "commits": COMMITS,
        "statements": STATEMENTS,
    }
    assert each["tasks"] <= TASKS_MAX, each
    assert each["calls"] <= CALLS_MAX, each
    assert blocks / TICKETS <= BLOCKS_MAX, blocks


async def count_tickets(project: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], int]:
    """Counts of `TICKETS` tickets, and by how many blocks the memory in use has grown meanwhile."""
    counts, console = Counts(), Console(io.StringIO())
    counts.install(monkeypatch)
    host = Host(HostOptions(project, port=0, dev=False, token=TOKEN), read_settings(project), console, dict(os.environ))
    try:
        await host.start()
        # An fsync for each commit: FULL.
        assert list(counts.writer.execute("PRAGMA synchronous")) == [(2,)]
        client = Client(host.url, counts)
        await client.tickets(WARM_UP)
        counts.clear()
        before = await _blocks(client)
        await client.tickets(TICKETS)
        kept = Counter(counts)
        grown = await _blocks(client) - before
        with counts.calls():
            await client.tickets(TICKETS)
        for kind in ("messages", "commits", "statements"):
            counts[kind] = kept[kind]
        return Counter(counts), grown
    finally:
        await host.stop()
        console.stop()


async def _blocks(client: Client) -> int:
    await client.flush()
    gc.collect()
    return sys.getallocatedblocks()
