"""Everything that each history store must do; see `HistoryStore`."""

from __future__ import annotations

import pytest

from polystep.contracts import limits
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.limits import RUN_INPUT_BYTES_MAX
from polystep.contracts.ports.queue import QueueStore
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, claim, names, new

KEEP_MS = 60_000
ENTRIES = (
    JournalEntry("first", "once", 5, b"1", is_sensitive=True),
    JournalEntry("caught", "once", 6, error=b"of this try", failures=1),
    JournalEntry("before", "once", 6, error=b"of the try before", failures=0),
    JournalEntry("nap", "sleep", 7, due_ms=8),
    JournalEntry("asked", "ask", 7, due_ms=9000),
    JournalEntry("last", "once", 9, b"2"),
)


@pytest.fixture
def keep_ms() -> int:
    return KEEP_MS


async def running(queue: QueueStore, name: str = "a", data: bytes | None = None, failures: int = 0) -> Delivery:
    delivery = new(name, key="k")
    await queue.enqueue([delivery if data is None else delivery._replace(data=data)])
    for _ in range(failures):
        (claimed,) = await claim(queue)
        await queue.retry(claimed, 0, FAILURE)
    (claimed,) = await claim(queue)
    return claimed


async def completed(queue: QueueStore, name: str = "a", **more: object) -> str:
    delivery = await running(queue, name, failures=1, **more)  # type: ignore[arg-type]
    for entry in ENTRIES:
        await queue.journal.keep(delivery, entry)
    assert await queue.complete(delivery, []) is not None
    return delivery.run_id


async def test_a_run_that_kept_nothing_has_no_history(queue: QueueStore) -> None:
    delivery = await running(queue)
    assert await queue.complete(delivery, []) is not None
    assert await queue.histories.find(delivery.run_id) is None


async def test_a_rerun_finds_what_was_recorded_before_its_key(queue: QueueStore) -> None:
    run_id = await completed(queue)
    history = await queue.histories.find(run_id)
    assert history is not None
    # Neither an error of an earlier try nor a wait that nobody was at when the run completed.
    assert history.keys == ["first", "caught", "nap", "last"]
    recorded = await queue.histories.recorded(run_id, 9, 0)
    assert [(each.key, each.kind, each.kept_at_ms) for each in recorded] == [
        ("first", "once", 5), ("caught", "once", 6), ("nap", "sleep", 7), ("last", "once", 9),
    ]  # fmt: skip
    assert await queue.histories.recorded(run_id, 1, recorded[1].position) == [recorded[2]]
    assert (history.kind, history.topic, history.step, history.trace_id) == ("event", "topic", "step", "trace")
    assert (history.fifo_key, history.data) == ("k", b"a")
    assert await queue.histories.rerun(run_id, "last", new("again", key="k"))
    (again,) = await claim(queue)
    assert (names([again]), again.resumes, again.fifo_key, again.attempt) == (["again"], 0, "k", 1)
    kept = await queue.journal.read(again.run_id)
    first, caught, _, nap, _, _ = ENTRIES
    assert sorted(kept.entries) == sorted([first, caught._replace(failures=0), nap])
    # The run that is over is left as it was, and another may begin from it.
    assert await queue.histories.find(run_id) == history
    assert await queue.histories.rerun(run_id, "first", new("anew"))
    await queue.complete(again, [])
    (anew,) = await claim(queue)
    assert await queue.journal.read(anew.run_id) == ([], {})


async def test_what_is_gone_or_not_over_begins_nothing(queue: QueueStore, clock: FakeClock) -> None:
    live = await running(queue, "live")
    await queue.journal.keep(live, ENTRIES[0])
    assert await queue.histories.find(live.run_id) is None
    assert not await queue.histories.rerun(live.run_id, "first", new("x"))
    assert [each.key for each in await queue.histories.recorded(live.run_id, 9, 0)] == ["first"]
    await queue.complete(live, [])
    assert not await queue.histories.rerun(live.run_id, "another", new("x"))
    await clock.advance(KEEP_MS / 1000)
    assert await queue.histories.find(live.run_id) is None
    assert not await queue.histories.rerun(live.run_id, "first", new("x"))
    assert await queue.waiting() == []


async def test_a_large_input_is_not_kept(queue: QueueStore) -> None:
    run_id = await completed(queue, data=bytes(RUN_INPUT_BYTES_MAX + 1))
    history = await queue.histories.find(run_id)
    assert history is not None
    assert history.data is None


async def test_histories_that_are_old_or_too_many_are_removed(
    queue: QueueStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [await completed(queue, name) for name in "abc"]
    monkeypatch.setattr(limits, "HISTORIES_MAX", 2)
    runs.append(await completed(queue, "d"))
    found = [await queue.histories.find(run_id) is not None for run_id in runs]
    assert found == [False, False, True, True]
    assert [(await queue.journal.read(run_id)).entries for run_id in runs[:2]] == [[], []]
    monkeypatch.setattr(limits, "HISTORIES_BYTES_MAX", 1)
    await completed(queue, "e")
    assert [await queue.histories.find(run_id) for run_id in runs] == [None] * 4
    monkeypatch.undo()
    run_id = await completed(queue, "f")
    await clock.advance(KEEP_MS / 1000)
    await completed(queue, "g")
    assert (await queue.journal.read(run_id)).entries == []


async def test_a_dead_letter_is_begun_again_without_its_errors(queue: QueueStore) -> None:
    delivery = await running(queue)
    for entry in ENTRIES:
        await queue.journal.keep(delivery, entry)
    await queue.bury(delivery, FAILURE, 1000)
    history = await queue.histories.find(delivery.run_id)
    assert history is not None
    assert history.keys == [entry.key for entry in ENTRIES]
    assert await queue.histories.rerun(delivery.run_id, "last", new("again"))
    (again,) = await claim(queue)
    assert [each.key for each in (await queue.journal.read(again.run_id)).entries] == ["first", "nap"]
    (letter,) = await queue.dead_letters(10)
    assert letter.run_id == delivery.run_id


async def test_events_that_left_with_a_wait_leave_again(queue: QueueStore) -> None:
    delivery = await running(queue)
    await queue.journal.begin_wait(delivery, ENTRIES[3], [], [SentEmit(b"print", "topic")])
    await queue.journal.keep(delivery, ENTRIES[5])
    await queue.complete(delivery, [])
    assert await queue.histories.rerun(delivery.run_id, "last", new("again"))
    (again,) = await claim(queue)
    kept = await queue.journal.read(again.run_id)
    assert ([each.key for each in kept.entries], kept.sent) == (["nap"], {})
