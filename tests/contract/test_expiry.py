"""Deliveries that nobody has started in time go to the dead letters, and no others."""

from __future__ import annotations

from polystep.contracts.ports.queue import DeliveryStore, QueueStore
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, LEASE_MS, claim, names, new

EXPIRES = {"step": 500}
NOW_MS = FakeClock().now_ms()


async def test_what_has_not_started_in_time_is_a_dead_letter(deliveries: DeliveryStore) -> None:
    old, young = new("old", at_ms=NOW_MS - 600), new("young", at_ms=NOW_MS - 499)
    await deliveries.enqueue([old, young, new("other", step="other"), new("late")])
    await deliveries.enqueue([new("later", at_ms=NOW_MS + 4000)])
    claimed = await deliveries.claim({"step": 9, "other": 9}, "host", NOW_MS, LEASE_MS, None, EXPIRES)
    assert sorted(names(list(claimed.deliveries))) == ["other", "young"]
    assert sorted(names(list(claimed.expired))) == ["late", "old"]
    letters = await deliveries.dead_letters(9)
    assert {(each.data, each.attempts, each.error["name"]) for each in letters} == {
        (b"late", 0, "expired"),
        (b"old", 0, "expired"),
    }
    # One that is tried again has its time anew.
    await deliveries.replay(letters[0].id, NOW_MS)
    assert len((await deliveries.claim({"step": 9}, "host", NOW_MS + 400, LEASE_MS, None, EXPIRES)).deliveries) == 1


async def test_what_has_started_does_not_expire(queue: QueueStore) -> None:
    await queue.enqueue([new("failed"), new("waits")])
    failed, waits = await claim(queue, now_ms=1)
    await queue.retry(failed, 10, FAILURE)
    await queue.journal.suspend(waits, 10)
    claimed = await queue.claim({"step": 9}, "host", NOW_MS, LEASE_MS, None, EXPIRES)
    assert (len(claimed.deliveries), list(claimed.expired)) == (2, [])


async def test_a_fifo_key_goes_on_behind_what_has_expired(deliveries: DeliveryStore) -> None:
    await deliveries.enqueue([new("a", key="k"), new("b", key="k"), new("c", key="k", at_ms=NOW_MS - 200)])
    claimed = await deliveries.claim({"step": 9}, "host", NOW_MS, LEASE_MS, None, EXPIRES)
    assert (names(list(claimed.deliveries)), names(list(claimed.expired))) == (["c"], ["a", "b"])


async def test_what_expires_while_its_host_is_frozen_is_not_started(queue: QueueStore, clock: FakeClock) -> None:
    await queue.enqueue([new("a", at_ms=NOW_MS)])
    await clock.advance(1)  # between the look of the host, at `NOW_MS`, and the commit
    claimed = await queue.claim({"step": 9}, "host", NOW_MS, LEASE_MS, None, EXPIRES)
    assert (names(list(claimed.deliveries)), names(list(claimed.expired))) == ([], ["a"])
