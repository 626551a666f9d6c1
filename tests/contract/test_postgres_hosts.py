"""Hosts on one PostgreSQL: who is dead, what they tell each other, and the tables that they share."""

from __future__ import annotations

import asyncio
import random
import string
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from polystep.contracts.errors import InvalidParams, PolystepError
from polystep.contracts.events import StoredChange
from polystep.contracts.limits import NAME_BYTES_MAX, STREAM_NAME_BYTES_MAX
from polystep.contracts.storage import NotStored
from polystep.stores.postgres import PostgresDatabase, PostgresStateStore, PostgresStreamStore, Times
from polystep.stores.postgres.connections import Connector
from polystep.stores.postgres.migrations import migrate
from polystep.stores.postgres.schema import MIGRATIONS, Migration
from polystep.testing import FakeClock
from tests.postgres.proxy import open_proxy
from tests.postgres.schemas import fresh_schema
from tests.postgres.server import USER, Server

QUIET = Times(beat_s=3600, dead_after_s=3600)
"""Nothing happens by itself."""


class Place:
    """A schema, and the hosts on it."""

    def __init__(self, server: Server, schema: str, direct: asyncpg.Connection, opened: AsyncExitStack) -> None:
        self.server, self.schema, self.direct = server, schema, direct
        self._opened = opened

    async def host(self, times: Times = QUIET, url: str | None = None) -> PostgresDatabase:
        made = PostgresDatabase(
            url or self.server.url, FakeClock(), schema=self.schema, durability="process", times=times
        )
        await made.start()
        self._opened.push_async_callback(made.stop)
        return made

    async def ask(self, sql: str, *arguments: object) -> object:
        return await self.direct.fetchval(sql.format(schema=self.schema), *arguments)

    async def silence(self, host: PostgresDatabase) -> None:
        """Let it have written for the last time two hours ago."""
        sql = "UPDATE {schema}.lanes SET seen_at = seen_at - interval '2 hours' WHERE host = $1"
        await self.ask(sql, host.identity.host)


@pytest.fixture
async def place(postgres: Server) -> AsyncIterator[Place]:
    async with AsyncExitStack() as opened:
        schema = await opened.enter_async_context(fresh_schema(postgres.url))
        direct = await asyncpg.connect(postgres.url)
        opened.push_async_callback(direct.close)
        async with asyncio.timeout(240):
            yield Place(postgres, schema, direct, opened)


async def test_a_silent_host_is_evicted_and_a_living_one_is_not(place: Place) -> None:
    one, two, three = [await place.host() for _ in range(3)]
    await place.silence(one)
    assert [each.host for each in await two.upkeep.evict_silent()] == [one.identity.host]
    assert await three.upkeep.evict_silent() == []
    assert await place.ask("SELECT count(*) FROM {schema}.hosts") == 2
    with pytest.raises(NotStored, match="taken for dead"):
        await PostgresStateStore(one).set("g", "k", b"")
    await PostgresStateStore(one).set("g", "k", b"")
    assert await place.ask("SELECT count(*) FROM {schema}.hosts") == 3


async def test_a_host_that_writes_at_the_moment_is_not_evicted(place: Place) -> None:
    one, two = await place.host(), await place.host()
    await place.silence(one)
    transaction = place.direct.transaction()
    await transaction.start()
    await place.ask("UPDATE {schema}.lanes SET commit_seq = 0 WHERE id = $1", one.identity.lanes[1])
    assert await two.upkeep.evict_silent() == []
    await transaction.rollback()
    # One of its lanes was seen a moment ago.
    await PostgresStateStore(one).set("g", "k", b"")
    assert await two.upkeep.evict_silent() == []
    assert await place.ask("SELECT count(*) FROM {schema}.hosts") == 2


async def test_a_host_without_lanes_is_removed_too(place: Place) -> None:
    one, two = await place.host(), await place.host()
    await place.ask("DELETE FROM {schema}.lanes WHERE host = $1", one.identity.host)
    assert len(await two.upkeep.evict_silent()) == 1
    assert await place.ask("SELECT count(*) FROM {schema}.hosts") == 1


async def test_of_hosts_that_evict_at_once_one_does(place: Place) -> None:
    dead, *others = [await place.host() for _ in range(4)]
    await place.silence(dead)
    evicted = await asyncio.gather(*(each.upkeep.evict_silent() for each in others))
    assert sorted(len(each) for each in evicted) == [0, 0, 1]


async def test_a_host_that_has_nothing_to_write_lives_on_and_a_dead_one_is_found(place: Place) -> None:
    times = Times(beat_s=0.1, dead_after_s=3600)
    one, two = await place.host(times), await place.host(times)
    known = one.identity.host
    first = await place.ask("SELECT max(seen_at) FROM {schema}.lanes WHERE host = $1", known)
    while await place.ask("SELECT min(seen_at) FROM {schema}.lanes WHERE host = $1", known) == first:
        pass
    # As by kill -9: nobody says goodbye.
    for lane in one.lanes:
        assert lane._task is not None
        lane._task.cancel()
        await asyncio.gather(lane._task, return_exceptions=True)
        lane._task = None
    await place.silence(one)
    while await place.ask("SELECT count(*) FROM {schema}.hosts WHERE id = $1", known):
        pass
    assert await place.ask("SELECT count(*) FROM {schema}.hosts WHERE id = $1", two.identity.host) == 1


class Heard:
    """Changes that a host was told."""

    def __init__(self, host: PostgresDatabase) -> None:
        self.ids: list[str | None] = []
        self._grew = asyncio.Event()
        PostgresStreamStore(host).changes.listen(self._take)

    def _take(self, change: StoredChange) -> None:
        self.ids.append(change.id)
        self._grew.set()

    async def until(self, count: int) -> list[str | None]:
        while len(self.ids) < count:
            self._grew.clear()
            await self._grew.wait()
        return self.ids


async def listens(host: PostgresDatabase, expected: bool = True) -> None:
    """Return when its listener is connected, or is not."""
    while True:
        if host.listener.is_listening == expected:
            return
        await asyncio.sleep(0)


async def test_a_change_reaches_another_host_by_a_notification(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystep.stores.postgres.feed._POLL_S", 3600)
    one, two = await place.host(), await place.host()
    heard = Heard(two)
    await listens(two)
    await PostgresStreamStore(one).set("s", "g", "i", b"", 1)
    PostgresStreamStore(one).changes.send("s", "g", None, b"event", {"type": "event"})
    assert await heard.until(2) == ["i", None]


async def test_a_notification_that_is_lost_costs_a_poll(place: Place) -> None:
    one, two = await place.host(), await place.host()
    heard = Heard(two)
    await two.listener.stop()
    await PostgresStreamStore(one).set("s", "g", "i", b"", 1)
    assert await heard.until(1) == ["i"]


async def test_what_was_said_while_the_listener_was_away_is_heard_when_it_is_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polystep.stores.postgres.feed._POLL_S", 3600)
    one = await place.host()
    async with open_proxy(place.server.socket) as proxy:
        two = await place.host(url=proxy.url(USER))
        heard = Heard(two)
        await listens(two)
        proxy.is_down = True
        proxy.cut_all()
        await listens(two, expected=False)
        await PostgresStreamStore(one).set("s", "g", "i", b"", 1)
        proxy.is_down = False
        assert await heard.until(1) == ["i"]
        await two.stop()


async def test_a_change_that_commits_late_is_not_skipped_and_none_is_told_twice(place: Place) -> None:
    """Behaviour 52: a transaction takes its number, others commit behind it, then it commits."""
    one, two = await place.host(), await place.host()
    heard, streams = Heard(two), PostgresStreamStore(one)
    await streams.set("s", "g", "first", b"", 1)
    assert await heard.until(1) == ["first"]
    transaction = place.direct.transaction()
    await transaction.start()
    insert = """
    INSERT INTO {schema}.stream_changes (lane, commit_seq, place, type, stream, grp, id, value, created_at_ms, told_ms)
    VALUES (0, 0, 0, 'c', 's', 'g', 'late', '', 1, 1)"""
    await place.ask(insert)
    await asyncio.gather(*(streams.set("s", "g", str(number), b"", 1) for number in range(5)))
    assert await heard.until(6) == ["first", *"01234"]
    await transaction.commit()
    two.feed.wake()
    assert await heard.until(7) == ["first", *"01234", "late"]
    read = asyncio.Event()
    two.feed.after_read(read.set)
    await read.wait()
    assert len(heard.ids) == 7


async def test_more_changes_than_one_read_holds_come_in_order(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystep.stores.postgres.feed._PAGE", 7)
    one, two = await place.host(), await place.host()
    heard, streams = Heard(two), PostgresStreamStore(one)
    names = [f"{number:03}" for number in range(100)]
    await asyncio.gather(*(streams.set("s", "g", name, b"", 1) for name in names))
    assert await heard.until(100) == names


async def test_a_read_that_breaks_off_goes_on_where_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polystep.stores.postgres.feed._PAGE", 10)
    one, two = await place.host(), await place.host()
    fetch: Callable[..., object] = two.sessions.fetch
    calls = 0

    async def failing(sql: str, *arguments: object) -> object:
        nonlocal calls
        calls += len(arguments) == 4
        if calls == 2:
            calls += 1
            raise NotStored("away")
        return await fetch(sql, *arguments)  # type: ignore[misc]

    monkeypatch.setattr(two.sessions, "fetch", failing)
    heard, streams = Heard(two), PostgresStreamStore(one)
    names = [f"{number:03}" for number in range(45)]
    await asyncio.gather(*(streams.set("s", "g", name, b"", 1) for name in names))
    assert await heard.until(45) == names
    assert calls > 2


async def test_old_changes_are_removed(place: Place) -> None:
    one = await place.host()
    streams = PostgresStreamStore(one)
    for number in range(3):
        await streams.set("s", "g", str(number), b"", 1)
    assert await one.upkeep.remove_old_changes() == 0
    assert await one.upkeep.remove_old_changes(kept_s=0) == 3
    assert await streams.get("s", "g", "1") == (b"", 1)


async def test_hosts_that_start_at_once_make_the_tables_once(place: Place) -> None:
    hosts = await asyncio.gather(*(place.host() for _ in range(4)))
    assert await place.ask("SELECT version FROM {schema}.schema_meta") == len(MIGRATIONS)
    await asyncio.gather(*(PostgresStateStore(host).set("g", str(n), b"") for n, host in enumerate(hosts)))


async def test_a_change_that_fails_leaves_the_tables_as_they_were(place: Place) -> None:
    await place.host()
    changes = (*MIGRATIONS, Migration("CREATE TABLE {schema}.new (x int); SELECT nonsense", 2))
    with pytest.raises(asyncpg.PostgresError):
        await migrate(place.direct, place.schema, "it", changes)
    assert await place.ask("SELECT version FROM {schema}.schema_meta") == len(MIGRATIONS)
    assert await place.ask("SELECT to_regclass('{schema}.new')") is None
    repaired = (*MIGRATIONS, Migration("CREATE TABLE {schema}.new (x int)", 1))
    await migrate(place.direct, place.schema, "it", repaired)
    assert await place.ask("SELECT version FROM {schema}.schema_meta") == len(MIGRATIONS) + 1
    # It works for hosts of the version before.
    await PostgresStateStore(await place.host()).set("g", "k", b"")


async def test_a_schema_that_is_too_new_is_refused_before_any_write(place: Place) -> None:
    await place.host()
    newer = (*MIGRATIONS, Migration("SELECT 1", len(MIGRATIONS) + 1))
    await migrate(place.direct, place.schema, "it", newer)
    with pytest.raises(NotStored, match=r"tables of a later version of polystep.*Nothing was written"):
        await place.host()
    assert await place.ask("SELECT count(*) FROM {schema}.hosts") == 1


async def test_a_change_waits_for_locked_tables_in_turns(place: Place) -> None:
    await place.host()
    blocker = place.direct.transaction()
    await blocker.start()
    await place.ask("LOCK TABLE {schema}.state")
    other = await asyncpg.connect(place.server.url)
    changes = (*MIGRATIONS, Migration("ALTER TABLE {schema}.state ADD COLUMN x int", 1))
    migration = asyncio.create_task(migrate(other, place.schema, "it", changes))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
    while not await place.ask(waiting, f"%ALTER TABLE {place.schema}.%"):
        await place.ask("SELECT pg_stat_clear_snapshot()")
    await blocker.rollback()
    await migration
    assert await place.ask("SELECT version FROM {schema}.schema_meta") == len(MIGRATIONS) + 1
    await other.close()


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "pg_mine", "a" * 41, 'a"b', "a.b"])
def test_a_schema_has_a_name_that_needs_no_quotes(name: str) -> None:
    with pytest.raises(PolystepError, match="cannot be the schema"):
        PostgresDatabase("postgresql://", FakeClock(), schema=name)


async def test_a_server_that_would_lose_commits_is_refused_when_that_matters(place: Place) -> None:
    with pytest.raises(NotStored, match=r'fsync = off.*durability = "process"'):
        await Connector(place.server.url, "full").open("test")


async def test_a_server_that_is_not_there_is_named_without_the_password(place: Place) -> None:
    database = PostgresDatabase("postgresql://me:secret@127.0.0.1:1/shop", FakeClock(), schema=place.schema)
    with pytest.raises(NotStored, match=r"postgresql://127\.0\.0\.1:1/shop does not answer") as failure:
        await database.start()
    assert "secret" not in str(failure.value)
    with pytest.raises(NotStored, match=r"does not exist\. Create it"):
        await Connector(place.server.url.replace("/postgres?", "/missing?"), "process").open("test")


async def test_a_session_is_made_stricter_than_the_role(place: Place) -> None:
    connection = await Connector(place.server.url, "process").open("test")
    shown = [
        await connection.fetchval(f"SHOW {name}")
        for name in ("default_transaction_read_only", "statement_timeout", "lock_timeout", "synchronous_commit")
    ]
    connection.terminate()
    assert shown == ["off", "0", "5s", "off"]


def test_without_the_driver_the_message_says_what_to_install() -> None:
    code = "import sys; sys.modules['asyncpg'] = None; import polystep.stores.postgres"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'polystep-host[postgres]'" in done.stderr


async def test_names_have_a_bound_that_an_index_entry_holds(place: Place) -> None:
    host = await place.host()
    state, streams = PostgresStateStore(host), PostgresStreamStore(host)
    name = "\N{SNOWMAN}" * (NAME_BYTES_MAX // 3)
    # Nothing that the server could compress.
    dense = "".join(random.Random(1).choices(string.printable + "\0", k=NAME_BYTES_MAX))
    await state.set(dense, dense, b"1")
    await streams.set(dense[:STREAM_NAME_BYTES_MAX], dense, dense, b"1", 1)
    await state.set(name, dense, b"2")
    assert [await state.get(dense, dense), await state.get(name, dense)] == [b"1", b"2"]
    with pytest.raises(InvalidParams, match="takes 1026 bytes, and a name has at most 1024"):
        await state.set(name + "\N{SNOWMAN}", "k", b"")
    with pytest.raises(InvalidParams, match="no text"):
        await state.get("\ud800", "k")
