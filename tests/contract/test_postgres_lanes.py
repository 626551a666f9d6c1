"""The writer on PostgreSQL: what was answered is stored once, whatever happens to its connection."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.events import StoredChange
from polystep.contracts.ports.inspection import Versioned
from polystep.contracts.storage import NotStored, ValueLost
from polystep.stores.postgres import (
    PostgresDatabase,
    PostgresDataQueries,
    PostgresStateStore,
    PostgresStreamStore,
    Times,
)
from polystep.stores.postgres import database as database_module
from polystep.stores.postgres.calls import CLEARED_AT_ONCE
from polystep.stores.postgres.group import GROUP_MAX, Group
from polystep.testing import FakeClock
from tests.contract.groups import state_items
from tests.postgres.cutter import Cutter
from tests.postgres.proxy import Link, Proxy, open_proxy
from tests.postgres.schemas import fresh_schema
from tests.postgres.server import USER, Server

QUICK = Times(beat_s=60, dead_after_s=3600, answer_s=30, wait_s=60)
IMPATIENT = QUICK._replace(wait_s=0.2)


@dataclass
class Rig:
    """A host behind a proxy, and a connection beside it."""

    proxy: Proxy
    database: PostgresDatabase
    direct: asyncpg.Connection
    schema: str

    @property
    def state(self) -> PostgresStateStore:
        return PostgresStateStore(self.database)

    @property
    def streams(self) -> PostgresStreamStore:
        return PostgresStreamStore(self.database)

    @property
    def queries(self) -> PostgresDataQueries:
        return PostgresDataQueries(self.database)

    async def lock(self, sql: str, *arguments: object) -> asyncpg.transaction.Transaction:
        """Hold what a statement locks until the transaction ends."""
        transaction = self.direct.transaction()
        await transaction.start()
        await self.direct.execute(sql.format(schema=self.schema), *arguments)
        return transaction

    async def waits_for_lock(self) -> None:
        """Return when a session of the host waits for another one."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
        while not await self.direct.fetchval(sql, f"%{self.schema}.%"):
            await self.direct.execute("SELECT pg_stat_clear_snapshot()")

    async def notices(self) -> None:
        """Return when the host knows that its connection is closed."""
        connection = self.database.lanes[0]._connection
        assert connection is not None
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _: closed.set())
        if not connection.is_closed():
            await closed.wait()

    async def waits_for_barrier(self) -> None:
        """Return when a session of the host waits to take its lane over."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
        while not await self.direct.fetchval(sql, f"%UPDATE {self.schema}.lanes SET epoch%"):
            await self.direct.execute("SELECT pg_stat_clear_snapshot()")


@pytest.fixture
async def rig(postgres: Server, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    times: Times = getattr(request, "param", QUICK)
    async with AsyncExitStack() as opened:
        schema = await opened.enter_async_context(fresh_schema(postgres.url))
        proxy = await opened.enter_async_context(open_proxy(postgres.socket))
        database = PostgresDatabase(proxy.url(USER), FakeClock(), schema=schema, durability="process", times=times)
        await database.start()
        opened.push_async_callback(database.stop)
        direct = await asyncpg.connect(postgres.url)
        opened.push_async_callback(direct.close)
        async with asyncio.timeout(240):
            yield Rig(proxy, database, direct, schema)


async def all_of(*writes: asyncio.Future[Any]) -> list[Any]:
    """Return all results, of those that fail the errors."""
    return [*await asyncio.gather(*writes, return_exceptions=True)]


def noting(ids: list[int]) -> Callable[[StoredChange], None]:
    return lambda change: ids.append(int(change.id or 0))


async def test_writes_that_wait_together_share_a_call(rig: Rig) -> None:
    before = rig.database.commits
    await asyncio.gather(*(rig.state.set("g", str(number), b"") for number in range(GROUP_MAX * 2)))
    assert rig.database.commits - before == 2
    assert len(await state_items(rig.state, "g")) == GROUP_MAX * 2


async def test_writes_of_one_key_share_a_call_too(rig: Rig) -> None:
    await rig.state.set("g", "k", b"0")
    before = rig.database.commits
    writes: list[asyncio.Future[Any]] = [
        rig.state.delete("g", "k"),
        rig.state.update("g", "k", lambda found: (found or b"") + b"1"),
        rig.state.set("g", "k", b"2"),
        rig.state.update("g", "k", lambda found: (found or b"") + b"3"),
        rig.state.delete("g", "other"),
    ]
    assert (await all_of(*writes), rig.database.commits - before) == ([b"0", b"1", None, b"23", None], 1)


async def test_writes_of_one_item_are_calls_of_their_own_and_each_is_announced(rig: Rig) -> None:
    seen: list[StoredChange] = []
    rig.streams.changes.listen(seen.append)
    made = [rig.streams.set("s", "g", "i", str(number).encode(), number) for number in range(5)]
    assert await asyncio.gather(*made) == [(True, 0), *[(False, 0)] * 4]
    assert [(change.type, change.value) for change in seen] == [
        ("create", b"0"),
        *[("update", str(number).encode()) for number in range(1, 5)],
    ]


async def test_a_value_that_cannot_be_stored_fails_alone(rig: Rig) -> None:
    refused = f"ALTER TABLE {rig.schema}.state ADD CHECK (value <> 'no')"
    await rig.direct.execute(refused)
    answers = await asyncio.gather(
        *(rig.state.set("g", key, b"no" if key in "bd" else b"yes") for key in "abcde"), return_exceptions=True
    )
    assert [isinstance(answer, PolystepError) and not answer.retryable for answer in answers] == [
        False, True, False, True, False,
    ]  # fmt: skip
    assert [key for key, _ in await state_items(rig.state, "g")] == ["a", "c", "e"]


async def test_an_update_that_another_host_was_faster_than_is_made_again(rig: Rig) -> None:
    await rig.state.set("g", "k", b"1")
    calls = []

    def change(found: bytes | None) -> bytes:
        calls.append(found)
        return (found or b"") + b"x"

    # The other one has written, and commits when the host waits for it.
    lock = await rig.lock("UPDATE {schema}.state SET value = '2'")
    update = rig.state.update("g", "k", change)
    beside = rig.state.set("g", "other", b"")
    await rig.waits_for_lock()
    await lock.commit()
    assert await update == b"2x"
    assert calls == [b"1", b"2"]
    await beside


async def test_a_deadlock_costs_nobody_their_write(rig: Rig) -> None:
    await asyncio.gather(*(rig.state.set("g", key, b"0") for key in "ab"))
    lock = await rig.lock("UPDATE {schema}.state SET value = '9' WHERE key = 'b'")
    await rig.direct.execute("SET LOCAL deadlock_timeout = '60s'")
    writes = asyncio.gather(*(rig.state.set("g", key, b"1") for key in "ab"))
    await rig.waits_for_lock()
    # The host has a and waits for b. It is the one that finds the deadlock out.
    await rig.direct.execute(f"UPDATE {rig.schema}.state SET value = '9' WHERE key = 'a'")
    await lock.commit()
    await writes
    assert await state_items(rig.state, "g") == [("a", b"1"), ("b", b"1")]


async def test_too_many_writes_are_refused_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "WRITES_WAITING_MAX", 3)
    writes = [rig.state.set("g", str(number), b"") for number in range(3)]
    with pytest.raises(Overloaded):
        await rig.state.set("g", "x", b"")
    await asyncio.gather(*writes)
    await rig.state.set("g", "y", b"")


async def test_a_group_of_many_keys_is_cleared_in_parts_in_its_place(rig: Rig) -> None:
    count = CLEARED_AT_ONCE * 2 + 10
    await asyncio.gather(*(rig.state.set("g", str(number), b"") for number in range(count)))
    before = rig.database.commits
    writes: list[asyncio.Future[Any]] = [
        rig.state.set("g", "before", b""),
        rig.state.clear("g"),
        rig.state.set("h", "k", b"1"),
        rig.state.set("g", "after", b"2"),
        rig.state.clear("h"),
    ]
    assert await all_of(*writes) == [None, count + 1, None, None, 1]
    assert await state_items(rig.state, "g") == [("after", b"2")]
    # The write of another group went between the parts.
    assert rig.database.commits - before > 3


async def test_what_was_asked_before_the_stop_is_stored(rig: Rig, postgres: Server) -> None:
    writes = [rig.state.set("g", str(number), b"") for number in range(GROUP_MAX + 5)]
    await rig.database.stop()
    assert all(write.done() and write.exception() is None for write in writes)
    with pytest.raises(PolystepError, match="is not open"):
        await rig.state.set("g", "x", b"")
    assert await rig.direct.fetchval(f"SELECT count(*) FROM {rig.schema}.state") == GROUP_MAX + 5
    assert await rig.direct.fetchval(f"SELECT count(*) FROM {rig.schema}.hosts") == 0


MARK = b"the group that is cut"


async def test_a_connection_that_is_cut_at_any_moment_loses_and_doubles_nothing(rig: Rig) -> None:
    """Behaviour 14, a hundred times: an appended letter is there once, neither lost nor twice."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    cuts, turn = 0, -1
    while cuts < 100:
        turn += 1
        cutter = Cutter(rig.proxy, chance, MARK)
        changes: list[int] = []
        rig.streams.changes.listen(noting(changes))
        removed = rig.state.set("g", "removed", b"old")
        await removed
        answers = await all_of(
            rig.state.update("g", "log", lambda found: (found or b"") + b"x"),
            rig.state.set("g", str(turn), MARK),
            rig.streams.set("s", "g", str(turn), MARK, turn),
            rig.state.delete("g", "removed"),
        )
        assert answers[:3] == [b"x" * (turn + 1), None, (True, turn)]
        # The one thing that may be gone.
        assert answers[3] == b"old" or isinstance(answers[3], ValueLost)
        assert await rig.state.get("g", "removed") is None
        assert changes == [turn]
        cuts += cutter.is_done
    assert await rig.state.get("g", "log") == b"x" * (turn + 1)


async def test_a_move_that_is_cut_is_made_once(rig: Rig) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    keys = ("a", "b")
    await rig.state.set("g", "a", MARK)
    for _ in range(30):
        Cutter(rig.proxy, chance, MARK)
        moved = await rig.queries.rename_state("g", *keys, None)
        assert isinstance(moved, Versioned)
        keys = keys[::-1]
        assert await state_items(rig.state, "g") == [(keys[0], MARK)]


async def test_a_move_that_another_host_was_faster_than_is_made_again(rig: Rig) -> None:
    await rig.state.set("g", "a", b"1")
    lock = await rig.lock("UPDATE {schema}.state SET value = '2'")
    move = asyncio.create_task(rig.queries.rename_state("g", "a", "b", None))
    await rig.waits_for_lock()
    await lock.commit()
    moved = await move
    assert isinstance(moved, Versioned)
    assert moved.value == b"2"
    assert await state_items(rig.state, "g") == [("b", b"2")]


async def test_a_session_that_still_works_is_waited_for(rig: Rig) -> None:
    """The barrier: the row of the lane is locked by the session that was cut off."""
    await rig.state.set("g", "k", b"1")
    lock = await rig.lock("SELECT * FROM {schema}.state FOR UPDATE")
    update = rig.state.update("g", "k", lambda found: (found or b"") + b"x")
    await rig.waits_for_lock()
    rig.proxy.cut_all()
    await rig.waits_for_barrier()
    assert not update.done()
    await lock.rollback()
    assert await update == b"1x"
    assert await rig.state.get("g", "k") == b"1x"


async def test_an_answer_that_does_not_come_closes_the_connection(postgres: Server) -> None:
    async with fresh_schema(postgres.url) as schema, open_proxy(postgres.socket) as proxy:
        times = QUICK._replace(answer_s=2)
        database = PostgresDatabase(proxy.url(USER), FakeClock(), schema=schema, durability="process", times=times)
        await database.start()
        state = PostgresStateStore(database)
        await state.set("g", "k", b"1")

        def mute(link: Link, data: bytes) -> None:
            if MARK in data:
                link.is_muted = True
                proxy.on_sent = lambda _link, _data: None

        proxy.on_sent = mute
        assert await state.update("g", "k", lambda _: MARK + b"x") == MARK + b"x"
        await database.stop()


@pytest.mark.parametrize("rig", [pytest.param(IMPATIENT, id="impatient")], indirect=True)
async def test_what_cannot_be_sent_fails_in_time_and_work_goes_on_by_itself(rig: Rig) -> None:
    await rig.state.set("g", "k", b"1")
    rig.proxy.is_down = True
    rig.proxy.cut_all()
    await rig.notices()
    with pytest.raises(NotStored, match=r"does not answer.*work goes on by itself"):
        await rig.state.set("g", "k", b"2")
    assert "does not answer" in str(rig.database.trouble)
    rig.proxy.is_down = False
    while True:
        try:
            await rig.state.set("g", "k", b"3")
            break
        except NotStored:
            continue
    assert rig.database.trouble is None
    assert await rig.state.get("g", "k") == b"3"


async def test_a_stop_without_a_database_says_what_is_not_known(rig: Rig) -> None:
    lock = await rig.lock("LOCK TABLE {schema}.state")
    sent = rig.state.set("g", "k", b"1")
    await rig.waits_for_lock()
    waits = rig.state.set("g", "other", b"1")
    rig.proxy.is_down = True
    rig.proxy.cut_all()
    await rig.database.stop()
    with pytest.raises(NotStored, match="Whether this was stored is not known"):
        await sent
    with pytest.raises(NotStored):
        await waits
    await lock.rollback()


async def test_a_stop_does_not_wait_for_ever_for_a_session_that_was_cut_off(postgres: Server) -> None:
    async with fresh_schema(postgres.url) as schema, open_proxy(postgres.socket) as proxy:
        times = QUICK._replace(answer_s=0.3)
        database = PostgresDatabase(proxy.url(USER), FakeClock(), schema=schema, durability="process", times=times)
        await database.start()
        direct = await asyncpg.connect(postgres.url)
        transaction = direct.transaction()
        await transaction.start()
        await direct.execute(f"LOCK TABLE {schema}.state; SELECT * FROM {schema}.lanes FOR UPDATE")
        sent = PostgresStateStore(database).set("g", "k", b"1")
        async with asyncio.timeout(60):
            await database.stop()
        with pytest.raises(NotStored, match="Whether this was stored is not known"):
            await sent
        await transaction.rollback()
        await direct.close()


async def test_a_call_that_ends_every_session_fails_alone(rig: Rig) -> None:
    def kill(link: Link, data: bytes) -> None:
        if MARK in data:
            link.cut()

    await rig.state.set("g", "k", b"1")
    # Before the server has it.
    rig.proxy.before_sending = kill
    answers = await all_of(rig.state.set("g", "a", b"1"), rig.state.set("g", "b", MARK), rig.state.set("g", "c", b"1"))
    assert [isinstance(answer, NotStored) for answer in answers] == [False, True, False]
    assert [key for key, _ in await state_items(rig.state, "g")] == ["a", "c", "k"]


async def test_a_fault_of_ours_fails_the_call_and_not_the_lane(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Group, "heard", lambda *_: 1 // 0)
        with pytest.raises(PolystepError, match="ZeroDivisionError"):
            await rig.state.set("g", "k", b"1")
    assert "not expected" in caplog.text
    await rig.state.set("g", "k", b"2")
    assert await rig.state.get("g", "k") == b"2"


async def test_a_session_that_the_server_ends_is_replaced(rig: Rig) -> None:
    for turn in range(5):
        connection: Any = rig.database.lanes[0]._connection
        await rig.direct.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
        await rig.state.update("g", "k", lambda found: (found or b"") + b"x")
        assert await rig.state.get("g", "k") == b"x" * (turn + 1)


async def test_writes_of_before_an_eviction_are_refused_and_later_ones_are_of_a_new_host(rig: Rig) -> None:
    await rig.state.set("g", "k", b"1")
    known = rig.database.identity.host
    # As another host does it, after a long silence.
    await rig.direct.execute(f"DELETE FROM {rig.schema}.lanes; DELETE FROM {rig.schema}.hosts")
    refused = await asyncio.gather(
        rig.state.set("g", "k", b"2"), rig.streams.set("s", "g", "i", b"", 1), return_exceptions=True
    )
    assert [str(each) for each in refused] == [
        "This host was taken for dead by the others on its database, so nothing was written."
    ] * 2
    assert await rig.state.get("g", "k") == b"1"
    await rig.state.set("g", "k", b"3")
    assert rig.database.identity.host not in (known, 0)
    assert await rig.state.get("g", "k") == b"3"


async def test_commits_that_the_database_has_lost_are_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A failover to a copy that lags behind: the mark of the lane is older than what was answered."""
    await rig.state.set("g", "k", b"1")
    await rig.direct.execute(f"UPDATE {rig.schema}.lanes SET commit_seq = 0")
    rig.proxy.cut_all()
    with caplog.at_level(logging.CRITICAL), pytest.raises(NotStored):
        await rig.state.set("g", "k", b"2")
    assert "has lost what it had committed" in caplog.text
    await rig.state.set("g", "k", b"3")
    assert await rig.state.get("g", "k") == b"3"
