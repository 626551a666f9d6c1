"""Trace records are gathered in memory and written in batches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.limits import LOG_LINE_CHARS_MAX, OPERATIONS_PER_ATTEMPT_MAX, TRACES_BYTES_MAX
from polystep.contracts.trace import AttemptEnded, AttemptStarted, LogLine, RunQueued, SpanEnded, TraceRecord
from polystep.testing import FakeClock, SettableClock
from polystep.trace import AttemptShare, Preview, TraceRecorder
from polystep.trace import recorder as recorder_module
from tests.patience import HANG_S

SPAN = "800000000000000b"
"""The first one of a recorder whose random number is 10."""


@dataclass
class Attempt:
    """The one whose operations are recorded."""

    run_id: str = "r"
    trace_id: str = "t"
    number: int = 1
    share: AttemptShare = field(default_factory=AttemptShare)


class FineClock(FakeClock):
    """Clock whose monotonic side shows fractions of a millisecond, as real ones do."""

    def __init__(self) -> None:
        super().__init__()
        self.fine_ms = 1_000_000_000_000.75

    def now_ms(self) -> int:
        return int(self.fine_ms)

    def monotonic_s(self) -> float:
        return (self.fine_ms - 1_000_000_000_000) / 1000


class Store:
    """Keeps the batches it is given; fails or waits when asked to."""

    def __init__(self) -> None:
        self.batches: list[list[TraceRecord]] = []
        self.pruned: list[tuple[int, ...]] = []
        self.portions = 0
        """How often there is more to prune."""
        self.failing = False
        self.gate: asyncio.Event | None = None

    async def write(self, records: Sequence[TraceRecord]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failing:
            raise PolystepError("The disk is full.")
        self.batches.append(list(records))

    async def prune(self, traces_max: int, runs_max: int, logs_max: int, older_than_ms: int, bytes_max: int) -> bool:
        self.pruned.append((traces_max, runs_max, logs_max, older_than_ms, bytes_max))
        if self.failing:
            raise PolystepError("The disk is full.")
        self.portions -= 1
        return self.portions >= 0

    @property
    def messages(self) -> list[list[str]]:
        return [[record.message for record in batch if isinstance(record, LogLine)] for batch in self.batches]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000_000_000_000)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def recorder(store: Store, clock: FakeClock) -> Any:
    made = TraceRecorder(store, clock, Preview({"API_KEY": "verysecret"}))  # type: ignore[arg-type]
    async with asyncio.timeout(HANG_S):
        yield made
        await made.stop()


async def test_each_call_becomes_a_record_of_its_own_type(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "getrandbits", lambda bits: 10)
    recorder = TraceRecorder(store, clock, Preview({}))  # type: ignore[arg-type]
    now_ms = 1_000_000_000_000
    recorder.run_queued("r", "t", "p", "step", "event", {"kind": "event"})
    recorder.attempt_started("r", "t", 1)
    recorder.context_call(Attempt(), "state", {"operation": "get"}, recorder.now_s())
    recorder.log("info", "hello", fields={"n": 1}, step="step", trace_id="t", run_id="r")
    recorder.attempt_ended("r", "t", 1, duration_ms=1.5, status="failed", run_status="waiting", error={"name": "E"})
    await recorder.flush()
    assert store.batches == [
        [
            RunQueued("r", "t", "p", "step", "event", '{"kind":"event"}', now_ms),
            AttemptStarted("r", "t", 1, now_ms),
            SpanEnded("r", "t", 1, SPAN, "state", now_ms, 0.0, '{"operation":"get"}'),
            LogLine(now_ms, "info", "hello", '{"n":1}', "step", "t", "r", "logger"),
            AttemptEnded("r", "t", 1, now_ms, 1.5, "failed", "waiting", '{"name":"E"}', None),
        ]
    ]
    assert [type(record) for record in store.batches[0]] == [
        RunQueued,
        AttemptStarted,
        SpanEnded,
        LogLine,
        AttemptEnded,
    ]


async def test_a_batch_goes_out_after_a_moment(recorder: TraceRecorder, store: Store, clock: FakeClock) -> None:
    await recorder.start()
    await recorder.start()
    recorder.log("info", "a")
    recorder.log("info", "b")
    await clock.advance(0.099)
    before = list(store.messages)
    await clock.advance(0.001)
    recorder.log("info", "c")
    await clock.advance(0.1)
    assert (before, store.messages) == ([], [["a", "b"], ["c"]])


async def test_nothing_to_write_writes_nothing(recorder: TraceRecorder, store: Store, clock: FakeClock) -> None:
    await recorder.start()
    await clock.advance(5)
    await recorder.flush()
    assert store.batches == []


async def test_batches_are_bounded(recorder: TraceRecorder, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "BATCH_MAX", 2)
    for number in range(5):
        recorder.log("info", str(number))
    await recorder.flush()
    assert store.messages == [["0", "1"], ["2", "3"], ["4"]]


async def test_when_the_disk_does_not_keep_up_the_oldest_go_and_are_counted(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "TRACE_RECORDS_MAX", 3)
    recorder = TraceRecorder(store, clock, Preview({}))  # type: ignore[arg-type]
    for number in range(5):
        recorder.log("info", str(number))
    await recorder.flush()
    assert (recorder.dropped, store.messages) == (2, [["2", "3", "4"]])


async def test_a_batch_that_the_disk_refuses_is_counted_and_later_ones_are_written(
    recorder: TraceRecorder, store: Store, clock: FakeClock
) -> None:
    await recorder.start()
    store.failing = True
    recorder.log("info", "lost")
    await clock.advance(0.1)
    store.failing = False
    recorder.log("info", "kept")
    await clock.advance(0.1)
    assert (recorder.dropped, store.messages) == (1, [["kept"]])


async def test_a_flush_waits_for_the_batch_that_is_being_written(recorder: TraceRecorder, store: Store) -> None:
    store.gate = asyncio.Event()
    recorder.log("info", "first")
    first = asyncio.create_task(recorder.flush())
    await FakeClock.settle()
    recorder.log("info", "second")
    second = asyncio.create_task(recorder.flush())
    await FakeClock.settle()
    waits = not second.done()
    store.gate.set()
    await asyncio.gather(first, second)
    assert (waits, store.messages) == (True, [["first"], ["second"]])


async def test_a_flush_does_not_run_after_those_who_go_on_recording(recorder: TraceRecorder, store: Store) -> None:
    write = store.write

    async def write_and_record(records: Sequence[TraceRecord]) -> None:
        await write(records)
        recorder.log("info", "one more")

    store.write = write_and_record  # type: ignore[method-assign]
    recorder.log("info", "before")
    await recorder.flush()
    assert store.messages == [["before"]]
    store.write = write  # type: ignore[method-assign]


async def test_a_stop_writes_the_rest_and_nothing_after_it(
    recorder: TraceRecorder, store: Store, clock: FakeClock
) -> None:
    await recorder.start()
    recorder.log("info", "last words")
    await recorder.stop()
    await recorder.stop()
    recorder.log("info", "too late")
    await clock.advance(10)
    assert store.messages == [["last words"]]


async def test_old_traces_are_pruned_every_few_seconds_also_after_a_prune_that_failed(
    recorder: TraceRecorder, store: Store, clock: FakeClock
) -> None:
    await recorder.start()
    store.failing = True
    await clock.advance(5.1)
    store.failing = False
    recorder.log("info", "still writing")
    await clock.advance(5.1)
    week_ms = 7 * 86_400_000
    assert [bounds[:3] for bounds in store.pruned] == [(20_000, 10_000, 200_000)] * 2
    assert [round((bounds[3] + week_ms - 1_000_000_000_000) / 1000) for bounds in store.pruned] == [5, 10]
    assert store.messages == [["still writing"]]


async def test_it_prunes_for_as_long_as_there_is_more(recorder: TraceRecorder, store: Store, clock: FakeClock) -> None:
    await recorder.start()
    store.portions = 3
    await clock.advance(5.1)
    assert len(store.pruned) == 4


async def test_logs_are_redacted_and_cut_and_come_back_as_they_are_kept(recorder: TraceRecorder, store: Store) -> None:
    kept = recorder.log("info", "verysecret \ud800" + "x" * 20_000)
    await recorder.flush()
    assert kept.message == ("[redacted] ?" + "x" * 20_000)[:LOG_LINE_CHARS_MAX]
    assert store.messages == [[kept.message]]


async def _only_operation(recorder: TraceRecorder, store: Store) -> SpanEnded:
    store.batches.clear()
    await recorder.flush()
    ((only,),) = store.batches
    assert isinstance(only, SpanEnded)
    return only


async def test_an_operation_has_a_start_and_a_duration_and_a_failed_one_its_error(store: Store) -> None:
    clock = FineClock()
    recorder = TraceRecorder(store, clock, Preview({}))  # type: ignore[arg-type]
    # The first reading is 0.75 ms after a whole millisecond; a flush near the next one comes closer.
    clock.fine_ms = 1_000_000_000_002.125
    await recorder.flush()
    began_s = recorder.now_s()
    clock.fine_ms += 4.5
    recorder.context_call(Attempt(), "state", {"operation": "set"}, began_s, Overloaded("The queue is full."))
    only = await _only_operation(recorder, store)
    assert only.started_ms == pytest.approx(1_000_000_000_002, abs=0.001)
    assert only.duration_ms == pytest.approx(4.5)
    assert only.data == '{"operation":"set","error":"overloaded: The queue is full."}'


@pytest.mark.parametrize("moved_ms", [-3_600_000, -1, 3_600_000])
async def test_operations_follow_a_clock_that_was_set(store: Store, clock: FakeClock, moved_ms: int) -> None:
    moved = SettableClock(1_000_000_000_000)
    recorder = TraceRecorder(store, moved, Preview({}))  # type: ignore[arg-type]
    moved.set_by_s = moved_ms / 1000
    await recorder.flush()
    recorder.context_call(Attempt(), "state", {}, recorder.now_s())
    only = await _only_operation(recorder, store)
    assert (only.started_ms, only.duration_ms) == (1_000_000_000_000 + moved_ms, 0.0)


async def test_a_span_without_a_start_began_its_duration_ago(recorder: TraceRecorder, store: Store) -> None:
    recorder.span(Attempt(), "http", {"name": "GET x"}, None, 2.5)
    only = await _only_operation(recorder, store)
    assert (only.type, only.started_ms, only.duration_ms) == ("http", 999_999_999_997.5, 2.5)


async def test_every_span_has_an_id_of_its_own(recorder: TraceRecorder, store: Store) -> None:
    for _ in range(100):
        recorder.span(Attempt(), "http", {}, 0.0, 0.0)
    await recorder.flush()
    ids = {record.span_id for batch in store.batches for record in batch if isinstance(record, SpanEnded)}
    assert len(ids) == 100
    assert all(len(each) == 16 and int(each, 16) > 0 for each in ids)


async def test_operations_over_the_bound_are_not_stored(recorder: TraceRecorder, store: Store) -> None:
    attempt = Attempt()
    attempt.share.spans = OPERATIONS_PER_ATTEMPT_MAX - 1
    for number in (OPERATIONS_PER_ATTEMPT_MAX, OPERATIONS_PER_ATTEMPT_MAX + 1):
        recorder.context_call(attempt, "state", {"number": number}, recorder.now_s())
    await recorder.flush()
    ((only,),) = store.batches
    assert isinstance(only, SpanEnded)
    assert only.data == f'{{"number":{OPERATIONS_PER_ATTEMPT_MAX}}}'
    assert attempt.share.left_out == 1


async def test_an_attempt_has_a_share_of_bytes(
    recorder: TraceRecorder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "TRACE_BYTES_PER_ATTEMPT_MAX", 100)
    attempt, other = Attempt(), AttemptShare()
    share = attempt.share
    for letter in "abc":
        assert recorder.log("info", letter * 60, share=share).message == letter * 60
    recorder.context_call(attempt, "state", {"operation": "get"}, recorder.now_s())
    recorder.log("info", "of another run", share=other)
    recorder.log("info", "of no run")
    await recorder.flush()
    assert (share.left_out, other.left_out) == (3, 0)
    assert store.messages == [["a" * 60, "of another run", "of no run"]]


async def test_what_waits_for_the_disk_is_bounded_in_bytes_but_ends_are_kept(
    recorder: TraceRecorder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "TRACE_WAITING_BYTES_MAX", 100)
    for _ in range(3):
        recorder.log("info", "x" * 60)
    recorder.attempt_ended("r", "t", 1, duration_ms=1.5, status="completed", run_status="completed")
    await recorder.flush()
    recorder.log("info", "y" * 60)
    await recorder.flush()
    assert recorder.dropped == 2
    assert [[type(record) for record in batch] for batch in store.batches] == [[LogLine, AttemptEnded], [LogLine]]


async def test_inputs_are_kept_whole_within_their_size_and_half_of_the_room(
    recorder: TraceRecorder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "RUN_INPUT_BYTES_MAX", 40)
    monkeypatch.setattr(recorder_module, "TRACE_WAITING_BYTES_MAX", 100)
    for size in (40, 41, 10, 1):
        recorder.run_queued(str(size), "t", None, "s", "event", {}, bytes(size))
    await recorder.flush()
    recorder.run_queued("again", "t", None, "s", "event", {}, bytes(40))
    await recorder.flush()
    kept = [len(each.input or b"") for batch in store.batches for each in batch if isinstance(each, RunQueued)]
    assert (kept, recorder.dropped) == ([40, 0, 10, 0, 40], 0)


async def test_much_at_once_is_pruned_at_once(
    recorder: TraceRecorder, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "PRUNE_EVERY_BYTES", 100)
    await recorder.start()
    recorder.log("info", "x" * 60)
    await clock.advance(0.1)
    assert store.pruned == []
    recorder.log("info", "x" * 60)
    await clock.advance(0.1)
    assert [bounds[4] for bounds in store.pruned] == [TRACES_BYTES_MAX]
