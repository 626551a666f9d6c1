"""What every queue store must do with deliveries that are claimed as they are stored; see `DeliveryStore.enqueue`."""

import pytest

from polystep.contracts.events import Claim
from polystep.contracts.ports.queue import DeliveryStore
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, LEASE_MS, claim, names, new


@pytest.fixture
def queue(deliveries: DeliveryStore) -> DeliveryStore:
    return deliveries


def at_once(*indexes: int, now_ms: int = 1000) -> Claim:
    return Claim(frozenset(indexes), "host", now_ms + LEASE_MS)


async def test_they_are_what_a_claim_would_have_given(queue: DeliveryStore, clock: FakeClock) -> None:
    await queue.enqueue([new("a")])
    (plain,) = await claim(queue)
    (early,) = await queue.enqueue([new("a")], at_once(0))
    assert early == plain._replace(id=early.id)
    assert early.id > plain.id


async def test_only_those_that_were_asked_for_are_claimed(queue: DeliveryStore) -> None:
    claimed = await queue.enqueue([new(name) for name in "abcd"], at_once(1, 3))
    assert names(claimed) == ["b", "d"]
    assert names(await claim(queue)) == ["a", "c"]
    assert names(await claim(queue)) == []


async def test_they_end_like_any_other(queue: DeliveryStore) -> None:
    a, b, c, d = await queue.enqueue([new(name) for name in "abcd"], at_once(0, 1, 2, 3))
    assert await queue.complete(a, []) == []
    assert await queue.retry(b, 0, FAILURE)
    assert await queue.release(c, crashed=True)
    assert await queue.bury(d, FAILURE, 1000)
    again = await claim(queue)
    assert [(each.data, each.attempt, each.failures, each.crashes, each.token) for each in again] == [
        (b"b", 2, 1, 0, 2),
        (b"c", 2, 0, 1, 2),
    ]


async def test_emits_are_claimed_with_the_completion_or_not_at_all(queue: DeliveryStore) -> None:
    (a,) = await queue.enqueue([new("a")], at_once(0))
    claimed = await queue.complete(a, [new("b"), new("c")], at_once(1))
    assert claimed is not None
    assert names(claimed) == ["c"]
    assert await queue.complete(a, [new("d")], at_once(0)) is None
    assert await queue.waiting() == [("step", 2)]


async def test_one_that_waits_for_its_key_is_only_stored(queue: DeliveryStore) -> None:
    claimed = await queue.enqueue([new("a", key="k"), new("b", key="k")], at_once(0, 1))
    assert names(claimed) == ["a"]
    assert names(await claim(queue)) == []
    await queue.complete(claimed[0], [])
    assert names(await claim(queue)) == ["b"]


async def test_a_refused_one_is_a_dead_letter_all_the_same(queue: DeliveryStore) -> None:
    assert await queue.enqueue([new("a")._replace(refused=FAILURE)], at_once(0)) == []
    assert [letter.attempts for letter in await queue.dead_letters(10)] == [0]


async def test_after_a_kill_they_are_due_again_with_a_higher_attempt(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")], at_once(0))
    assert await queue.recover("host") == 1
    assert [(each.data, each.attempt) for each in await claim(queue)] == [(b"a", 2)]


async def test_their_lease_runs_out_for_other_owners(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a")], at_once(0))
    assert names(await claim(queue, owner="other", now_ms=1000 + LEASE_MS - 1)) == []
    assert names(await claim(queue, owner="other", now_ms=1000 + LEASE_MS)) == ["a"]
