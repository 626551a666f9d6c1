"""Recorder that gathers trace records in memory and hands them to the store and other sinks in batches.

Payloads become text where they are recorded. A thread that did so for a whole batch would hold the interpreter's lock
for milliseconds, again and again, and every request beside it would wait. A batch goes out every `FLUSH_S` seconds, and
before anything is read, so readers see all that has happened. When the disk does not keep up the oldest records are
dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import Final, NamedTuple, Protocol

from polystep.contracts.errors import PolystepError
from polystep.contracts.limits import (
    LOG_LINE_CHARS_MAX,
    LOGS_KEPT_MAX,
    OPERATIONS_PER_ATTEMPT_MAX,
    RUN_INPUT_BYTES_MAX,
    RUNS_PER_TRACE_MAX,
    TRACE_BYTES_PER_ATTEMPT_MAX,
    TRACE_RECORDS_MAX,
    TRACE_VALUE_BYTES_MAX,
    TRACE_WAITING_BYTES_MAX,
    TRACES_BYTES_MAX,
    TRACES_KEPT_MAX,
)
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.stores import TraceStore
from polystep.contracts.ports.trace import TraceSink
from polystep.contracts.trace import (
    AttemptEnded,
    AttemptStarted,
    LogLine,
    RunQueued,
    RunReplayed,
    SpanEnded,
    TraceRecord,
)
from polystep.contracts.values import JSONObject, JSONValue
from polystep.trace.preview import Preview
from polystep.trace.requests import RequestInputs
from polystep.trace.sinks import SinkQueue

FLUSH_S: Final = 0.1
BATCH_MAX: Final = 5000
PRUNE_EVERY_S: Final = 5.0
"""A host at 6,000 requests/s makes 30,000 traces in this time, so at most twice the traces to keep are stored."""
PRUNE_EVERY_BYTES: Final = 64 * 1024 * 1024
"""A step that logs as fast as it can writes this in a second; the next regular prune would come too late."""
KEPT_DAYS: Final = 7

_log = logging.getLogger("polystep.trace")

_new: Final = tuple.__new__
"""Make a record without the Python function that a named tuple has for it: half the time, three times a request."""


class KeptLine(NamedTuple):
    """Log line, redacted and cut."""

    message: str
    fields: str | None
    """JSON."""


class AttemptShare:
    """Counts of the records of one attempt: those kept, and those left out."""

    __slots__ = ("bytes", "left_out", "spans")

    def __init__(self) -> None:
        self.spans = 0
        self.bytes = 0
        self.left_out = 0


class TracedAttempt(Protocol):
    """Attempt whose spans are recorded."""

    @property
    def run_id(self) -> str:
        """Run that it belongs to."""
        ...

    @property
    def trace_id(self) -> str:
        """Trace that the run belongs to."""
        ...

    @property
    def number(self) -> int:
        """Number of the attempt, from 1."""
        ...

    @property
    def share(self) -> AttemptShare:
        """Counts of its records."""
        ...


class TraceRecorder:
    """Recorder of runs, attempts, spans and log lines. Never blocks, never raises."""

    def __init__(self, store: TraceStore, clock: Clock, preview: Preview, bytes_max: int = TRACES_BYTES_MAX) -> None:
        self._store = store
        self._clock = clock
        self._preview = preview
        self.requests = RequestInputs(preview)
        """Packs the `data` of runs of requests."""
        self.now_s = clock.monotonic_s
        """Read the clock that times context calls."""
        self._records: deque[TraceRecord] = deque(maxlen=TRACE_RECORDS_MAX)
        self._sinks: dict[str, SinkQueue] = {}
        self._last_span = random.getrandbits(63) | 1 << 63
        """Last id of a span, counted from a random number: two starts of the host do not use the same ids."""
        self._epoch_ms = 0.0
        """Unix time when the monotonic clock was 0."""
        self._compare_clocks()
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._bytes_max = bytes_max
        self._bytes_waiting = 0
        """Size of the spans and log lines that wait."""
        self._bytes_written = 0
        """Size of those written since the last prune."""
        self.dropped = 0
        """Records lost because the disk did not keep up."""

    async def start(self) -> None:
        """Begin writing batches."""
        if self._task is None:
            self._task = asyncio.create_task(self._write_batches(), name="trace batches")

    async def stop(self) -> None:
        """Write what is left."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.flush()
        for name in list(self._sinks):
            await self.remove_sink(name)

    def add_sink(self, name: str, sink: TraceSink) -> None:
        """Hand every later record to one more sink; its name must be free.

        A sink that is slow or fails loses records of its own, never the store's (`SinkQueue`).
        """
        if name in self._sinks:
            raise ValueError(f"There is a sink {name} already.")
        self._sinks[name] = queue = SinkQueue(name, sink)
        queue.start()

    async def remove_sink(self, name: str) -> None:
        """Hand nothing more to a sink; drop the records that it does not take within a moment."""
        queue = self._sinks.pop(name, None)
        if queue is not None:
            await queue.stop(self._clock)

    def run_queued(
        self,
        run_id: str,
        trace_id: str,
        parent_run_id: str | None,
        step: str,
        type_: str,
        trigger: JSONObject,
        data: bytes | None = None,
        shown: str | None = None,
    ) -> None:
        """Record a run that exists from now on.

        Args:
            run_id: Its id.
            trace_id: Of its trace.
            parent_run_id: Run that emitted the event.
            step: Its step.
            type_: Of the step.
            trigger: What started the run, under a `kind`; kept as a preview.
            shown: Preview of the trigger, where it is known already.
            data: Packed data of its delivery, or its request, to be kept whole if its size and the disk allow it.
        """
        kept = shown if shown is not None else self._preview.encode(trigger)
        if data is not None:
            waiting = self._bytes_waiting + len(data)
            # Half of the room is for what a trace cannot do without: operations and lines.
            if len(data) > RUN_INPUT_BYTES_MAX or waiting > TRACE_WAITING_BYTES_MAX // 2:
                data = None
            else:
                self._bytes_waiting = waiting
        queued_ms = self._clock.now_ms()
        self._add(_new(RunQueued, (run_id, trace_id, parent_run_id, step, type_, kept, queued_ms, data)))

    def run_replayed(self, trace_id: str, of_trace_id: str, of_run_id: str, step: str, *, edited: bool) -> None:
        """Record that a trace began as the replay of a run; of a dead letter, that its run goes on in its trace."""
        self._add(RunReplayed(trace_id, of_trace_id, of_run_id, step, edited, self._clock.now_ms()))

    def attempt_started(self, run_id: str, trace_id: str, attempt: int) -> None:
        """Record that a handler is about to be called."""
        self._add(_new(AttemptStarted, (run_id, trace_id, attempt, self._clock.now_ms())))

    def attempt_ended(
        self,
        run_id: str,
        trace_id: str,
        attempt: int,
        *,
        duration_ms: float,
        status: str,
        run_status: str,
        error: JSONObject | None = None,
        result: JSONValue = None,
    ) -> None:
        """Record that a handler returned or failed; `run_status` is `waiting` when another attempt follows."""
        ended_ms = self._clock.now_ms()
        failure = None if error is None else self._preview.encode(error)
        kept = None if result is None else self._preview.encode(result)
        ended = (run_id, trace_id, attempt, ended_ms, duration_ms, status, run_status, failure, kept)
        self._add(_new(AttemptEnded, ended))

    def context_call(
        self, attempt: TracedAttempt, type_: str, data: JSONObject, began_s: float, error: BaseException | None = None
    ) -> None:
        """Record a context call that was answered now and came at `began_s` (`now_s`)."""
        duration_s = self._clock.monotonic_s() - began_s
        if error is not None:
            name = error.name if isinstance(error, PolystepError) else type(error).__name__
            data = {**data, "error": f"{name}: {error}"}
        self.span(attempt, type_, data, self._epoch_ms + began_s * 1000, duration_s * 1000)

    def span(
        self,
        attempt: TracedAttempt,
        type_: str,
        data: JSONObject,
        started_ms: float | None,
        duration_ms: float,
        bytes_max: int = TRACE_VALUE_BYTES_MAX,
    ) -> None:
        """Record a span of an attempt; spans over the bounds of an attempt are counted, not stored.

        Members of `data` are cut to `bytes_max`.
        """
        share = attempt.share
        share.spans += 1
        if share.spans > OPERATIONS_PER_ATTEMPT_MAX:
            share.left_out += 1
            return
        kept = self._preview.encode(data, bytes_max)
        if not self._has_room(len(kept), share):
            return
        if started_ms is None:
            started_ms = self._clock.now_ms() - duration_ms
        self._last_span += 1
        ids = attempt.run_id, attempt.trace_id, attempt.number, f"{self._last_span:x}"
        self._add(_new(SpanEnded, (*ids, type_, started_ms, duration_ms, kept)))

    def log(
        self,
        level: str,
        message: str,
        *,
        fields: JSONObject | None = None,
        step: str | None = None,
        trace_id: str | None = None,
        run_id: str | None = None,
        source: str = "logger",
        time_ms: int | None = None,
        share: AttemptShare | None = None,
    ) -> KeptLine:
        """Record a log line unless the `share` of its attempt is used up; return the kept line, to show it."""
        kept = self._preview.text(message)[:LOG_LINE_CHARS_MAX]
        at_ms = self._clock.now_ms() if time_ms is None else time_ms
        shown = self._preview.encode(fields) if fields else None
        if self._has_room(len(kept) + (0 if shown is None else len(shown)), share):
            self._add(_new(LogLine, (at_ms, level, kept, shown, step, trace_id, run_id, source)))
        return KeptLine(kept, shown)

    def redacted(self, fields: JSONObject) -> JSONObject:
        """Copy fields without secrets, for places that must show no more than the traces."""
        return self._preview.redacted(fields)

    async def flush(self) -> None:
        """Write everything recorded before this call."""
        async with self._flushing:
            self._compare_clocks()
            size, self._bytes_waiting = self._bytes_waiting, 0
            self._bytes_written += size
            left = len(self._records)
            while left > 0:
                count = min(left, len(self._records), BATCH_MAX)
                left -= count
                batch = [self._records.popleft() for _ in range(count)]
                for sink in self._sinks.values():
                    sink.put(batch, size)
                size = 0  # counted with the first batch
                try:
                    await self._store.write(batch)
                except PolystepError as error:
                    self.dropped += count
                    _log.warning("%d trace records could not be stored: %s", count, error.message)
                    return

    async def _write_batches(self) -> None:
        pruned_s = self._clock.monotonic_s()
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()
            is_due = self._clock.monotonic_s() - pruned_s >= PRUNE_EVERY_S
            if is_due or self._bytes_written >= PRUNE_EVERY_BYTES:
                self._bytes_written = 0
                pruned_s = self._clock.monotonic_s()
                await self._prune()

    async def _prune(self) -> None:
        oldest_ms = self._clock.now_ms() - KEPT_DAYS * 86_400_000
        try:
            bounds = (TRACES_KEPT_MAX, RUNS_PER_TRACE_MAX, LOGS_KEPT_MAX, oldest_ms, self._bytes_max)
            while await self._store.prune(*bounds):
                await self.flush()
        except PolystepError as error:
            _log.warning("Old traces could not be removed, trying again later: %s", error.message)

    def _compare_clocks(self) -> None:
        """Find the Unix time of the monotonic clock's zero, so that one reading gives start and duration.

        `now_ms` is cut to whole milliseconds, so the largest of several differences is the closest to the true one.
        """
        epoch_ms = self._clock.now_ms() - self._clock.monotonic_s() * 1000
        if not 0 <= self._epoch_ms - epoch_ms < 1:
            self._epoch_ms = epoch_ms

    def _has_room(self, size: int, share: AttemptShare | None) -> bool:
        """Count a record of so many characters; report whether its attempt and the disk leave room for it.

        The ends of runs always have room.
        """
        if share is not None:
            share.bytes += size
            if share.bytes > TRACE_BYTES_PER_ATTEMPT_MAX:
                share.left_out += 1
                return False
        if self._bytes_waiting + size > TRACE_WAITING_BYTES_MAX:
            self.dropped += 1
            return False
        self._bytes_waiting += size
        return True

    def _add(self, record: TraceRecord) -> None:
        if len(self._records) == TRACE_RECORDS_MAX:
            self.dropped += 1
        self._records.append(record)
