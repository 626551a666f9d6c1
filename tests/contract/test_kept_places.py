"""Suspended runs that keep their places in the limit of their step, in each queue store."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from polystep.contracts.events import Claim, Claimed, Delivery
from polystep.contracts.ports.queue import QueueStore
from polystep.stores import Stores
from tests.contract.deliveries import FAILURE, LEASE_MS, names, new
from tests.contract.durable import Durable

FAR_MS = 10**15
COUNTING = frozenset({"step"})


@pytest.fixture
def queue(durable: Durable) -> QueueStore:
    return durable.queue


async def claim(queue: QueueStore, now_ms: int = 1000, *, limit: int = 2, wanted: int = 9) -> Claimed:
    limits: Mapping[str, int] = {"step": limit}
    return await queue.claim({"step": wanted}, "host", now_ms, LEASE_MS, limits, counting=COUNTING)


def ran(claimed: Claimed) -> list[str]:
    return names(claimed.deliveries)


async def suspended(queue: QueueStore, *names: str, until_ms: int = 5000) -> list[Delivery]:
    await queue.enqueue([new(name) for name in names])
    claimed = (await claim(queue)).deliveries
    assert len(claimed) == len(names)
    for each in claimed:
        assert await queue.journal.suspend(each, until_ms, keeps_place=True) == until_ms
    return claimed


async def test_what_waits_counts_and_others_are_held_back(queue: QueueStore) -> None:
    await suspended(queue, "a", "b")
    await queue.enqueue([new("c")])
    claimed = await claim(queue)
    assert (ran(claimed), claimed.held_back, claimed.next_ms) == ([], frozenset({"step"}), 5000)
    # Without the option the place is free.
    plain = await queue.claim({"step": 9}, "host", 1000, LEASE_MS, {"step": 2})
    assert ran(plain) == ["c"]


async def test_a_run_that_wakes_needs_no_second_place_and_goes_first(queue: QueueStore) -> None:
    await suspended(queue, "a", "b")
    await queue.enqueue([new("c", at_ms=1), new("d", at_ms=1)])
    claimed = await claim(queue, 6000)
    assert (ran(claimed), claimed.held_back, claimed.next_ms) == (["a", "b"], frozenset({"step"}), None)
    a, b = claimed.deliveries
    assert (a.attempt, a.resumes) == (1, 1)
    # It is in its place still, and what ends frees it.
    assert ran(await claim(queue, 6000)) == []
    assert await queue.complete(a, []) == []
    assert ran(await claim(queue, 6000)) == ["c"]
    assert await queue.retry(b, FAR_MS, FAILURE)
    assert ran(await claim(queue, 6000)) == ["d"]


async def test_one_that_wakes_alone_leaves_the_place_of_the_other(queue: QueueStore) -> None:
    first, _ = await suspended(queue, "a", "b")
    await queue.enqueue([new("c")])
    await queue.hasten("step", first.id, 1000)
    claimed = await claim(queue)
    assert (ran(claimed), claimed.held_back, claimed.next_ms) == (["a"], frozenset({"step"}), 5000)
    assert await queue.complete(claimed.deliveries[0], []) == []
    assert ran(await claim(queue)) == ["c"]


async def test_places_are_kept_over_a_restart_and_given_back_by_what_is_removed(stores: Stores) -> None:
    queue = stores.queue
    first, second = await suspended(queue, "a", "b")
    await queue.enqueue([new("c"), new("d")])
    await queue.recover("host")
    assert ran(await claim(queue)) == []
    assert await queue.cancel_waiting(first.run_id) is not None
    assert ran(await claim(queue)) == ["c"]
    assert await queue.remove("step", second.id) is not None
    assert ran(await claim(queue)) == ["d"]


async def test_a_new_delivery_is_not_claimed_as_it_is_stored_while_places_are_kept(queue: QueueStore) -> None:
    await suspended(queue, "a")
    counted = Claim(frozenset({0}), "host", 9000, {"step": 1}, COUNTING)
    assert await queue.enqueue([new("b")], counted) == []
    assert names(await queue.enqueue([new("c")], counted._replace(limits={"step": 2}))) == ["c"]
    # A step without a limit of the store, and one that does not count what waits.
    assert names(await queue.enqueue([new("d")], counted._replace(limits={}))) == ["d"]
    assert names(await queue.enqueue([new("e")], counted._replace(limits={"step": 3}, counting=frozenset()))) == ["e"]


async def test_a_limit_that_was_lowered_holds_for_what_wakes(queue: QueueStore) -> None:
    await suspended(queue, "a", "b")
    claimed = await claim(queue, 6000, limit=1)
    assert (ran(claimed), claimed.next_ms) == (["a"], None)
    assert ran(await claim(queue, 6000, limit=1)) == []
    assert await queue.complete(claimed.deliveries[0], []) == []
    assert ran(await claim(queue, 6000, limit=1)) == ["b"]
