"""Deliveries on PostgreSQL: what a group costs, what comes of lost answers, and whose work is taken over."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TypeVar
from zlib import crc32

import pytest

from polystep.contracts.errors import InvalidParams
from polystep.contracts.events import UNKNOWN_STEP, Claim, Delivery, NewDelivery
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.limits import NAME_BYTES_MAX
from polystep.contracts.ports.letters import BulkRecord, LetterFilter, NewBulk
from polystep.contracts.storage import NotStored
from polystep.contracts.values import JSONObject
from polystep.stores.postgres.database import LANES
from polystep.stores.postgres.group import GROUP_MAX
from tests.contract.deliveries import FAILURE, LEASE_MS, claim, names, new
from tests.contract.rig import Cuts, Rig

OWNER = "the host that is cut"
ALL = Claim(frozenset(range(10_000)), OWNER, 1000 + LEASE_MS)
FIRST = Claim(frozenset({0}), OWNER, 1000 + LEASE_MS)
T = TypeVar("T")


def of_one_run(names: list[str]) -> list[NewDelivery]:
    return [new(name)._replace(parent_run_id="one") for name in names]


async def test_what_waits_together_is_one_commit_however_it_ends(rig: Rig) -> None:
    host = await rig.host()
    before = host.database.commits
    stored = [host.queue.enqueue([each], ALL) for each in of_one_run([str(number) for number in range(100)])]
    claimed = [(await each)[0]._replace(run_id="one") for each in stored]
    assert host.database.commits - before == 1
    ends = [
        *(host.queue.complete(each, [new(f"of {each.id}")], ALL) for each in claimed[:70]),
        *(host.queue.retry(each, 0, FAILURE) for each in claimed[70:80]),
        *(host.queue.bury(each, FAILURE, 0) for each in claimed[80:90]),
        *(host.queue.release(each, crashed=True) for each in claimed[90:]),
    ]
    before = host.database.commits
    assert all(each is not None and each is not False for each in await asyncio.gather(*ends))
    assert host.database.commits - before == 1
    assert await host.queue.waiting() == [("step", 90)]


async def test_a_group_is_bounded_by_deliveries_and_not_by_writes(rig: Rig) -> None:
    host = await rig.host()
    half = of_one_run([str(number) for number in range(GROUP_MAX // 2 + 1)])
    before = host.database.commits
    await asyncio.gather(*(host.queue.enqueue(half) for _ in range(3)))
    assert host.database.commits - before == 3
    # One that is larger than a group is not divided: all of it is stored or nothing.
    await host.queue.enqueue(half * 3)
    assert host.database.commits - before == 4


async def test_two_ends_of_one_delivery_are_one_after_the_other(rig: Rig) -> None:
    host = await rig.host()
    (mine,) = await host.queue.enqueue([new("a")], ALL)
    ends = [host.queue.complete(mine, [new(name)]) for name in "bcd"]
    assert [end is not None for end in await asyncio.gather(*ends)] == [True, False, False]
    assert names(await claim(host.queue)) == ["b"]


async def test_what_one_run_keeps_at_once_is_one_commit(rig: Rig) -> None:
    host = await rig.host()
    (mine,) = await host.queue.enqueue([new("a")], ALL)
    before = host.database.commits
    kept = [host.queue.journal.keep(mine, JournalEntry(str(number), "once", 5, b"value")) for number in range(50)]
    assert all(await asyncio.gather(*kept))
    assert host.database.commits - before == 1
    # One key twice, and the end of the run, each see what the one before leaves.
    keeping = [host.queue.journal.keep(mine, JournalEntry("key", "once", 5, value)) for value in (b"1", b"2")]
    ended = host.queue.journal.suspend(mine, 7000)
    late = host.queue.journal.keep(mine, JournalEntry("late", "once", 5, b""))
    assert [*await asyncio.gather(*keeping), await ended, await late] == [True, True, 7000, False]
    entries = (await host.queue.journal.read(mine.run_id)).entries
    assert [(each.key, each.value) for each in entries[-2:]] == [("49", b"value"), ("key", b"2")]


async def test_a_write_that_cannot_be_stored_fails_alone(rig: Rig) -> None:
    host = await rig.host()
    good, bad = of_one_run(["good", "bad"])
    answers = await asyncio.gather(
        host.queue.enqueue([good]),
        host.queue.enqueue([bad._replace(fifo_key="k" * (NAME_BYTES_MAX + 1))]),
        host.queue.enqueue([good]),
        return_exceptions=True,
    )
    assert [isinstance(answer, InvalidParams) for answer in answers] == [False, True, False]
    assert await host.queue.waiting() == [("step", 2)]


async def test_any_text_is_a_key(rig: Rig) -> None:
    host = await rig.host()
    keys = ["\0", "\U0001f600", "k" * NAME_BYTES_MAX, ""]
    await host.queue.enqueue([new(str(index), key=key) for index, key in enumerate(keys) for _ in range(2)])
    assert [each.fifo_key for each in await claim(host.queue)] == keys


async def test_rows_of_idle_keys_are_removed_and_others_stay(rig: Rig) -> None:
    host = await rig.host()
    count = 1500
    await host.queue.enqueue([new(str(number), key=f"{number:05}") for number in range(count)], ALL)
    await rig.ask("DELETE FROM {schema}.deliveries WHERE run_id <> ALL ($1)", ["run of 7", "run of 1499"])
    assert await host.database.upkeep.remove_idle_keys() == count - 2
    left = await rig.direct.fetch(f"SELECT key FROM {rig.schema}.fifo_keys ORDER BY key")
    assert [row[0] for row in left] == [b"00007", b"01499"]
    # One that is locked is in use; a key that was removed works as before.
    await rig.ask("DELETE FROM {schema}.deliveries")
    async with rig.direct.transaction():
        await rig.ask("SELECT key FROM {schema}.fifo_keys WHERE key = $1 FOR UPDATE", b"00007")
        assert await host.database.upkeep.remove_idle_keys() == 1
    await host.queue.enqueue([new("a", key="01499"), new("b", key="01499")])
    assert names(await claim(host.queue)) == ["a"]


class Turn(Cuts):
    """One turn of everything that is written of deliveries, each write of which may be cut."""

    mark = OWNER

    async def run(self, name: str) -> None:
        marked = f"{OWNER} {name}"
        error: JSONObject = {"name": marked}
        (first,) = await self._cut(self._queue.enqueue([new(f"{marked} a"), new("later", step="other")], FIRST))
        ended, superseded = await self._cut(
            asyncio.gather(
                self._queue.complete(first, [new(f"{marked} b")], ALL),
                self._queue.complete(first._replace(token=9), [new("never")], ALL),
            )
        )
        assert ended is not None
        (second,) = ended
        assert (names([second]), second.token, superseded) == ([f"{marked} b"], 1, None)
        assert await self._cut(self._queue.retry(second, 0, error))
        assert not await self._cut(self._queue.retry(second, 0, error))
        third = await self._claim()
        assert (third.run_id, third.attempt, third.failures) == (second.run_id, 2, 1)
        assert await self._cut(self._queue.bury(third, error, 0))
        (letter,) = await self._queue.dead_letters(1)
        assert await self._cut(self._queue.replay(letter.id, 0), b"replay_1") == letter
        assert await self._cut(self._queue.bury(await self._claim(), error, 0))
        await self._bulk(name)
        again = await self._journal(await self._claim(), marked)
        assert (again.run_id, again.attempt, again.resumes) == (second.run_id, 4, 1)
        assert await self._cut(self._queue.complete(again, [])) == []
        await self._park(f"{marked} p")
        tick = await self._cut(self._queue.enqueue_tick(new(f"{marked} t"), None, ALL))
        assert (tick.status, names([*tick.claimed])) == ("stored", [f"{marked} t"])
        await self._queue.complete(tick.claimed[0], [])

    async def _park(self, name: str) -> None:
        await self._cut(self._queue.enqueue([new(name, step=UNKNOWN_STEP)]))
        parked = await self._queue.parked(10)
        assert await self._cut(self._queue.unpark([(parked[0], [new(name)])], keep=False)) == parked
        assert await self._cut(self._queue.complete(await self._claim(), [])) == []

    async def _journal(self, delivery: Delivery, name: str) -> Delivery:
        journal = self._queue.journal
        entry = JournalEntry(name, "once", 5, b"value")
        sent = SentEmit(b"print", "topic")
        assert await self._cut(journal.keep(delivery, entry))
        stored = await self._cut(journal.begin_wait(delivery, entry, [new(f"{name} w")], [sent, sent], ALL))
        assert stored is not None
        assert names(stored) == [f"{name} w"]
        await self._queue.complete(stored[0], [])
        # Counted once, whatever was sent twice.
        assert await journal.read(delivery.run_id) == ([entry], {sent: 2})
        assert await journal.suspend(delivery, 900) == 900
        return await self._claim()

    async def _bulk(self, name: str) -> None:
        letters = await self._queue.dead_letters(1)
        new = NewBulk("replay", LetterFilter(), {"name": OWNER}, 1, None)
        begun = await self._cut(self._queue.bulks.begin(new, 5))
        assert isinstance(begun, BulkRecord)
        assert (begun.id, begun.total) == (int(name) + 1, 1)
        batch = await self._cut(self._queue.bulks.advance(begun.id, 9, 6), b"advance_bulk_1")
        assert (batch.letters, batch.is_last) == (letters, True)
        assert await self._queue.bulks.record(begun.id) == replace(begun, status="done", done=1, ended_ms=6)

    async def _claim(self) -> Delivery:
        claimed = await self._cut(self._queue.claim({"step": 9}, OWNER, 1000, LEASE_MS))
        (delivery,) = claimed.deliveries
        return delivery


async def test_an_answer_that_is_lost_is_found_again(rig: Rig) -> None:
    """Nothing is lost, done twice, or running without anybody who knows."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    host = await rig.host(is_cut=True)
    turn = Turn(host, rig.proxy, random.Random(seed))
    turns = 0
    while turn.cuts < 100:
        await turn.run(str(turns))
        turns += 1
    assert await host.queue.waiting() == [("other", turns)]
    assert await rig.ask("SELECT count(*) FROM {schema}.deliveries WHERE status = 2") == 0
    assert await host.queue.dead_letters(1) == []
    assert await host.queue.parked(1) == []


async def test_work_of_a_dead_host_is_ready_before_its_row_is_gone(rig: Rig) -> None:
    dead, alive = await rig.host(), await rig.host()
    (mine,) = await dead.queue.enqueue([new("a")], ALL)
    assert await claim(alive.queue, owner="alive") == []
    await rig.ask("UPDATE {schema}.lanes SET seen_at = seen_at - interval '2 hours' WHERE host = $1",
                  dead.database.identity.host)  # fmt: skip
    assert len(await alive.database.upkeep.evict_silent()) == 1
    (taken,) = await claim(alive.queue, owner="alive")
    assert (taken.id, taken.attempt) == (mine.id, 2)
    with pytest.raises(NotStored, match="taken for dead"):
        await dead.queue.complete(mine, [new("never")])
    # It is a new host now, and what it had is of another.
    assert await dead.queue.complete(mine, [new("never")]) is None
    assert await alive.queue.complete(taken, []) == []
    assert await alive.queue.waiting() == []


async def test_an_eviction_leaves_what_the_same_owner_has_claimed_as_a_new_host(rig: Rig) -> None:
    dead, alive = await rig.host(), await rig.host()
    old = dead.database.identity.host
    await dead.queue.enqueue([new("a")], ALL)
    await rig.ask("UPDATE {schema}.lanes SET alive = false WHERE host = $1", old)
    # Each lane finds out by itself.
    lanes = {crc32(str(number).encode()) % LANES: str(number) for number in range(100)}
    for caller in lanes.values():
        with pytest.raises(NotStored):
            await dead.queue.enqueue([new("never")._replace(parent_run_id=caller)])
    with pytest.raises(NotStored):
        await claim(dead.queue)
    (kept,) = await dead.queue.enqueue([new("b")], ALL)
    await rig.ask("UPDATE {schema}.lanes SET seen_at = seen_at - interval '2 hours' WHERE host = $1", old)
    assert [each.host for each in await alive.database.upkeep.evict_silent()] == [old]
    assert names(await claim(alive.queue, owner="alive")) == ["a"]
    assert await dead.queue.complete(kept, []) == []


async def test_work_of_a_host_that_leaves_is_ready(rig: Rig) -> None:
    leaving, other = await rig.host(), await rig.host()
    await leaving.queue.enqueue([new("a")], ALL)
    await leaving.database.stop()
    assert names(await claim(other.queue, owner="other")) == ["a"]
    assert await other.queue.dead_owners() == []
