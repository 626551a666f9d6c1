"""Sinks beside the store get the same records, and cannot harm it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest

from polystep.contracts.trace import LogLine, TraceRecord
from polystep.testing import FakeClock
from polystep.trace import Preview, TraceRecorder
from polystep.trace import sinks as sinks_module
from polystep.trace.sinks import SinkQueue
from tests.patience import HANG_S


class Sink:
    """Keeps the messages it is given; fails or waits when asked to."""

    def __init__(self) -> None:
        self.messages: list[list[str]] = []
        self.failing = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.written = asyncio.Event()

    async def write(self, records: Sequence[TraceRecord]) -> None:
        await self.gate.wait()
        self.written.set()
        if self.failing:
            raise ValueError("no")
        self.messages.append([record.message for record in records if isinstance(record, LogLine)])


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store() -> Sink:
    return Sink()


@pytest.fixture
async def recorder(store: Sink, clock: FakeClock) -> AsyncIterator[TraceRecorder]:
    made = TraceRecorder(store, clock, Preview({}))  # type: ignore[arg-type]
    async with asyncio.timeout(HANG_S):
        yield made
        await made.stop()


async def test_every_sink_gets_each_batch_in_order(recorder: TraceRecorder, store: Sink) -> None:
    one, other = Sink(), Sink()
    recorder.add_sink("one", one)
    recorder.add_sink("other", other)
    for message in "ab":
        recorder.log("info", message)
        await recorder.flush()
    await FakeClock.settle()
    assert store.messages == one.messages == other.messages == [["a"], ["b"]]
    for name in ("one", "other"):
        await recorder.remove_sink(name)


async def test_a_sink_that_was_removed_gets_nothing_more(recorder: TraceRecorder, store: Sink) -> None:
    sink = Sink()
    recorder.add_sink("feed", sink)
    with pytest.raises(ValueError, match="feed"):
        recorder.add_sink("feed", sink)
    await recorder.remove_sink("feed")
    await recorder.remove_sink("feed")
    recorder.log("info", "a")
    await recorder.flush()
    await FakeClock.settle()
    assert (store.messages, sink.messages) == ([["a"]], [])


async def test_a_sink_that_fails_costs_the_store_nothing_and_is_reported_once(
    recorder: TraceRecorder, store: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Sink()
    sink.failing = True
    recorder.add_sink("feed", sink)
    with caplog.at_level(logging.WARNING):
        for message in "ab":
            recorder.log("info", message)
            await recorder.flush()
            await FakeClock.settle()
    sink.failing = False
    recorder.log("info", "c")
    await recorder.flush()
    await FakeClock.settle()
    assert (store.messages, sink.messages) == ([["a"], ["b"], ["c"]], [["c"]])
    assert [record.getMessage() for record in caplog.records] == ["Trace records could not be handed to feed"]
    await recorder.remove_sink("feed")


@pytest.mark.parametrize(("bound", "value"), [("SINK_RECORDS_MAX", 2), ("TRACE_WAITING_BYTES_MAX", 2)])
async def test_a_slow_sink_loses_its_oldest_batches_and_the_store_none(
    recorder: TraceRecorder, store: Sink, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(sinks_module, bound, value)
    sink = Sink()
    sink.gate.clear()
    recorder.add_sink("feed", sink)
    for message in "abcde":
        recorder.log("info", message)
        await recorder.flush()
        await FakeClock.settle()
    sink.gate.set()
    await FakeClock.settle()
    assert store.messages == [["a"], ["b"], ["c"], ["d"], ["e"]]
    assert sink.messages == [["a"], ["d"], ["e"]]
    await recorder.remove_sink("feed")


async def test_a_stop_hands_over_the_rest_but_waits_for_no_sink_longer_than_a_moment(
    store: Sink, clock: FakeClock
) -> None:
    recorder, quick, stuck = TraceRecorder(store, clock, Preview({})), Sink(), Sink()  # type: ignore[arg-type]
    await recorder.start()
    recorder.add_sink("quick", quick)
    recorder.add_sink("stuck", stuck)
    stuck.gate.clear()
    recorder.log("info", "last words")
    stopping = asyncio.create_task(recorder.stop())
    await clock.advance(sinks_module.STOP_GRACE_S)
    async with asyncio.timeout(HANG_S):
        await stopping
    assert (store.messages, quick.messages, stuck.messages) == ([["last words"]], [["last words"]], [])


async def test_a_queue_starts_and_stops_once(clock: FakeClock) -> None:
    sink = Sink()
    queue = SinkQueue("feed", sink)
    await queue.stop(clock)
    queue.start()
    queue.start()
    queue.put([LogLine(0, "info", "a", None, None, None, None, "host")], 1)
    await FakeClock.settle()
    await queue.stop(clock)
    await queue.stop(clock)
    assert (sink.messages, queue.dropped) == ([["a"]], 0)
