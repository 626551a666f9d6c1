"""Everything that each store of the project's keys must do; see `OnceKeyStore`."""

from __future__ import annotations

import pytest

from polystep.contracts import limits
from polystep.contracts.errors import JournalFull
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.once_keys import TakenKey, WokenRuns
from polystep.contracts.ports.queue import QueueStore
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, claim, new

KEY = "welcome-7"
DAY_MS = 86_400_000
FAR_MS = 7 * DAY_MS
ROOM = 1024


class Keys:
    """Runs that use keys."""

    def __init__(self, queue: QueueStore, clock: FakeClock) -> None:
        self.queue = queue
        self.clock = clock

    async def runs(self, *names: str, step: str = "step") -> list[Delivery]:
        await self.queue.enqueue([new(name, step=step) for name in names])
        return await self.due(step)

    async def due(self, *steps: str) -> list[Delivery]:
        """Claim what is due now."""
        return await claim(self.queue, dict.fromkeys(steps or ("step",), 100), now_ms=self.clock.now_ms())

    async def take(
        self, run: Delivery, key: str = KEY, *, ttl_ms: int = DAY_MS, room: int = ROOM, wait: JournalEntry | None = None
    ) -> TakenKey | JournalEntry | None:
        now_ms = self.clock.now_ms()
        new_wait = JournalEntry(key, "once", now_ms, due_ms=now_ms + FAR_MS, failures=run.failures)
        return await self.queue.once_keys.take(run, wait or new_wait, ttl_ms, room)

    async def waits(self, run: Delivery, key: str = KEY) -> JournalEntry:
        """Let a run wait for a key that another one holds, and suspend it."""
        entry = await self.take(run, key)
        assert isinstance(entry, JournalEntry)
        assert entry.value is None
        await self.queue.journal.suspend(run, entry.due_ms or 0, [key])
        return entry

    async def keep(self, run: Delivery, key: str = KEY, value: bytes = b"sent") -> WokenRuns | None:
        entry = JournalEntry(key, "once", self.clock.now_ms(), value)
        return await self.queue.once_keys.keep(run, entry, DAY_MS)

    async def listed(self) -> list[tuple[str, str, str, int]]:
        found = await self.queue.once_keys.listed(100, "", "")
        return [(each.key, each.status, each.run_id, each.waiting) for each in found]


@pytest.fixture
def keys(queue: QueueStore, clock: FakeClock) -> Keys:
    return Keys(queue, clock)


async def test_one_run_calls_the_function_and_all_get_its_result(keys: Keys) -> None:
    holder, *others = await keys.runs("a", "b", "c")
    assert isinstance(await keys.take(holder), TakenKey)
    for other in others:
        await keys.waits(other)
    assert await keys.due() == []
    assert await keys.listed() == [(KEY, "running", holder.run_id, 2)]
    assert await keys.keep(holder) == WokenRuns(frozenset({"step"}))
    again = await keys.due()
    assert [each.run_id for each in again] == [other.run_id for other in others]
    for run in again:
        found = await keys.take(run)
        assert isinstance(found, JournalEntry)
        assert (found.value, found.due_ms, found.kept_at_ms) == (b"sent", None, keys.clock.now_ms())
    for run in (holder, *others):
        (entry,) = (await keys.queue.journal.read(run.run_id)).entries
        assert (entry.key, entry.value) == (KEY, b"sent")
    assert await keys.listed() == [(KEY, "kept", holder.run_id, 0)]


async def test_a_run_that_waits_takes_over_after_a_failure(keys: Keys) -> None:
    holder, second, third = await keys.runs("a", "b", "c")
    taken = await keys.take(holder)
    await keys.waits(second)
    await keys.waits(third)
    error = JournalEntry(KEY, "once", 5, error=b"error")
    assert await keys.queue.once_keys.give_back(holder, KEY, error) == WokenRuns(frozenset({"step"}))
    assert (await keys.queue.journal.read(holder.run_id)).entries == [error]
    (next_one,) = await keys.due()
    assert next_one.run_id == second.run_id
    # It names the same work: what the first call did to another system is known there.
    assert await keys.take(next_one) == taken
    assert await keys.listed() == [(KEY, "running", second.run_id, 1)]
    assert (await keys.queue.journal.read(second.run_id)).entries == []


async def test_one_run_of_each_step_is_woken(keys: Keys) -> None:
    (holder,) = await keys.runs("a")
    await keys.take(holder)
    for name, step in (("b", "step"), ("c", "other"), ("d", "step"), ("e", "other")):
        (run,) = await keys.runs(name, step=step)
        await keys.waits(run)
    woken = await keys.queue.once_keys.give_back(holder, KEY)
    assert woken == WokenRuns(frozenset({"step", "other"}))
    assert sorted(each.run_id for each in await keys.due("step", "other")) == ["run of b", "run of c"]


@pytest.mark.parametrize("end", ["release", "retry", "bury", "complete", "suspend", "cancel", "recover"])
async def test_a_hold_ends_with_its_attempt(keys: Keys, end: str) -> None:
    holder, waiting = await keys.runs("a", "b")
    await keys.take(holder)
    await keys.waits(waiting)
    queue, far_ms = keys.queue, keys.clock.now_ms() + FAR_MS
    match end:
        case "release":
            await queue.release(holder, crashed=False)
        case "retry":
            await queue.retry(holder, far_ms, FAILURE)
        case "bury":
            await queue.bury(holder, FAILURE, far_ms)
        case "complete":
            await queue.complete(holder, [])
        case "suspend":
            await queue.journal.suspend(holder, far_ms)
        case "cancel":
            await queue.cancel_running(holder)
        case _:
            await queue.recover("host")
    assert await keys.listed() == [(KEY, "free", holder.run_id, 1)]
    assert await queue.once_keys.pass_on() == WokenRuns(frozenset({"step"}))
    due = {each.run_id: each for each in await keys.due()}
    assert isinstance(await keys.take(due[waiting.run_id]), TakenKey)
    # What the first one had done after its end counts no more.
    assert await keys.keep(holder) is None
    assert await queue.once_keys.give_back(holder, KEY) is None
    assert await keys.listed() == [(KEY, "running", waiting.run_id, 0)]
    assert await queue.once_keys.pass_on() == WokenRuns(frozenset(), are_waiting=False)


async def test_a_superseded_attempt_takes_and_keeps_nothing(keys: Keys) -> None:
    (holder,) = await keys.runs("a")
    taken = await keys.take(holder)
    await keys.queue.release(holder, crashed=True)
    (later,) = await keys.due()
    assert await keys.take(holder) is None
    assert await keys.keep(holder) is None
    assert await keys.take(later) == taken
    assert await keys.take(later) == taken
    assert await keys.keep(holder) is None
    assert await keys.keep(later) == WokenRuns(frozenset())


async def test_a_run_is_not_suspended_beside_a_free_key(keys: Keys) -> None:
    holder, waiting = await keys.runs("a", "b")
    await keys.take(holder)
    entry = await keys.take(waiting)
    assert isinstance(entry, JournalEntry)
    await keys.keep(holder)
    now_ms = keys.clock.now_ms()
    assert await keys.queue.journal.suspend(waiting, entry.due_ms or 0, [KEY]) == now_ms


async def test_a_run_that_has_failed_is_not_woken_before_its_next_attempt(keys: Keys) -> None:
    holder, waiting = await keys.runs("a", "b")
    await keys.take(holder)
    await keys.take(waiting)
    await keys.queue.retry(waiting, keys.clock.now_ms() + FAR_MS, FAILURE)
    assert await keys.keep(holder) == WokenRuns(frozenset())
    assert await keys.due() == []


async def test_a_result_is_forgotten_after_its_time_but_not_by_those_who_waited_for_it(
    keys: Keys, clock: FakeClock
) -> None:
    holder, waiting, late = await keys.runs("a", "b", "c")
    taken = await keys.take(holder)
    wait = await keys.take(waiting)
    assert isinstance(wait, JournalEntry)
    await keys.keep(holder)
    await clock.advance(DAY_MS / 1000)
    found = await keys.take(waiting, wait=wait)
    assert isinstance(found, JournalEntry)
    assert found.value == b"sent"
    again = await keys.take(late)
    assert isinstance(again, TakenKey)
    assert again != taken  # other work: a provider must not take it for the old one
    # The run that had got the result has it still.
    assert (await keys.queue.journal.read(holder.run_id)).entries[0].value == b"sent"


async def test_a_large_result_is_given_but_not_kept_where_there_is_no_room(keys: Keys) -> None:
    holder, other = await keys.runs("a", "b")
    await keys.take(holder)
    await keys.keep(holder, value=b"x" * 100)
    found = await keys.take(other, room=100)
    assert isinstance(found, JournalEntry)
    assert found.size > 100
    assert (await keys.queue.journal.read(other.run_id)).entries == []


async def test_a_sensitive_result_is_sensitive_for_all(keys: Keys) -> None:
    holder, other = await keys.runs("a", "b")
    await keys.take(holder)
    await keys.queue.once_keys.keep(holder, JournalEntry(KEY, "once", 5, b"v", is_sensitive=True), DAY_MS)
    found = await keys.take(other)
    assert isinstance(found, JournalEntry)
    assert found.is_sensitive


async def test_keys_are_listed_in_pages_and_forgotten(keys: Keys, clock: FakeClock) -> None:
    first, second = await keys.runs("a", "b")
    for key in ("m-1", "m-2", "n-1"):
        await keys.take(first, key)
    await keys.keep(first, "m-1")
    store = keys.queue.once_keys
    (row, *_) = await store.listed(1, "", "m-")
    now_ms = clock.now_ms()
    assert (row.key, row.status, row.step, row.trace_id, row.size) == ("m-1", "kept", "step", "trace", 4)
    assert (row.begun_at_ms, row.kept_at_ms, row.until_ms) == (now_ms, now_ms, now_ms + DAY_MS)
    assert [each.key for each in await store.listed(9, "m-1", "m-")] == ["m-2"]
    assert [await store.forget(key) for key in ("m-1", "m-2", "none")] == ["forgotten", "running", None]
    assert [each.key for each in await store.listed(9, "", "")] == ["m-2", "n-1"]
    assert isinstance(await keys.take(second, "m-1"), TakenKey)


async def test_keys_whose_time_is_over_are_removed_unless_a_run_is_at_them(
    keys: Keys, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, waiting = await keys.runs("a", "b")
    for key in ("held", "kept", "awaited", "free"):
        await keys.take(first, key)
    await keys.take(waiting, "awaited")
    await keys.keep(first, "kept")
    await keys.keep(first, "awaited")
    await keys.queue.once_keys.give_back(first, "free")
    await clock.advance(2 * DAY_MS / 1000)
    await keys.take(first, "new")
    # "awaited" has run out: it is kept for the run that waited, and not listed.
    assert [row[0] for row in await keys.listed()] == ["held", "new"]
    monkeypatch.setattr(limits, "ONCE_KEYS_MAX", 3)
    with pytest.raises(JournalFull, match="3 keys"):
        await keys.take(first, "one more")
    await keys.queue.once_keys.forget("awaited")
    assert isinstance(await keys.take(first, "one more"), TakenKey)


async def test_results_have_a_bound_together(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = await keys.runs("a")
    monkeypatch.setattr(limits, "ONCE_KEYS_BYTES_MAX", 4)
    await keys.take(run, "one")
    await keys.keep(run, "one")
    with pytest.raises(JournalFull, match="4 bytes"):
        await keys.take(run, "two")
    await keys.queue.once_keys.forget("one")
    assert isinstance(await keys.take(run, "two"), TakenKey)


async def test_a_dead_letter_that_is_tried_again_waits_anew(keys: Keys) -> None:
    holder, waiting = await keys.runs("a", "b")
    await keys.take(holder)
    await keys.take(waiting)
    await keys.queue.bury(waiting, FAILURE, keys.clock.now_ms())
    assert await keys.queue.once_keys.pass_on() == WokenRuns(frozenset(), are_waiting=False)
    (letter,) = await keys.queue.dead_letters(10)
    await keys.queue.replay(letter.id, keys.clock.now_ms())
    assert (await keys.queue.journal.read(waiting.run_id)).entries == []
