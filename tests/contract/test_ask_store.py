"""Everything that each ask store must do; see `AskStore`."""

from __future__ import annotations

from typing import Any

from polystep.contracts.asks import Ask, AskSignature
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.queue import QueueStore
from polystep.testing import FakeClock
from tests.contract.deliveries import FAILURE, claim, new

DUE_MS = 10**15
HOUR_MS = 3_600_000
ASK = Ask("id", "ask", "", "k", "step", "trace", "Send it?", b"data", b"{}", 5, DUE_MS, b"hash", is_sensitive=True)


async def asking(queue: QueueStore, name: str = "a", **more: Any) -> tuple[Delivery, Ask]:
    """A claimed run that has asked."""
    await queue.enqueue([new(name)])
    (delivery,) = await claim(queue)
    ask = ASK._replace(id=name, run_id=delivery.run_id, token_hash=name.encode(), **more)
    entry = JournalEntry(ask.key, "ask", ask.asked_at_ms, due_ms=ask.due_ms)
    assert await queue.journal.begin_wait(delivery, entry, [], [], None, ask) == []
    return delivery, ask


async def kept(queue: QueueStore, delivery: Delivery) -> bytes | None:
    (entry,) = (await queue.journal.read(delivery.run_id)).entries
    return entry.value


async def test_an_ask_comes_back_as_it_was_opened(queue: QueueStore) -> None:
    _, ask = await asking(queue)
    assert await queue.asks.read("a") == ask
    assert await queue.asks.find(b"a") == ask
    assert await queue.asks.read("b") is None
    assert await queue.asks.find(b"b") is None
    assert list(await queue.asks.open_asks(10)) == [ask]


async def test_open_asks_come_in_pages_the_oldest_first(queue: QueueStore) -> None:
    asks = [(await asking(queue, name, asked_at_ms=at))[1] for name, at in (("c", 7), ("a", 9), ("b", 7))]
    ordered = [asks[2], asks[0], asks[1]]
    assert list(await queue.asks.open_asks(2)) == ordered[:2]
    last = ordered[1]
    assert list(await queue.asks.open_asks(2, (last.asked_at_ms, last.id))) == ordered[2:]


async def test_an_answer_is_kept_with_its_run_and_makes_it_due(queue: QueueStore) -> None:
    delivery, ask = await asking(queue)
    assert await queue.journal.suspend(delivery, DUE_MS, ["k"]) == DUE_MS
    assert await claim(queue) == []
    closed = await queue.asks.close("a", "answered", b"yes", "ann")
    assert closed is not None
    assert (closed.is_closed_now, closed.due_step) == (True, "step")
    assert (closed.ask.status, closed.ask.outcome, closed.ask.closed_by) == ("answered", b"yes", "ann")
    assert await kept(queue, delivery) == b"yes"
    (again,) = await claim(queue, now_ms=DUE_MS - 1)
    assert again.run_id == ask.run_id
    assert await queue.asks.open_asks(10) == []


async def test_an_answer_of_a_running_leg_makes_nothing_due_and_keeps_it_from_sleeping(queue: QueueStore) -> None:
    delivery, _ = await asking(queue)
    assert await queue.journal.closed_ask(delivery, "k") is None
    closed = await queue.asks.close("a", "answered", b"yes", None)
    assert closed is not None
    assert closed.due_step is None
    found = await queue.journal.closed_ask(delivery, "k")
    assert found is not None
    assert found.outcome == b"yes"
    # Of other waits it knows nothing.
    assert await queue.journal.suspend(delivery, DUE_MS, ["k", "other"]) != DUE_MS


async def test_the_first_answer_counts(queue: QueueStore) -> None:
    delivery, _ = await asking(queue)
    await queue.asks.close("a", "answered", b"yes", "ann")
    second = await queue.asks.close("a", "cancelled", b"no", "bob")
    assert second is not None
    assert (second.is_closed_now, second.ask.status, second.ask.closed_by) == (False, "answered", "ann")
    assert await kept(queue, delivery) == b"yes"
    assert await queue.asks.close("none", "answered", b"yes", None) is None


async def test_an_ask_whose_time_is_over_takes_no_answer(queue: QueueStore) -> None:
    delivery, _ = await asking(queue, due_ms=6)
    late = await queue.asks.close("a", "answered", b"yes", "ann")
    assert late is not None
    assert (late.is_closed_now, late.ask.status) == (False, "timed_out")
    assert await kept(queue, delivery) is None
    other, _ = await asking(queue, "b", due_ms=6)
    found = await queue.journal.closed_ask(other, "k")
    assert found is not None
    assert found.status == "timed_out"


async def test_asks_end_with_their_runs_and_stay_with_dead_letters(queue: QueueStore) -> None:
    done, _ = await asking(queue, "done")
    await queue.complete(done, [])
    ended = await queue.asks.read("done")
    assert ended is not None
    assert ended.status == "cancelled"
    dead, _ = await asking(queue, "dead")
    await queue.bury(dead, FAILURE, 2000)
    assert [each.id for each in await queue.asks.open_asks(10)] == ["dead"]
    await queue.asks.close("dead", "answered", b"yes", None)
    (letter,) = await queue.dead_letters(1)
    await queue.replay(letter.id, 1000)
    (again,) = await claim(queue)
    assert await kept(queue, again) == b"yes"
    waiting, _ = await asking(queue, "waiting")
    await queue.journal.suspend(waiting, 0)
    await queue.purge("step", 100, 10**9)
    assert await queue.asks.open_asks(10) == []


async def test_a_superseded_leg_asks_nothing(queue: QueueStore) -> None:
    await queue.enqueue([new("a")])
    (delivery,) = await claim(queue)
    await queue.release(delivery, crashed=False)
    entry = JournalEntry("k", "ask", 5, due_ms=DUE_MS)
    assert await queue.journal.begin_wait(delivery, entry, [], [], None, ASK) is None
    assert await queue.asks.open_asks(10) == []


async def test_waits_end_earlier_with_a_clock_that_was_set_back(queue: QueueStore) -> None:
    """Found by the simulation: the run was due on time, found its wait an hour too long, and waited on."""
    delivery, _ = await asking(queue, asked_at_ms=HOUR_MS + 1000, due_ms=HOUR_MS + 5000)
    entry = JournalEntry("s", "sleep", HOUR_MS + 1000, due_ms=HOUR_MS + 3000)
    earlier = JournalEntry("before", "sleep", 900, due_ms=HOUR_MS + 3000)
    for each in (entry, earlier):
        await queue.journal.keep(delivery, each)
    for back_ms in (HOUR_MS, None):
        await queue.move_due(1000, back_ms)
        ask = await queue.asks.read("a")
        assert ask is not None
        assert (ask.asked_at_ms, ask.due_ms) == (1000, 5000)
        kept = {
            each.key: (each.kept_at_ms, each.due_ms) for each in (await queue.journal.read(delivery.run_id)).entries
        }
        assert kept == {"k": (1000, 5000), "s": (1000, 3000), "before": (900, HOUR_MS + 3000)}


async def test_the_rule_for_an_answer_goes_when_its_ask_is_forgotten(queue: QueueStore, clock: FakeClock) -> None:
    rule = AskSignature("X-Sign", "SECRET")
    await asking(queue, "closed", signature=rule)
    await asking(queue, "open", signature=rule)
    await queue.asks.close("closed", "answered", b"yes", None)
    assert await queue.asks.signature(b"closed") == rule
    await clock.advance(25 * 3600)
    await asking(queue, "later")
    assert await queue.asks.signature(b"closed") is None
    assert await queue.asks.signature(b"open") == rule
