"""Events that cancel runs, in each queue store; see `CancellationStore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from polystep.contracts.events import (
    CANCEL_STEP,
    Cancellations,
    Delivery,
    EventKey,
    NewDelivery,
    RunsOf,
    Stored,
)
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.queue import QueueStore
from polystep.contracts.signals import ChildCall
from polystep.stores import Database, SqliteQueueStore, open_durable
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, claim, names, new
from tests.contract.durable import Durable

FAR_MS = 10**15


def order(name: str, id: str = "o1", *, step: str = "step", key: str | None = None, at_ms: int = 0) -> NewDelivery:
    """A delivery of a step whose runs are cancelled by `order`."""
    return new(name, step=step, key=key, at_ms=at_ms)._replace(cancel_keys=(("order", id),))


def cancelling(*ids: str, name: str = "gone", step: str = "step", at_ms: int = 0, path: str = "order") -> NewDelivery:
    event = new(name, at_ms=at_ms)._replace(topic="order.cancelled", step=CANCEL_STEP, fifo_key=None)
    return event._replace(cancels=tuple(RunsOf(step, path, id) for id in ids))


async def cancel(queue: QueueStore, *ids: str, at_ms: int = 0) -> Cancellations:
    stored = await queue.enqueue([cancelling(*ids, at_ms=at_ms)])
    assert stored == []
    assert stored.cancelled is not None
    return stored.cancelled


def gone(found: Cancellations) -> list[str]:
    return [each.run_id.removeprefix("run of ") for each in found.removed]


async def test_an_event_removes_the_runs_that_wait_and_have_its_value(queue: QueueStore) -> None:
    await queue.enqueue([order("queued"), order("other", "o2"), order("later", at_ms=FAR_MS)])
    await queue.enqueue([order("elsewhere", step="else"), new("without")])
    found = await cancel(queue, "o1")
    assert (gone(found), found.is_done, found.running) == (["queued", "later"], True, [])
    assert found.removed[0].reason == {
        "name": "cancelled",
        "message": "The event event of gone of order.cancelled, in trace trace, cancelled it (`cancelOn`).",
        "data": {
            "topic": "order.cancelled", "id": "event of gone", "eventId": "event of gone", "traceId": "trace",
        },
    }  # fmt: skip
    assert await queue.cancellations.settle("host", 100) == Cancellations()
    left = await claim(queue, {"step": 9, "else": 9}, now_ms=FAR_MS)
    assert names(left) == ["other", "elsewhere", "without"]


async def test_the_id_that_the_author_gave_is_the_one_that_the_reason_names(queue: QueueStore) -> None:
    await queue.enqueue([order("a")])
    stored = await queue.enqueue([cancelling("o1")._replace(key=EventKey("c-7", 1000))])
    assert stored.cancelled is not None
    reason = stored.cancelled.removed[0].reason
    assert reason is not None
    assert reason["data"] == {
        "topic": "order.cancelled", "id": "c-7", "eventId": "event of gone", "traceId": "trace",
    }  # fmt: skip
    # A second event with the id counts for nothing.
    await queue.enqueue([order("b")])
    again = await queue.enqueue([cancelling("o1", name="twice")._replace(key=EventKey("c-7", 1000))])
    assert (again.cancelled, list(again.keyed.duplicates.values() if again.keyed else ())) == (None, ["event of gone"])


async def test_what_is_stored_after_the_event_is_not_meant(queue: QueueStore) -> None:
    stored = await queue.enqueue([order("before"), cancelling("o1"), order("after")])
    assert stored.cancelled is not None
    assert gone(stored.cancelled) == ["before"]
    assert names(await claim(queue)) == ["after"]
    await queue.enqueue([order("next")])
    assert await queue.cancellations.settle("host", 100) == Cancellations()
    assert names(await claim(queue)) == ["next"]


async def test_the_run_that_the_event_has_started_is_not_meant(queue: QueueStore) -> None:
    own = order("own")._replace(event_id="event of gone")
    stored = await queue.enqueue([order("old"), own, cancelling("o1")])
    assert stored.cancelled is not None
    assert (gone(stored.cancelled), stored.cancelled.is_done) == (["old"], True)


async def test_an_event_without_a_field_means_every_run_of_the_step(queue: QueueStore) -> None:
    every = [new(name)._replace(cancel_keys=(("", ""),)) for name in ("a", "b")]
    await queue.enqueue(every)
    stored = await queue.enqueue([cancelling("", path="")])
    assert stored.cancelled is not None
    assert gone(stored.cancelled) == ["a", "b"]


async def test_a_fifo_key_goes_on_behind_what_is_cancelled(queue: QueueStore) -> None:
    await queue.enqueue([order("a", key="k"), order("b", key="k"), order("c", "o2", key="k")])
    found = await cancel(queue, "o1")
    assert gone(found) == ["a", "b"]
    assert names(await claim(queue)) == ["c"]


async def running(queue: QueueStore, *deliveries: NewDelivery) -> list[Delivery]:
    await queue.enqueue(deliveries)
    return await claim(queue)


async def test_a_run_that_runs_is_named_until_it_has_ended(queue: QueueStore) -> None:
    (mine,) = await running(queue, order("mine"))
    found = await cancel(queue, "o1")
    assert ([each.run_id for each in found.running], found.is_done) == (["run of mine"], False)
    again = await queue.cancellations.settle("host", 100)
    assert [each.run_id for each in again.running] == ["run of mine"]
    assert again.running[0].reason["name"] == "cancelled"
    await queue.cancel_running(mine)
    over = await queue.cancellations.settle("host", 100)
    assert (gone(over), over.running, over.is_done) == ([], [], True)
    assert await queue.cancellations.settle("host", 100) == Cancellations()


async def test_what_the_handler_did_first_counts(queue: QueueStore, durable: Durable) -> None:
    done, failed, slept = await running(queue, order("done"), order("failed"), order("slept"))
    assert len((await cancel(queue, "o1")).running) == 3
    # One has completed, the others are tried again or wait: they are removed before they start.
    assert await queue.complete(done, []) == []
    assert await queue.retry(failed, FAR_MS, FAILURE)
    assert await queue.journal.suspend(slept, FAR_MS) == FAR_MS
    found = await queue.cancellations.settle("host", 100)
    assert (sorted(gone(found)), found.is_done, found.running) == (["failed", "slept"], True, [])
    assert await durable.rows("cancel_keys") == 0
    assert await durable.rows("cancellations") == 0


async def test_a_run_of_a_dead_host_is_removed_when_it_is_released(queue: QueueStore) -> None:
    await running(queue, order("mine"))
    await cancel(queue, "o1")
    await queue.recover("host")
    assert gone(await queue.cancellations.settle("host", 100)) == ["mine"]


async def test_an_event_that_is_due_later_cancels_later(queue: QueueStore, clock: FakeClock) -> None:
    now_ms = clock.now_ms()
    await queue.enqueue([order("a")])
    found = await cancel(queue, "o1", at_ms=now_ms + 5000)
    assert (found.removed, found.is_done) == ((), False)
    assert await queue.cancellations.settle("host", 100) == Cancellations(next_ms=now_ms + 5000)
    await queue.enqueue([order("b")])
    await clock.advance(6)
    await queue.enqueue([order("after")])
    settled = await queue.cancellations.settle("host", 100)
    # It happens when it is due: what was stored until then is meant.
    assert (gone(settled), settled.next_ms) == (["a", "b"], None)
    assert names(await claim(queue, now_ms=FAR_MS)) == ["after"]


async def test_an_event_that_is_due_later_is_moved_and_cancelled(queue: QueueStore, clock: FakeClock) -> None:
    now_ms = clock.now_ms()
    await queue.enqueue([order("a"), order("b", "o2")])
    key = EventKey("c", 1000)
    await queue.enqueue([cancelling("o1", at_ms=now_ms + 5000)._replace(key=key, run_id="r1")])
    moved = cancelling("o2", name="moved", at_ms=now_ms + 9000)._replace(key=key._replace(replaces=True), run_id="r2")
    assert (await queue.enqueue([moved])).cancelled is not None
    await clock.advance(6)
    assert gone(await queue.cancellations.settle("host", 100)) == []
    (removed,) = await queue.keys.cancel("order.cancelled", "c")
    assert removed.step == CANCEL_STEP
    await clock.advance(6)
    assert await queue.cancellations.settle("host", 100) == Cancellations()


async def test_after_the_clock_was_set_back_a_later_event_keeps_its_distance(
    queue: QueueStore, clock: FakeClock
) -> None:
    now_ms = clock.now_ms()
    await queue.enqueue([order("a")])
    await cancel(queue, "o1", at_ms=now_ms + 5000)
    await queue.move_due(now_ms - 60_000, 60_000)
    assert gone(await queue.cancellations.settle("host", 100)) == ["a"]


async def test_the_rest_of_many_runs_follows_in_parts(queue: QueueStore) -> None:
    await queue.enqueue([order(str(number)) for number in range(250)])
    found = await cancel(queue, "o1")
    assert (len(found.removed), found.is_done, found.has_more) == (20, False, True)
    sizes = []
    while found.has_more:
        found = await queue.cancellations.settle("host", 100)
        sizes.append(len(found.removed))
    assert sizes == [100, 100, 30]
    assert await claim(queue) == []


async def test_many_that_run_do_not_hide_those_that_wait(queue: QueueStore) -> None:
    await queue.enqueue([order(str(number)) for number in range(110)])
    assert len(await claim(queue, 105)) == 105
    found = await cancel(queue, "o1")
    assert (len(found.running), len(found.removed)) == (105, 5)


async def test_the_runs_of_calls_go_with_their_caller(queue: QueueStore) -> None:
    (parent,) = await running(queue, order("parent"))
    for name in ("waits", "runs"):
        entry = JournalEntry(name, "call", 1, due_ms=FAR_MS)
        child = new(name, step=name)._replace(kind="call")
        assert await queue.journal.begin_wait(parent, entry, [child], [], None, ChildCall(child.run_id)) == []
    await claim(queue, {"runs": 1})
    await queue.journal.suspend(parent, FAR_MS)
    found = await cancel(queue, "o1")
    assert (gone(found), [each.run_id for each in found.called]) == (["parent", "waits"], ["run of runs"])
    assert all(each.reason == found.removed[0].reason for each in found.removed)


async def test_a_dead_letter_is_cancelled_only_after_its_replay(queue: QueueStore, durable: Durable) -> None:
    (mine,) = await running(queue, order("mine"))
    await queue.bury(mine, FAILURE, 1)
    refused = order("refused")._replace(refused=FAILURE)
    await queue.enqueue([refused])
    found = await cancel(queue, "o1")
    assert (gone(found), found.is_done) == ([], True)
    for letter in await queue.dead_letters(9):
        assert await queue.replay(letter.id, 1) is not None
    assert sorted(gone(await cancel(queue, "o1"))) == ["mine", "refused"]
    assert await durable.rows("cancel_keys") == 0


async def test_what_is_discarded_is_found_no_more(queue: QueueStore, durable: Durable) -> None:
    await queue.enqueue([order("purged"), order("removed", step="other"), order("letter")._replace(refused=FAILURE)])
    await queue.purge("step", 100, 2**62)
    assert await queue.remove("other", await queue.last_id("other")) is not None
    await queue.purge_dead_letters(None)
    (one,) = await running(queue, order("completed"))
    assert await queue.complete(one, []) == []
    named = order("named")._replace(key=EventKey("n", 1000))
    await queue.enqueue([named])
    assert len(await queue.keys.cancel("topic", "n")) == 1
    assert await durable.rows("cancel_keys") == 0


async def test_events_that_leave_with_a_wait_or_a_completion_cancel_too(queue: QueueStore) -> None:
    one, two = await running(queue, new("one"), new("two"))
    await queue.enqueue([order("a"), order("b", "o2")])
    entry = JournalEntry("w", "sleep", 1, due_ms=FAR_MS)
    began = await queue.journal.begin_wait(one, entry, [cancelling("o1")], [])
    ended = await queue.complete(two, [cancelling("o2", name="more")])
    for stored, name in ((began, "a"), (ended, "b")):
        assert isinstance(stored, Stored)
        assert stored.cancelled is not None
        assert gone(stored.cancelled) == [name]


async def test_no_cost_grows_with_what_waits(tmp_path: Path) -> None:
    few, many = [await _steps_of(tmp_path / f"{waiting}.db", waiting) for waiting in (20, 3000)]
    # A search goes a level deeper in a larger tree.
    assert many <= few + 40


async def _steps_of(path: Path, waiting: int) -> int:
    """Cancel one run beside so many of other values."""
    database = open_durable(path, "none")
    await database.start()
    queue = SqliteQueueStore(database, FakeClock())
    await queue.enqueue([order("mine"), *(order(str(number), f"o{number + 2}") for number in range(waiting))])
    steps = _count_steps(database)
    found = await cancel(queue, "o1")
    counted = steps()
    assert gone(found) == ["mine"]
    await database.stop()
    return counted


def _count_steps(database: Database) -> Callable[[], int]:
    counted = 0

    def step() -> bool:
        nonlocal counted
        counted += 1
        return False

    for connection in database._connections:
        connection.set_progress_handler(step, 1)
    return lambda: counted
