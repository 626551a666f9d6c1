"""Events of the last minute by step and topic, counted only while somebody looks at a flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import orjson

from polystep.contracts.ports.clock import Clock
from polystep.contracts.trace import RunQueued

SPAN_S: Final = 60
"""Time over which events are counted."""
WAYS_MAX: Final = 10_000
"""Steps and topics counted apart; what comes beyond is not counted."""

_BUCKET_S: Final = 5
_BUCKETS: Final = SPAN_S // _BUCKET_S

Way: TypeAlias = tuple[str, str]
"""Topic, and the step that got its event."""


class EventRate(NamedTuple):
    """Events of one topic for one step."""

    topic: str
    step: str
    total: int
    """Since the counting began."""
    recent: int
    """In the last `SPAN_S`, or since the counting began."""


class EventRates:
    """Counter of events by topic and step. What it holds is bounded by the topics of the project."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s: float | None = None
        self._totals: Counter[Way] = Counter()
        self._buckets: dict[int, Counter[Way]] = {}

    @property
    def counted_s(self) -> float | None:
        """Time over which `recent` counts; `None` while nobody looks."""
        return None if self._began_s is None else min(SPAN_S, self._clock.monotonic_s() - self._began_s)

    def begin(self) -> None:
        """Count from now on."""
        if self._began_s is None:
            self._began_s = self._clock.monotonic_s()

    def end(self) -> None:
        """Count nothing any more, and forget what was counted."""
        self._began_s = None
        self._totals.clear()
        self._buckets.clear()

    def count(self, records: Sequence[RunQueued]) -> None:
        """Count the events among runs that were queued."""
        found = Counter(way for record in records if (way := _way(record)) is not None)
        if len(self._totals) >= WAYS_MAX:
            found = Counter({way: count for way, count in found.items() if way in self._totals})
        self._totals.update(found)
        self._buckets.setdefault(self._bucket(), Counter()).update(found)
        self._drop_old()

    def rows(self) -> list[EventRate]:
        """Return what was counted."""
        self._drop_old()
        recent: Counter[Way] = Counter()
        for bucket in self._buckets.values():
            recent.update(bucket)
        return [EventRate(topic, step, total, recent[topic, step]) for (topic, step), total in self._totals.items()]

    def _bucket(self) -> int:
        return int(self._clock.monotonic_s() // _BUCKET_S)

    def _drop_old(self) -> None:
        oldest = self._bucket() - _BUCKETS
        for bucket in [each for each in self._buckets if each <= oldest]:
            del self._buckets[bucket]


def _way(record: RunQueued) -> Way | None:
    if record.type != "event":
        return None
    topic = orjson.loads(record.trigger).get("topic")
    return (topic, record.step) if isinstance(topic, str) else None
