"""Answers of PostgreSQL that are lost on their way: about waits, keys, ids, cancellations, requests and histories."""

from __future__ import annotations

import random
from typing import TypeVar

from polystep.contracts.asks import Ask
from polystep.contracts.events import CANCEL_STEP, SIGNAL_STEP, Delivery, EventKey, NewDelivery, RunsOf
from polystep.contracts.journal import JournalEntry, SentEmit
from polystep.contracts.once_keys import TakenKey, WokenRuns
from polystep.contracts.request_keys import KeptResponse, KeyedRequest, KeyedRun, SentBy
from polystep.contracts.signals import ChildCall, SignalWait, Wanted
from tests.contract.deliveries import claim, new
from tests.contract.rig import Cuts, Rig

MARK = "the mark that is cut"
FAR_MS = 10**15
CUTS = 60
T = TypeVar("T")


class Turn(Cuts):
    """One turn of everything that runs wait for and of everything with a key, each answer of which may be lost."""

    mark = MARK

    async def run(self, number: int) -> None:
        name = f"{MARK} {number}"
        await self._ask(name)
        await self._event(name)
        await self._call(name)
        await self._once(name)
        await self._ids(name)
        await self._cancel(name)
        await self._request(name)
        await self._history(name)

    async def _running(self, name: str) -> Delivery:
        await self._queue.enqueue([new(name, run_id=name)])
        (delivery,) = await claim(self._queue, now_ms=FAR_MS - 1)
        return delivery

    async def _ask(self, name: str) -> None:
        run, journal = await self._running(f"{name} ask"), self._queue.journal
        ask = Ask(name, "ask", run.run_id, "k", "step", "t", name, b"", None, 5, FAR_MS, name.encode())
        entry = JournalEntry("k", "ask", 5, due_ms=FAR_MS)
        assert await self._cut(journal.begin_wait(run, entry, [], [], None, ask)) == []
        assert await journal.suspend(run, FAR_MS, ["k"]) == FAR_MS
        closed = await self._cut(self._queue.asks.close(name, "answered", name.encode(), "ann"))
        assert closed is not None
        assert (closed.is_closed_now, closed.due_step, closed.ask.closed_by) == (True, "step", "ann")
        (again,) = await claim(self._queue, now_ms=FAR_MS - 1)
        found = await self._cut(journal.closed_ask(again, "k"))
        assert found is not None
        # It wakes at once, and says when.
        at_ms = await self._cut(journal.suspend(again, FAR_MS, ["k", name]), b"group_1")
        assert at_ms is not None
        assert at_ms < FAR_MS
        (again,) = await claim(self._queue, now_ms=FAR_MS - 1)
        await self._queue.complete(again, [])

    async def _event(self, name: str) -> None:
        run, journal = await self._running(f"{name} event"), self._queue.journal
        entry = JournalEntry("k", "event", 5, due_ms=FAR_MS)
        wait = SignalWait((Wanted(name, "to", name),), 1000)
        assert await self._cut(journal.begin_wait(run, entry, [], [], None, wait)) == []
        event = new(name)._replace(topic=name, step=SIGNAL_STEP, run_id="", signals=(("to", name),))
        assert await self._cut(self._queue.enqueue([event])) == []
        taken = await self._cut(journal.take_signal(run, entry, lambda topic, data: data, b"late"))
        assert taken is not None
        assert taken.value == name.encode()
        await self._queue.complete(run, [])

    async def _call(self, name: str) -> None:
        run, journal = await self._running(f"{name} call"), self._queue.journal
        entry = JournalEntry("k", "call", 5, due_ms=FAR_MS)
        child = new(f"{name} child")._replace(kind="call", run_id=f"{name} child")
        assert await self._cut(journal.begin_wait(run, entry, [child], [], None, ChildCall(child.run_id))) == []
        (called,) = await claim(self._queue)
        assert await self._cut(self._queue.complete(called, [], None, name.encode())) == []
        ended = await self._cut(journal.take_call(run, entry, b"late"))
        assert ended is not None
        assert ended.value == name.encode()
        await self._queue.complete(run, [])

    async def _once(self, name: str) -> None:
        one, two = await self._running(f"{name} 1"), await self._running(f"{name} 2")
        keys = self._queue.once_keys
        wait = JournalEntry(name, "once", 5, due_ms=FAR_MS)
        assert isinstance(await self._cut(keys.take(one, wait, FAR_MS, 9)), TakenKey)
        assert await self._cut(keys.take(two, wait, FAR_MS, 9)) == wait
        error = JournalEntry(name, "once", 5, error=b"error")
        assert await self._cut(keys.give_back(one, name, error)) == WokenRuns(frozenset({"step"}))
        assert isinstance(await self._cut(keys.take(two, wait, FAR_MS, 9)), TakenKey)
        assert await self._cut(keys.take(one, wait, FAR_MS, 9)) == wait
        value = JournalEntry(name, "once", 5, name.encode())
        assert await self._cut(keys.keep(two, value, FAR_MS)) == WokenRuns(frozenset({"step"}))
        assert await self._cut(keys.forget(name)) == "forgotten"
        for run in (one, two):
            await self._queue.complete(run, [])

    async def _ids(self, name: str) -> None:
        def named(suffix: str, *, replaces: bool = False) -> NewDelivery:
            event = new(f"{name} {suffix}", step="named", run_id=f"{name} {suffix}")
            return event._replace(topic=name, key=EventKey("id", 1000, replaces))

        first, second = [await self._cut(self._queue.enqueue([named(suffix)])) for suffix in "ab"]
        assert first.keyed is not None
        assert first.keyed.duplicates == {}
        assert second.keyed is not None
        assert second.keyed.duplicates == {f"{name} b": f"event of {name} a"}
        third = await self._cut(self._queue.enqueue([named("c", replaces=True)]))
        assert third.keyed is not None
        assert [each.run_id for each in third.keyed.removed] == [f"{name} a"]
        removed = await self._cut(self._queue.keys.cancel(name, "id"))
        assert [each.run_id for each in removed] == [f"{name} c"]

    async def _cancel(self, name: str) -> None:
        runs = [
            new(f"{name} {suffix}", step="cancelled", run_id=f"{name} {suffix}")._replace(cancel_keys=(("o", name),))
            for suffix in "ab"
        ]
        await self._queue.enqueue(runs[:1])
        event = new(f"{name} gone")._replace(step=CANCEL_STEP, cancels=(RunsOf("cancelled", "o", name),))
        stored = await self._cut(self._queue.enqueue([event]), b"cancel_by_events_1")
        assert stored.cancelled is not None
        assert [each.run_id for each in stored.cancelled.removed] == [f"{name} a"]
        await self._queue.enqueue(runs[1:])
        cancelled = await self._cut(self._queue.cancel_waiting(f"{name} b"))
        assert cancelled is not None
        assert [each.run_id for each in cancelled.removed] == [f"{name} b"]

    async def _request(self, name: str) -> None:
        requests = self._queue.requests
        request = KeyedRequest("Make", name, b"client", b"print")
        begun = await self._cut(requests.begin(request, name, "one", FAR_MS, FAR_MS))
        assert begun == KeyedRun(request, name, 1)
        assert isinstance(begun, KeyedRun)
        sent = SentEmit(b"print", "topic")
        await self._cut(requests.enqueue(SentBy(begun, sent), [new(f"{name} sent", step="sent")]))
        assert await self._cut(requests.free(begun))
        again = await self._cut(requests.begin(request, "unused", "one", FAR_MS, FAR_MS))
        assert isinstance(again, KeyedRun)
        # It was sent once, whatever was asked twice.
        assert (again.token, again.journal.sent) == (2, {sent: 1})
        assert await self._cut(requests.end(again, KeptResponse(200, (), name.encode(), "t"), FAR_MS))
        assert isinstance(await self._cut(requests.begin(request, "unused", "one", FAR_MS, FAR_MS)), KeptResponse)

    async def _history(self, name: str) -> None:
        run = await self._running(f"{name} over")
        await self._queue.journal.keep(run, JournalEntry("k", "once", 5, b"value"))
        assert await self._cut(self._queue.complete(run, [])) == []
        assert await self._cut(self._queue.histories.rerun(run.run_id, "k", new(name, step="rerun", run_id=name)))


async def test_an_answer_about_waits_and_keys_that_is_lost_is_found_again(rig: Rig) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    host = await rig.host(is_cut=True, keep_ms=60_000)
    turn = Turn(host, rig.proxy, random.Random(seed))
    turns = 0
    while turn.cuts < CUTS:
        await turn.run(turns)
        turns += 1
    assert await host.queue.waiting() == [("rerun", turns), ("sent", turns)]
