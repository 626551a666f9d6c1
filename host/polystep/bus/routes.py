"""Routes from topics to the steps that subscribe to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from polystep.contracts.events import CANCEL_STEP, SIGNAL_STEP, UNKNOWN_STEP, EventKey, NewDelivery, RunsOf
from polystep.contracts.ids import Ids
from polystep.contracts.signals import value_at
from polystep.contracts.steps import Flow, QueuePolicy, StepSpec
from polystep.contracts.values import JSONValue
from polystep.wire import unpack

_ONE_KEY: Final = ""
"""The FIFO key of events without one, in a queue that is FIFO as a whole."""


class Routes:
    """Subscriptions of one revision of the project.

    Steps of a file that fails to load at the moment keep their subscriptions: their events wait until the file loads
    again, instead of being lost. A file that has never loaded may subscribe to any topic.
    """

    def __init__(
        self,
        flow: Flow,
        ids: Ids,
        kept: Iterable[tuple[str, str]] = (),
        *,
        is_complete: bool = True,
        is_known: bool = False,
        waiting: Iterable[StepSpec] = (),
    ) -> None:
        """Build from what is loaded, and from what is known of files that are not.

        Args:
            flow: What is loaded.
            ids: Makes the ids of runs.
            kept: `(step, topic)` pairs of files that do not load.
            is_complete: Every step file is loaded; otherwise events without a known subscriber are parked.
            is_known: Every step file has been loaded once, so `flow` and `kept` name all subscribers; otherwise events
                that have some are parked too, for the others.
            waiting: Steps of files that do not load: events that their runs may wait for are kept.
        """
        self.steps = dict(flow.steps)
        self.expiries = {
            name: step.queue.expires_ms for name, step in flow.steps.items() if step.queue.expires_ms is not None
        }
        """Milliseconds from due time to first start, of steps that limit it."""
        self.counting = frozenset(name for name, step in flow.steps.items() if step.queue.count_waiting)
        """Steps whose suspended runs keep their places."""
        self.is_complete = is_complete
        self.is_known = is_complete or is_known
        self._ids = ids
        self._subscribers: dict[str, list[str]] = {}
        for step in flow.steps.values():
            for topic in step.topics:
                self._add(topic, step.name)
        for name, topic in kept:
            if name not in self.steps:
                self._add(topic, name)
        self._paths: dict[str, list[str]] = {}
        self._waiting: dict[str, list[str]] = {}
        self._cancelling: dict[str, list[tuple[str, str]]] = {}
        self.cancel_paths: dict[str, list[str]] = {}
        """Paths of the input by which events cancel runs, of steps with `cancelOn`."""
        for step in {**{each.name: each for each in waiting}, **flow.steps}.values():
            for cancel in step.queue.cancel_on:
                self._cancelling.setdefault(cancel.topic, []).append((step.name, cancel.by))
                named = self.cancel_paths.setdefault(step.name, [])
                if cancel.by not in named:
                    named.append(cancel.by)
            for wait in step.waits_for:
                self._waiting.setdefault(wait.topic, []).append(step.name)
                paths = self._paths.setdefault(wait.topic, [])
                if wait.by not in paths:
                    paths.append(wait.by)

    def step(self, name: str) -> StepSpec | None:
        """Return a loaded step."""
        return self.steps.get(name)

    def policy(self, name: str) -> QueuePolicy:
        """Return how deliveries of this step are attempted; the default for one that is not loaded."""
        step = self.steps.get(name)
        return step.queue if step is not None else QueuePolicy()

    def limit(self, name: str) -> int:
        """Return how many deliveries of this step run at once; none of one that is not loaded."""
        step = self.steps.get(name)
        return 0 if step is None else step.queue.concurrency

    def subscribers(self, topic: str) -> Sequence[str]:
        """Return the steps that get events of a topic."""
        return self._subscribers.get(topic, ())

    def waiting(self, topic: str) -> Sequence[str]:
        """Return the steps whose runs may wait for events of a topic."""
        return self._waiting.get(topic, ())

    def cancel_keys(self, step: str, value: JSONValue) -> tuple[tuple[str, str], ...]:
        """Return the paths by which events cancel a run of a step with this input, each with the value there."""
        found = ((path, value_at(value, path)) for path in self.cancel_paths.get(step, ()))
        return tuple((path, text) for path, text in found if text is not None)

    def plan(
        self,
        topic: str,
        data: bytes,
        trace_id: str,
        parent_run_id: str | None,
        fifo_key: str | None,
        now_ms: int,
        key: EventKey | None = None,
        value: JSONValue = None,
    ) -> tuple[NewDelivery, ...]:
        """Plan one delivery for each known subscriber, and last one to be parked when there may be unknown ones.

        Between them stand the signal for the runs that wait for the topic, and what the event cancels; `value` is
        `data` unpacked. `now_ms` is the time from which the delays of the steps count.
        """
        planned = []
        event_id = self._ids.run()
        names = self.subscribers(topic)
        for name in names:
            policy = self.policy(name)
            line = _ONE_KEY if fifo_key is None and policy.fifo else fifo_key
            run_at_ms = now_ms + round(policy.delay_s * 1000) if policy.delay_s else now_ms
            run_id = self._ids.run()
            planned.append(
                NewDelivery(
                    event_id,
                    "event",
                    topic,
                    name,
                    data,
                    trace_id,
                    run_id,
                    parent_run_id,
                    line,
                    run_at_ms=run_at_ms,
                    key=key,
                    cancel_keys=self.cancel_keys(name, value) if name in self.cancel_paths else (),
                )
            )
        if topic in self._paths:
            found = ((path, value_at(value, path)) for path in self._paths[topic])
            signals = tuple((path, text) for path, text in found if text is not None)
            if signals:
                planned.append(
                    NewDelivery(
                        event_id, "event", topic, SIGNAL_STEP, data, trace_id, self._ids.run(), parent_run_id, None,
                        now_ms, key=key, signals=signals,
                    )
                )  # fmt: skip
        if topic in self._cancelling:
            ends = ((step, path, value_at(value, path)) for step, path in self._cancelling[topic])
            if cancels := tuple(RunsOf(step, path, text) for step, path, text in ends if text is not None):
                planned.append(
                    NewDelivery(
                        event_id, "event", topic, CANCEL_STEP, data, trace_id, self._ids.run(), parent_run_id, None,
                        now_ms, key=key, cancels=cancels,
                    )
                )  # fmt: skip
        if not (self.is_known if names else self.is_complete):
            run_id = "" if names else self._ids.run()
            planned.append(
                NewDelivery(
                    event_id, "event", topic, UNKNOWN_STEP, data, trace_id, run_id, parent_run_id, fifo_key, now_ms,
                    taken_by=tuple(names), key=key,
                )
            )  # fmt: skip
        return tuple(planned)

    def plan_call(
        self, step: str, data: bytes, trace_id: str, parent_run_id: str, caller: str, now_ms: int
    ) -> NewDelivery:
        """Plan the delivery of a call to a step."""
        line = _ONE_KEY if self.policy(step).fifo else None
        ids = (self._ids.run(), self._ids.run())
        new = NewDelivery(ids[0], "call", caller, step, data, trace_id, ids[1], parent_run_id, line, now_ms)
        return self.found_by(new)

    def found_by(self, new: NewDelivery) -> NewDelivery:
        """Return a delivery with the keys by which events cancel its run; of steps without `cancelOn` as it is."""
        if new.step not in self.cancel_paths:
            return new
        # A tick has no input: the time that its data holds is not one.
        value = None if new.kind == "cron" else unpack(new.data)
        return new._replace(cancel_keys=self.cancel_keys(new.step, value))

    def _add(self, topic: str, name: str) -> None:
        names = self._subscribers.setdefault(topic, [])
        if name not in names:
            names.append(name)
