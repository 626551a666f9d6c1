"""Which steps get an event of a topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from polystep.contracts.events import UNKNOWN_STEP, NewDelivery
from polystep.contracts.ids import Ids
from polystep.contracts.steps import Flow, QueuePolicy, StepSpec

_ONE_KEY: Final = ""
"""The FIFO key of events without one, in a queue that is FIFO as a whole."""


class Routes:
    """Subscriptions of one generation of the project.

    Steps of a file that fails to load at the moment keep their subscriptions: their events wait until the file is
    mended, instead of being lost. A file that has never loaded may subscribe to any topic.
    """

    def __init__(self, flow: Flow, ids: Ids, kept: Iterable[tuple[str, str]] = (), *, is_complete: bool = True) -> None:
        """Build from what is loaded, and from what is known of files that are not.

        Args:
            flow: What is loaded.
            ids: Makes the ids of runs.
            kept: `(step, topic)` pairs of files that do not load.
            is_complete: Every step file is loaded; otherwise events without a known subscriber are parked.
        """
        self.steps = dict(flow.steps)
        self.is_complete = is_complete
        self._ids = ids
        self._subscribers: dict[str, list[str]] = {}
        for step in flow.steps.values():
            for topic in step.topics:
                self._add(topic, step.name)
        for name, topic in kept:
            if name not in self.steps:
                self._add(topic, name)

    def step(self, name: str) -> StepSpec | None:
        """A loaded step."""
        return self.steps.get(name)

    def policy(self, name: str) -> QueuePolicy:
        """How deliveries of this step are attempted; the default for one that is not loaded."""
        step = self.steps.get(name)
        return step.queue if step is not None else QueuePolicy()

    def limit(self, name: str) -> int:
        """How many deliveries of this step run at once; none of one that is not loaded."""
        step = self.steps.get(name)
        return 0 if step is None else step.queue.concurrency

    def subscribers(self, topic: str) -> Sequence[str]:
        """Steps that get events of a topic."""
        return self._subscribers.get(topic, ())

    def plan(
        self,
        topic: str,
        data: bytes,
        trace_id: str,
        parent_run_id: str | None,
        fifo_key: str | None,
        now_ms: int,
    ) -> tuple[NewDelivery, ...]:
        """One delivery for each subscriber; none, or one to be parked, when nobody is known to subscribe."""
        planned = []
        event_id = self._ids.run()
        names = self.subscribers(topic)
        if not names and not self.is_complete:
            run_id = self._ids.run()
            return (
                NewDelivery(
                    event_id, "event", topic, UNKNOWN_STEP, data, trace_id, run_id, parent_run_id, fifo_key, now_ms
                ),
            )
        for name in names:
            policy = self.policy(name)
            key = _ONE_KEY if fifo_key is None and policy.fifo else fifo_key
            run_at_ms = now_ms + round(policy.delay_s * 1000) if policy.delay_s else now_ms
            run_id = self._ids.run()
            planned.append(
                NewDelivery(
                    event_id, "event", topic, name, data, trace_id, run_id, parent_run_id, key, run_at_ms=run_at_ms
                )
            )
        return tuple(planned)

    def _add(self, topic: str, name: str) -> None:
        names = self._subscribers.setdefault(topic, [])
        if name not in names:
            names.append(name)
