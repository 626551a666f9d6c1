"""Live feed: small notices of what has changed, at most ten a second for each subject.

A notice names things, it does not hold them: whoever wants to know more asks for it. The feed is a sink of the trace
recorder, off the path of an event, and is joined to it only while somebody subscribes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, Protocol

import orjson

from polystep.contracts.clock import wait_at_most
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.live import LiveClient
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
from polystep.contracts.values import JSONObject
from polystep.operations.event_rates import EventRates
from polystep.operations.line_filter import LineFilter

NOTICE_S: Final = 0.1
"""Between two notices of one subject."""
CHANGES_MAX: Final = 50
"""In one notice; `more` says that there were others."""

SUBJECTS: Final = (
    "overview",
    "traces",
    "logs",
    "queues",
    "dead-letters",
    "cron",
    "asks",
    "state",
    "streams",
    "steps",
    "flows",
)
"""Subjects that stand alone. `state`, `streams` and `queues` follow all groups, streams and steps; `flows` counts
events while somebody follows it."""
SUBJECTS_OF: Final = ("trace", "state", "stream")
"""Subjects of one thing: `trace:ID`, `state:GROUP`, `stream:NAME`. `logs:FILTER` is one of some lines."""

_NAMED_AS: Final = {"state": "group", "trace": "traceId"}
"""Members of a notice that name what a subject is about; others name a stream."""
_SINK: Final = "live feed"
_PARTS: Final[dict[type, str]] = {
    RunQueued: "run",
    AttemptStarted: "attempt",
    AttemptEnded: "attempt",
    SpanEnded: "operation",
    LogLine: "log",
}
_MOVES: Final[dict[type, str]] = {RunQueued: "queued", AttemptStarted: "started", AttemptEnded: "ended"}
"""Records that change the counts of a flow."""
_READ: Final = '"operation":"get'
"""As most calls look that write nothing."""
_WRITES: Final = ("set", "update", "delete", "clear", "send")


class Recorder(Protocol):
    """Trace recorder, as the feed uses it."""

    def add_sink(self, name: str, sink: TraceSink) -> None:
        """Hand later records to a sink."""
        ...

    async def remove_sink(self, name: str) -> None:
        """Hand nothing more to it."""
        ...


class Changes:
    """Changes of one subject since its last notice: each once, and bounded."""

    __slots__ = ("_found", "more")

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], dict[str, Any]] = {}
        self.more = False

    def add(self, key: tuple[object, ...], change: dict[str, Any]) -> None:
        """Take note of a change; a later one with the same key replaces it."""
        if key in self._found or len(self._found) < CHANGES_MAX:
            self._found[key] = change
        else:
            self.more = True

    def count(self, key: tuple[object, ...], change: dict[str, Any], count: int = 1) -> None:
        """Take note of a change that came so many times more."""
        known = self._found.get(key)
        if known is None:
            self.add(key, {**change, "count": count})
        else:
            known["count"] += count

    def listed(self) -> list[Any]:
        """Return the changes, oldest first."""
        return list(self._found.values())


class ProjectFeed:
    """Live feed of one project. Implements `LiveFeed`, and `TraceSink` while somebody subscribes."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        revision: Callable[[], int],
        steps_of: Callable[[str], Collection[str]] = lambda _: (),
    ) -> None:
        """Join nothing yet.

        Args:
            recorder: Gives the records.
            clock: Times the notices.
            revision: Grows with every reload.
            steps_of: Names the steps of a flow.
        """
        self._recorder = recorder
        self._clock = clock
        self._revision = revision
        self._seen_revision = revision()
        self._steps_of = steps_of
        self._line_filters: dict[str, LineFilter] = {}
        """By subject; of those that somebody follows."""
        self._clients: dict[str, dict[LiveClient, None]] = {}
        """By subject."""
        self._behind: dict[LiveClient, set[str]] = {}
        """Subjects of which a client has missed a notice."""
        self._pending: dict[str, Changes] = {}
        self._stirred = asyncio.Event()
        """There is something to notify of."""
        self._task: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()
        self._wants_writes = False
        self._wants_parts = False
        self.rates = EventRates(clock)
        """Counted while somebody follows `flows`."""
        self.epoch = secrets.token_hex(8)
        self.seq = 0

    def knows(self, subject: str) -> bool:
        """Report whether it is one of `SUBJECTS`, of `SUBJECTS_OF`, or log lines by a filter."""
        kind, colon, name = subject.partition(":")
        if colon and kind == "logs":
            return LineFilter.read(name, self._steps_of) is not None
        return subject in SUBJECTS if not colon else kind in SUBJECTS_OF and name != ""

    async def subscribe(self, client: LiveClient, subject: str) -> None:
        """Notify a client from now on; the first one joins the feed to the recorder."""
        self._clients.setdefault(subject, {})[client] = None
        if subject.startswith("logs:") and (found := LineFilter.read(subject[5:], self._steps_of)) is not None:
            self._line_filters[subject] = found
        await self._switch()

    async def unsubscribe(self, client: LiveClient, subject: str) -> None:
        """Notify it of this subject no more."""
        self._drop(client, subject)
        await self._switch()

    async def forget(self, client: LiveClient) -> None:
        """Notify it of nothing any more."""
        for subject in list(self._clients):
            self._drop(client, subject)
        self._behind.pop(client, None)
        await self._switch()

    def changed(self, subject: str, change: JSONObject) -> None:
        """Take note of a change that no trace record names."""
        kind, _, name = subject.partition(":")
        named = {**change, _NAMED_AS.get(kind, "stream"): name} if name else change
        every = {"stream": "streams", "queues": "flows", "dead-letters": "flows"}.get(kind, kind)
        for each in dict.fromkeys((subject, every)):
            if each in self._clients:
                self._changes(each).add(tuple(named.items()), dict(named))

    async def write(self, records: Sequence[TraceRecord]) -> None:
        """Take note of what a batch of records changes, as far as somebody subscribes to it."""
        # By kind first: most records concern nobody, and a busy host makes fifty thousand a second.
        kinds: dict[type, list[Any]] = {}
        for record in records:
            kind = type(record)
            if kind in kinds:
                kinds[kind].append(record)
            else:
                kinds[kind] = [record]
        self._runs_queued(kinds.get(RunQueued, []))
        self._lines(kinds.get(LogLine, []))
        self._attempts_ended(kinds.get(AttemptEnded, []))
        self._runs_replayed(kinds.get(RunReplayed, []))
        self._moved(kinds)
        if self._wants_writes:
            for span in kinds.get(SpanEnded, []):
                if span.type in ("state", "stream") and _READ not in span.data:
                    self._written(span)
        if self._wants_parts:
            for kind, what in _PARTS.items():
                for record in kinds.get(kind, []):
                    if (changes := self._wanted(f"trace:{record.trace_id}")) is not None:
                        changes.count((record.run_id, what), {"runId": record.run_id, "what": what})

    def notify(self) -> None:
        """Send a notice of each subject that has changed since the last one."""
        revision = self._revision()
        if revision != self._seen_revision:
            self._seen_revision = revision
            self.changed("steps", {"revision": revision})
        self._send_resyncs()
        pending, self._pending = self._pending, {}
        for subject, changes in pending.items():
            if not (listed := changes.listed()):
                continue  # a batch was looked through, and had nothing of it
            self.seq += 1
            notice: JSONObject = {
                "epoch": self.epoch, "seq": self.seq, "subject": subject, "changes": listed,
                **({"more": True} if changes.more else {}),
            }  # fmt: skip
            for client in self._clients.get(subject, ()):
                if subject not in self._behind.get(client, ()) and not client.notify(notice):
                    self._behind.setdefault(client, set()).add(subject)

    async def stop(self) -> None:
        """Notify nobody any more."""
        self._clients.clear()
        self._line_filters.clear()
        self._behind.clear()
        await self._switch()

    def _send_resyncs(self) -> None:
        """Tell clients that can take notices again what they have missed."""
        for client, subjects in list(self._behind.items()):
            for subject in sorted(subjects):
                self.seq += 1
                if not client.notify({"epoch": self.epoch, "seq": self.seq, "subject": subject, "resync": True}):
                    break
                subjects.discard(subject)
            if not subjects:
                del self._behind[client]

    def _runs_queued(self, records: Sequence[RunQueued]) -> None:
        if not records:
            return
        roots = (record for record in records if record.parent_run_id is None)
        self._note_traces((each.trace_id, {"name": each.step, "type": each.type}) for each in roots)
        self._count("queues", "step", (record.step for record in records if record.type != "api"))
        self._count("overview", "what", repeat("queued", len(records)))
        if (changes := self._wanted("cron")) is not None:
            for record in records:
                if record.type == "cron":
                    changes.add((record.step,), {"step": record.step, "traceId": record.trace_id})

    def _lines(self, records: Sequence[LogLine]) -> None:
        if records and (changes := self._wanted("logs")) is not None:
            for (level, step), count in Counter((record.level, record.step) for record in records).items():
                changes.count((level, step), {"level": level, "step": step}, count)
        for subject, wanted in self._line_filters.items() if records else ():
            count = sum(map(wanted.lets_through, records))
            if count:
                self._changes(subject).count((), {}, count)

    def _attempts_ended(self, records: Sequence[AttemptEnded]) -> None:
        if not records:
            return
        self._note_traces((each.trace_id, {"runStatus": each.run_status}) for each in records)
        self._count("queues", "runStatus", (record.run_status for record in records))
        failed = [record for record in records if record.run_status == "failed"]
        self._count("overview", "what", repeat("failed", len(failed)))
        self._count("overview", "what", repeat("ended", len(records) - len(failed)))
        if failed and (changes := self._wanted("dead-letters")) is not None:
            for record in failed:
                changes.add((record.run_id,), {"runId": record.run_id, "traceId": record.trace_id})

    def _runs_replayed(self, records: Sequence[RunReplayed]) -> None:
        if not records:
            return
        self._note_traces((each.of_trace_id, {"replays": True}) for each in records)
        for record in records:
            for trace_id in (record.trace_id, record.of_trace_id):
                if (changes := self._wanted(f"trace:{trace_id}")) is not None:
                    changes.count((record.of_run_id, "replay"), {"runId": record.of_run_id, "what": "replay"})

    def _moved(self, kinds: Mapping[type, Sequence[Any]]) -> None:
        """Take note of what changes the counts of a flow."""
        if (changes := self._wanted("flows")) is None:
            return
        self.rates.count(kinds.get(RunQueued, ()))
        for kind, what in _MOVES.items():
            if count := len(kinds.get(kind, ())):
                changes.count((what,), {"what": what}, count)

    def _note_traces(self, found: Iterable[tuple[str, dict[str, Any]]]) -> None:
        if (changes := self._wanted("traces")) is None:
            return
        for trace_id, change in found:
            if changes.more:
                return  # the notice is full, and says so
            changes.add((trace_id,), {"traceId": trace_id, **change})

    def _count(self, subject: str, member: str, values: Iterable[str]) -> None:
        if (changes := self._wanted(subject)) is not None:
            for value, count in Counter(values).items():
                changes.count((member, value), {member: value}, count)

    def _written(self, record: SpanEnded) -> None:
        data = orjson.loads(record.data)
        if data.get("operation") not in _WRITES:
            return
        if record.type == "state":
            self.changed(f"state:{data.get('group')}", {"key": data.get("key")})
        else:
            self.changed(f"stream:{data.get('stream')}", {"group": data.get("group"), "id": data.get("id")})

    def _wanted(self, subject: str) -> Changes | None:
        return self._changes(subject) if subject in self._clients else None

    def _changes(self, subject: str) -> Changes:
        found = self._pending.get(subject)
        if found is None:
            found = self._pending[subject] = Changes()
            self._stirred.set()
        return found

    def _drop(self, client: LiveClient, subject: str) -> None:
        clients = self._clients.get(subject)
        if clients is None:
            return
        clients.pop(client, None)
        self._behind.get(client, set()).discard(subject)
        if not clients:
            del self._clients[subject]
            self._line_filters.pop(subject, None)
            self._pending.pop(subject, None)

    async def _switch(self) -> None:
        """Join the feed to the recorder while somebody subscribes, and only then."""
        async with self._switching:
            kinds = {subject.partition(":")[0] for subject in self._clients}
            self._wants_writes = not kinds.isdisjoint({"state", "stream", "streams"})
            self._wants_parts = "trace" in kinds
            if "flows" in kinds:
                self.rates.begin()
            else:
                self.rates.end()
            if self._clients and self._task is None:
                self._seen_revision = self._revision()
                self._recorder.add_sink(_SINK, self)
                self._task = asyncio.create_task(self._run(), name="live feed")
            elif not self._clients and self._task is not None:
                task, self._task = self._task, None
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await self._recorder.remove_sink(_SINK)

    async def _run(self) -> None:
        while True:
            # What comes after a rest is told at once; reloads, and clients that are behind, are looked for by the way.
            await wait_at_most(self._stirred, NOTICE_S, self._clock)
            is_stirred = self._stirred.is_set()
            self._stirred.clear()
            self.notify()
            if is_stirred:
                await self._clock.sleep(NOTICE_S)
