"""Gathers trace records in memory and writes them in batches.

Payloads become text where they are recorded. A thread that did so for a whole batch would hold the interpreter's lock
for milliseconds, again and again, and every request beside it would wait. A batch goes out every `FLUSH_S` seconds, and
before anything is read, so readers see all that has happened. When the disk does not keep up the oldest records are
dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final, NamedTuple

from polystep.contracts.errors import PolystepError
from polystep.contracts.limits import (
    LOG_LINE_CHARS_MAX,
    LOGS_KEPT_MAX,
    OPERATIONS_PER_ATTEMPT_MAX,
    RUNS_PER_TRACE_MAX,
    TRACE_BYTES_PER_ATTEMPT_MAX,
    TRACE_RECORDS_MAX,
    TRACE_WAITING_BYTES_MAX,
    TRACES_BYTES_MAX,
    TRACES_KEPT_MAX,
)
from polystep.contracts.ports import Clock, TraceStore
from polystep.contracts.values import JSONObject, JSONValue
from polystep.trace.preview import Preview

FLUSH_S: Final = 0.1
BATCH_MAX: Final = 5000
PRUNE_EVERY_S: Final = 5.0
"""A host at 6,000 requests/s makes 30,000 traces meanwhile: what is stored stays within twice what is kept."""
PRUNE_EVERY_BYTES: Final = 64 * 1024 * 1024
"""A step that logs as fast as it can writes this in a second, and must not wait for the next regular prune."""
KEPT_DAYS: Final = 7

_log = logging.getLogger("polystep.trace")


class KeptLine(NamedTuple):
    """A log line, redacted and cut."""

    message: str
    fields: str | None
    """JSON."""


class RunShare:
    """What the trace holds of one attempt, and how many records it was refused."""

    __slots__ = ("bytes", "left_out", "operations")

    def __init__(self) -> None:
        self.operations = 0
        self.bytes = 0
        self.left_out = 0

    def takes(self, size: int) -> bool:
        """Count a record of `size` characters; whether it fits."""
        self.bytes += size
        if self.bytes <= TRACE_BYTES_PER_ATTEMPT_MAX:
            return True
        self.left_out += 1
        return False


class TraceRecorder:
    """Records runs, attempts, operations and logs. Never blocks, never raises."""

    def __init__(self, store: TraceStore, clock: Clock, preview: Preview, bytes_max: int = TRACES_BYTES_MAX) -> None:
        self._store = store
        self._clock = clock
        self._preview = preview
        self._records: deque[tuple[object, ...]] = deque(maxlen=TRACE_RECORDS_MAX)
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._bytes_max = bytes_max
        self._bytes_waiting = 0
        """Of operations and log lines."""
        self._bytes_written = 0
        """Since the last prune."""
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

    def run_queued(
        self,
        run_id: str,
        trace_id: str,
        parent_run_id: str | None,
        step: str,
        type_: str,
        trigger: JSONObject,
    ) -> None:
        """A run exists from now on; `trigger` says what started it, under a `kind`."""
        kept = self._preview.encode(trigger)
        self._add(("run", run_id, trace_id, parent_run_id, step, type_, kept, self._clock.now_ms()))

    def attempt_started(self, run_id: str, trace_id: str, attempt: int) -> None:
        """A handler is about to be called."""
        self._add(("attempt", run_id, trace_id, attempt, self._clock.now_ms()))

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
        """A handler returned or failed; `run_status` is `waiting` when another attempt follows."""
        ended_ms = self._clock.now_ms()
        failure = None if error is None else self._preview.encode(error)
        kept = None if result is None else self._preview.encode(result)
        self._add(("end", run_id, trace_id, attempt, ended_ms, duration_ms, status, run_status, failure, kept))

    def operation(self, run_id: str, attempt: int, share: RunShare, type_: str, data: JSONObject) -> None:
        """One effect of a run; those over the bounds of an attempt are counted, not stored."""
        share.operations += 1
        if share.operations > OPERATIONS_PER_ATTEMPT_MAX:
            share.left_out += 1
            return
        kept = self._preview.encode(data)
        if share.takes(len(kept)) and self._has_room(len(kept)):
            self._add(("operation", run_id, attempt, self._clock.now_ms(), type_, kept))

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
        share: RunShare | None = None,
    ) -> KeptLine:
        """Store a log line, unless its run's `share` is used up; returns what is kept of it, for showing it."""
        kept = self._preview.text(message)[:LOG_LINE_CHARS_MAX]
        at_ms = self._clock.now_ms() if time_ms is None else time_ms
        shown = self._preview.encode(fields) if fields else None
        size = len(kept) + (0 if shown is None else len(shown))
        if (share is None or share.takes(size)) and self._has_room(size):
            self._add(("log", at_ms, level, kept, shown, step, trace_id, run_id, source))
        return KeptLine(kept, shown)

    def redacted(self, fields: JSONObject) -> JSONObject:
        """The same fields without secrets: what is shown or kept elsewhere must say no more than the traces."""
        return self._preview.redacted(fields)

    async def flush(self) -> None:
        """Write everything recorded before this call."""
        async with self._flushing:
            self._bytes_written += self._bytes_waiting
            self._bytes_waiting = 0
            left = len(self._records)
            while left > 0:
                count = min(left, len(self._records), BATCH_MAX)
                left -= count
                batch = [self._records.popleft() for _ in range(count)]
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

    def _has_room(self, size: int) -> bool:
        """Report whether so many characters may wait for the disk; the ends of runs always may."""
        if self._bytes_waiting + size > TRACE_WAITING_BYTES_MAX:
            self.dropped += 1
            return False
        self._bytes_waiting += size
        return True

    def _add(self, record: tuple[object, ...]) -> None:
        if len(self._records) == TRACE_RECORDS_MAX:
            self.dropped += 1
        self._records.append(record)
