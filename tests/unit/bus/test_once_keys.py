"""Keys of the project in the bus: who is woken when their holder ends, and who looks when nobody said so."""

from __future__ import annotations

import asyncio

import pytest

from polystep.contracts.errors import Overloaded
from polystep.contracts.events import Delivery, Outcome
from polystep.contracts.journal import JournalEntry
from polystep.contracts.limits import LEASE_MS
from polystep.contracts.once_keys import TakenKey, WokenRuns
from tests.unit.bus.harness import DONE, FAILED, BusHarness, event_step

KEY = "k"
FAR_MS = 10**9


class Users:
    """Handlers that ask for the key: who gets it does as the test says, the others are suspended."""

    def __init__(self, harness: BusHarness, first: Outcome) -> None:
        self.harness = harness
        self.first = first
        self.go_on = asyncio.Event()
        self.called: list[str] = []
        self.given: list[str] = []

    async def handler(self, delivery: Delivery) -> Outcome:
        keys, now_ms, name = self.harness.bus.once_keys, self.harness.clock.now_ms(), delivery.data.decode()
        wait = JournalEntry(KEY, "once", now_ms, due_ms=now_ms + FAR_MS, failures=delivery.failures)
        taken = await keys.take(delivery, wait, FAR_MS, FAR_MS)
        if isinstance(taken, TakenKey):
            self.called.append(name)
            if len(self.called) == 1:
                await self.go_on.wait()
                return self.first
            await keys.keep(delivery, wait._replace(value=b"v", due_ms=None), FAR_MS)
            return DONE
        assert isinstance(taken, JournalEntry)
        if taken.value is None:
            return Outcome("suspended", run_at_ms=taken.due_ms, waits=(KEY,))
        self.given.append(name)
        return DONE


@pytest.mark.parametrize(
    "first", [DONE, FAILED, Outcome("failed", retryable=False), Outcome("suspended", run_at_ms=10**15)]
)
async def test_a_key_is_passed_on_when_the_attempt_that_holds_it_ends(harness: BusHarness, first: Outcome) -> None:
    users = Users(harness, first)
    harness.runner.handlers["S"] = users.handler
    await harness.begin(event_step("S"))
    await harness.publish("S", "a")
    await harness.runner.started_count(1)
    await harness.publish("S", "b", "c")
    await harness.observer.ends_count(2)
    assert users.called == ["a"]
    users.go_on.set()
    await harness.observer.ends_count(5)
    assert (users.called, users.given) == (["a", "b"], ["c"])
    assert harness.bus.once_keys.held == {}


async def test_a_look_finds_a_key_that_was_left_without_a_word(harness: BusHarness) -> None:
    """Such as that of a host that is gone: its lease ends, and nobody tells of it."""
    users = Users(harness, DONE)
    harness.runner.handlers["S"] = users.handler
    await harness.begin(event_step("S"))
    await harness.publish("S", "a")
    await harness.runner.started_count(1)
    await harness.publish("S", "b")
    await harness.observer.ends_count(1)
    held = harness.runner.started[0]
    await harness.store.release(held, crashed=False)
    await harness.store.cancel_waiting(held.run_id)
    keys = harness.bus.once_keys
    assert [keys.has_waiting] == [True]
    await harness.advance(LEASE_MS / 3000 + 1)
    await harness.observer.ends_count(2)
    assert users.called == ["a", "b"]
    await harness.advance(LEASE_MS / 3000 + 1)
    found = (keys.has_waiting, await harness.store.once_keys.pass_on())
    assert found == (False, WokenRuns(frozenset(), are_waiting=False))
    users.go_on.set()


async def test_a_disk_that_refuses_is_asked_again(harness: BusHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    users = Users(harness, DONE)
    harness.runner.handlers["S"] = users.handler
    await harness.begin(event_step("S"))
    await harness.publish("S", "a")
    await harness.runner.started_count(1)
    await harness.publish("S", "b")
    await harness.observer.ends_count(1)

    async def refuse() -> WokenRuns:
        raise Overloaded("too many writes")

    with monkeypatch.context() as patched:
        patched.setattr(harness.store.once_keys, "pass_on", refuse)
        users.go_on.set()
        await harness.observer.ends_count(2)
        await harness.quiet()
        assert users.called == ["a"]
    await harness.advance(LEASE_MS / 3000 + 1)
    await harness.observer.ends_count(3)
    assert users.called == ["a", "b"]


async def test_a_start_wakes_those_who_wait_for_a_key_of_an_earlier_one(harness: BusHarness) -> None:
    users = Users(harness, DONE)
    harness.runner.handlers["S"] = users.handler
    await harness.begin(event_step("S"))
    await harness.publish("S", "a")
    await harness.runner.started_count(1)
    await harness.publish("S", "b")
    await harness.observer.ends_count(1)
    await harness.bus.stop()
    await harness.store.cancel_waiting(harness.runner.started[0].run_id)
    harness.bus = harness.new_bus()
    await harness.begin(event_step("S"))
    await harness.observer.ends_count(3)
    assert users.called == ["a", "b"]
