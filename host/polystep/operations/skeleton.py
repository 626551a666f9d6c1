"""Skeleton of a trace: its rows in depth-first order, as columns of numbers.

A run has its children in the order in which they began: attempts where there is more to say than of one, what they did,
and behind what was done in the same millisecond the runs that it caused. Rows without rows below them are moved as
slices of columns, since there may be a hundred thousand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

import orjson

from polystep.contracts.limits import SKELETON_BYTES_MAX
from polystep.contracts.trace_parts import NAME_SEPARATOR, AttemptPart, Leaves, RunPart, TraceParts

ATTEMPT, SPAN, LINE, RUN = range(4)
"""Sorts of rows; of rows that began at the same moment the lower comes first."""
_OPEN_LENGTH: Final = -1
"""Length of what goes on."""
_RUN_BEHIND_US: Final = 999
"""Runs stand behind all that was done in the millisecond in which they were queued."""
_NAMES_MAX: Final = 2000
"""Names with a place; where places differ from row to row, they go to the texts."""
_HEAD_BYTES: Final = 16 * 1024
"""Left for what is not columns."""
_NO_LEAVES: Final = Leaves([], [], [], [], [], [], [], [])


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Columns as JSON text, and the words that their numbers stand for."""

    rows: int
    run_ids: list[str]
    """Of the rows of runs, in order."""
    kinds: list[str]
    statuses: list[str]
    names: list[list[str]]
    whole: list[int]
    """Rows of runs that are whole here."""
    waits: list[list[int]]
    columns: dict[str, bytes]
    texts_left_out: int


def skeleton_of(parts: TraceParts, zero_ms: int, whole: bool) -> Skeleton:
    """Lay out the parts of a trace; of those behind a cursor, what is new and the runs above it."""
    runs = parts.runs if whole else _news(parts)
    columns = _Columns()
    _Layout(runs, parts, zero_ms, columns).lay_out()
    return _encoded(columns, {run.position: run for run in runs}, whole)


def _news(parts: TraceParts) -> list[RunPart]:
    """Return the runs that have changed or have something new, with all above them."""
    runs = {run.run_id: run for run in parts.runs}
    wanted = {run.run_id for run in parts.runs if run.changed} | parts.spans.keys() | parts.lines.keys()
    above = list(wanted)
    while above:
        run = runs.get(above.pop())
        parent = run.parent_run_id if run is not None else None
        if parent is not None and parent in runs and parent not in wanted:
            wanted.add(parent)
            above.append(parent)
    return [run for run in parts.runs if run.run_id in wanted]


class _Words(dict[str, int]):
    """Numbers of words, in the order they came."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


class _Head(NamedTuple):
    """Run or attempt, in the order of siblings by its first three members."""

    order: int
    sort: int
    key: int
    start: int
    length: int
    kind: str
    status: str
    name: str
    text: str
    wait: int


@dataclass(slots=True)
class _Scope:
    """Operations and log lines that stand below one row, in order."""

    starts: list[int] = field(default_factory=list)
    sorts: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)


class _Columns:
    """Rows so far, as columns with whole numbers and indexes of words."""

    def __init__(self) -> None:
        self.back: list[int] = []
        self.size: list[int] = []
        self.start: list[int] = []
        self.length: list[int] = []
        self.kind: list[int] = []
        self.status: list[int] = []
        self.name: list[int] = []
        self.sort: list[int] = []
        self.key: list[int] = []
        self.text: list[str] = []
        self.waits: list[list[int]] = []
        self.kinds, self.statuses, self.names = _Words(), _Words(), _Words()

    def add(self, head: _Head, parent: int) -> int:
        """Add a row; return its number."""
        at = len(self.back)
        self.back.append(at - parent if parent >= 0 else 0)
        self.size.append(1)
        self.start.append(head.start)
        self.length.append(head.length)
        self.kind.append(self.kinds[head.kind])
        self.status.append(self.statuses[head.status])
        self.name.append(self.names[head.name])
        self.sort.append(head.sort)
        self.key.append(head.key)
        self.text.append(head.text)
        if head.wait:
            self.waits.append([at, head.wait])
        return at

    def extend(self, scope: _Scope, first: int, end: int, parent: int) -> None:
        """Add rows of a scope."""
        at, some = len(self.back), slice(first, end)
        self.back.extend(range(at - parent, at - parent + end - first))
        self.size += [1] * (end - first)
        self.start += scope.starts[some]
        self.length += scope.lengths[some]
        self.kind += map(self.kinds.__getitem__, scope.kinds[some])
        completed, failed = self.statuses["completed"], self.statuses["failed"]
        self.status += [failed if each else completed for each in scope.failed[some]]
        self.sort += scope.sorts[some]
        self.key += scope.keys[some]
        names, texts = scope.names[some], scope.texts[some]
        if len(self.names) >= _NAMES_MAX:
            self._join_places(names, texts)
        self.name += map(self.names.__getitem__, names)
        self.text += texts

    def _join_places(self, names: list[str], texts: list[str]) -> None:
        for at, name in enumerate(names):
            if name not in self.names:
                names[at], _, place = name.partition(NAME_SEPARATOR)
                texts[at] = " / ".join(part for part in (place, texts[at]) if part)


class _Layout:
    """Order of the rows."""

    def __init__(self, runs: Sequence[RunPart], parts: TraceParts, zero_ms: int, columns: _Columns) -> None:
        self._zero_ms = zero_ms
        self._columns = columns
        self._parts = parts
        self._attempts: dict[str, list[AttemptPart]] = {}
        for attempt in parts.attempts:
            self._attempts.setdefault(attempt.run_id, []).append(attempt)
        known = {run.run_id for run in runs}
        self._runs = {run.position: run for run in runs}
        self._caused: dict[str | None, list[_Head]] = {}
        for run in runs:
            parent = run.parent_run_id if run.parent_run_id in known else None
            self._caused.setdefault(parent, []).append(self._head(run))

    def lay_out(self) -> None:
        """Add all rows to the columns."""
        columns = self._columns
        # A stack of iterators instead of recursion: an event that leads to itself makes a chain as long as its bound.
        stack = [(-1, iter(sorted(self._caused.get(None, []))))]
        while stack:
            row, heads = stack[-1]
            head = next(heads, None)
            if head is None:
                stack.pop()
                if row >= 0:
                    columns.size[row] = len(columns.back) - row
                continue
            at = columns.add(head, row)
            stack.append((at, self._below(at, self._runs[head.key])))

    def _below(self, row: int, run: RunPart) -> Iterator[_Head]:
        """Add what is below a run, up to each run that it caused, which is then given."""
        attempts = self._attempts.get(run.run_id, [])
        # One attempt says no more than its run, unless another one follows.
        is_folded = len(attempts) <= 1 and not (attempts and run.status == "waiting")
        spans, lines = self._parts.spans.get(run.run_id, _NO_LEAVES), self._parts.lines.get(run.run_id, _NO_LEAVES)
        caused = sorted(self._caused.get(run.run_id, ()))
        if not is_folded:
            yield from self._tries(row, run, attempts, spans, lines, caused)
            return
        scope, first = _merged(spans, lines), 0
        for head in caused:
            end = bisect_right(scope.starts, head.order)
            self._columns.extend(scope, first, end, row)
            first = end
            yield head
        self._columns.extend(scope, first, len(scope.starts), row)

    def _tries(
        self,
        row: int,
        run: RunPart,
        attempts: Sequence[AttemptPart],
        spans: Leaves,
        lines: Leaves,
        caused: Iterable[_Head],
    ) -> Iterator[_Head]:
        of_attempts = _by_attempt(attempts, spans, lines, self._zero_ms)
        heads: list[_Head] = []
        before_ms = run.queued_ms
        for attempt in attempts:
            start = (attempt.started_ms - self._zero_ms) * 1000
            length = _OPEN_LENGTH if attempt.status == "running" else 0
            if attempt.ended_ms is not None:
                # The duration is finer than the two moments.
                length = max(
                    0, (attempt.ended_ms - attempt.started_ms) * 1000, round((attempt.duration_ms or 0) * 1000)
                )
            wait = max(0, (attempt.started_ms - before_ms) * 1000)
            before_ms = attempt.ended_ms or attempt.started_ms
            number, name = attempt.attempt, f"Attempt {attempt.attempt}"
            heads.append(
                _Head(
                    start,
                    ATTEMPT,
                    number,
                    start,
                    length,
                    "attempt",
                    attempt.status,
                    name,
                    _first_line(attempt.text),
                    wait,
                )
            )
        for head in sorted([*heads, *caused]):
            if head.sort == RUN:
                yield head
                continue
            at, scope = self._columns.add(head, row), of_attempts[head.key]
            self._columns.extend(scope, 0, len(scope.starts), at)
            self._columns.size[at] += len(scope.starts)

    def _head(self, run: RunPart) -> _Head:
        start = (run.queued_ms - self._zero_ms) * 1000
        if run.ended_ms is not None:
            length = max(0, (run.ended_ms - run.queued_ms) * 1000)
        else:
            length = _OPEN_LENGTH if run.status in ("waiting", "running") else 0
        wait = 0 if run.started_ms is None else max(0, (run.started_ms - run.queued_ms) * 1000)
        kind, text = "http" if run.kind == "http" else "run", run.text or run.kind
        return _Head(start + _RUN_BEHIND_US, RUN, run.position, start, length, kind, run.status, run.step, text, wait)


def _merged(spans: Leaves, lines: Leaves) -> _Scope:
    """Join operations and log lines in the order they began."""
    count, more = len(spans.ids), len(lines.ids)
    sorts = [SPAN] * count + [LINE] * more
    texts = (
        lines.texts if not any("\n" in text for text in lines.texts) else [_first_line(each) for each in lines.texts]
    )
    scope = _Scope(
        spans.starts + lines.starts,
        sorts,
        spans.ids + lines.ids,
        spans.lengths + lines.lengths,
        spans.kinds + lines.kinds,
        spans.names + lines.names,
        spans.texts + texts,
        spans.failed + lines.failed,
    )
    # Lines came in the order of their ids, not always of their times.
    if more == 0 or (count == 0 and all(a <= b for a, b in pairwise(lines.starts))):
        return scope
    return _picked(
        scope, sorted(range(count + more), key=list(zip(scope.starts, sorts, scope.keys, strict=True)).__getitem__)
    )


def _picked(scope: _Scope, rows: Sequence[int]) -> _Scope:
    columns: Iterator[list[Any]] = (getattr(scope, name) for name in _Scope.__slots__)
    return _Scope(*([column[row] for row in rows] for column in columns))


def _by_attempt(attempts: Sequence[AttemptPart], spans: Leaves, lines: Leaves, zero_ms: int) -> dict[int, _Scope]:
    """Give operations to the attempts that they name, and log lines to those that ran at their times."""
    numbers = [attempt.attempt for attempt in attempts]
    begins = [(attempt.started_ms - zero_ms) * 1000 for attempt in attempts]
    known = set(numbers)
    found: dict[int, tuple[list[int], list[int]]] = {number: ([], []) for number in numbers}
    for at, number in enumerate(spans.attempts):
        found[number if number in known else numbers[0]][0].append(at)
    for at, start in enumerate(lines.starts):
        found[numbers[max(0, bisect_right(begins, start) - 1)]][1].append(at)
    return {
        number: _merged(_chosen(spans, of_spans), _chosen(lines, of_lines))
        for number, (of_spans, of_lines) in found.items()
    }


def _chosen(leaves: Leaves, rows: Sequence[int]) -> Leaves:
    columns: Iterator[Any] = ([column[at] for at in rows] for column in leaves)
    return Leaves(*columns)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _encoded(columns: _Columns, runs: dict[int, RunPart], whole: bool) -> Skeleton:
    of_runs = [at for at, sort in enumerate(columns.sort) if sort == RUN]
    run_ids = [runs[columns.key[at]].run_id for at in of_runs]
    is_whole = [at for at in of_runs if whole or runs[columns.key[at]].changed]
    names = [name.split(NAME_SEPARATOR, 1) if NAME_SEPARATOR in name else [name, ""] for name in columns.names]
    keys, last = [], [0, 0, 0, 0]
    for sort, key in zip(columns.sort, columns.key, strict=True):
        # Differences stay short in a long trace.
        keys.append(key - last[sort] if sort != ATTEMPT else key)
        last[sort] = key
    encoded = {
        "parent": orjson.dumps(columns.back),
        "size": orjson.dumps(columns.size),
        "start": orjson.dumps([after - before for before, after in pairwise([0, *columns.start])]),
        "length": orjson.dumps(columns.length),
        "kind": orjson.dumps(columns.kind),
        "status": orjson.dumps(columns.status),
        "name": orjson.dumps(columns.name),
        "key": orjson.dumps(keys),
    }
    words = orjson.dumps([names, run_ids, is_whole, columns.waits])
    room = SKELETON_BYTES_MAX - _HEAD_BYTES - len(words) - sum(map(len, encoded.values()))
    encoded["text"], left_out = _texts(columns.text, room)
    return Skeleton(
        len(keys),
        run_ids,
        [*columns.kinds],
        [*columns.statuses],
        names,
        is_whole,
        columns.waits,
        encoded,
        left_out,
    )


def _texts(texts: Sequence[str], room: int) -> tuple[bytes, int]:
    """Encode texts: each at its first row, later as its number. Beyond the room rows get the number of no text."""
    known: dict[str, bytes] = {"": b"0"}
    encoded: list[bytes] = []
    left_out = 0
    room -= 2 * len(texts)
    for text in texts:
        code = known.get(text)
        if code is None:
            code = orjson.dumps(text)
            if len(code) <= room:
                known[text] = b"%d" % len(known)
        if len(code) > 1 and len(code) > room:
            left_out += 1
            code = b"0"
        room -= len(code) - 1
        encoded.append(code)
    return b"[" + b",".join(encoded) + b"]", left_out
