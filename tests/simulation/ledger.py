"""Ledger of a simulated world: what was committed and acknowledged, and what may never happen to it.

It hears of each commit at the moment of the commit, also when the host that asked dies before the answer. So it knows
the truth without a look at the code that it judges.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.events import UNKNOWN_STEP, Delivery, NewDelivery, Outcome
from polystep.contracts.steps import QueuePolicy

LATE_MS: Final = 500
"""A healthy host starts what is due and has a slot within this time: a few answers of the simulated disk."""


@dataclass(slots=True)
class Life:
    """One delivery from its commit to its end."""

    new: NewDelivery
    due_ms: int
    key: tuple[str, str] | None
    state: str = "waiting"
    """waiting, running, completed, dead, removed"""
    id: int = 0
    token: int = 0
    owner: str = ""
    lease_ms: int = 0
    failures: int = 0
    kept: set[tuple[int, int]] = field(default_factory=set)
    """Attempts whose results are stored."""
    journal: set[str] = field(default_factory=set)


class Ledger:
    """Judge of one world."""

    def __init__(self, policies: Mapping[str, QueuePolicy], now_ms: Callable[[], int], trouble: list[str]) -> None:
        self._policies = policies
        self._trouble = trouble
        self._now_ms = now_ms
        self.lives: dict[str, Life] = {}
        self.events: dict[str, tuple[str, set[str]]] = {}
        """Topic and the steps that have got it, of each committed event."""
        self.parked: set[str] = set()
        """Committed events that wait for steps that are not loaded."""
        self.acked: set[str] = set()
        """Runs and events of which somebody was told that they are stored."""
        self.keys: dict[tuple[str, str], deque[str]] = {}
        self.running: dict[str, Life] = {}
        self.handlers: dict[tuple[int, int], tuple[Life, str]] = {}
        """Lives and owners of handlers that run, by attempt: the id and token of a delivery."""
        self.outcomes: dict[tuple[int, int], Outcome | None] = {}
        self.emitted: dict[str, tuple[Life, tuple[int, int]]] = {}
        """Lives and attempts whose handlers have ended with these events."""
        self.ticks: Counter[tuple[str, int]] = Counter()
        self.ended = 0
        self.attempts = 0
        self.is_strict = False
        """No fault is under way: what is due starts without delay."""
        self.is_timed = True
        """The wall clock was never set: nothing starts before its time."""
        self.reloads = False
        """Steps come and go, so their policies may be those of steps that are not loaded."""
        self.purged: set[str] = set()
        self.excused: Callable[[str], bool] = lambda _: False
        """Owners that may lose a lease: dead, frozen, or refused by the disk."""
        self.freed_ms: dict[str, int] = {}
        """When a handler of a step has ended last."""
        self.say: Callable[[str], None] = lambda _: None

    # --- Commits ---

    def stored(self, deliveries: Iterable[NewDelivery], claimed: Sequence[Delivery], owner: str, lease_ms: int) -> None:
        """Take note of new deliveries."""
        for new in deliveries:
            life, attempt = self.emitted.get(new.event_id, (None, (0, 0)))
            if life is not None and attempt not in life.kept:
                self._broken(f"{new.run_id} is committed, and comes of attempt {attempt[1]}, which was refused")
            self._event(new)
            if new.step == UNKNOWN_STEP and new.refused is None:
                self.parked.add(new.event_id)
                continue
            if new.run_id in self.lives:
                self._broken(f"{new.run_id} is committed twice")
            key = None if new.fifo_key is None or new.refused is not None else (new.step, new.fifo_key)
            life = self.lives[new.run_id] = Life(new, max(new.run_at_ms, self._now_ms()), key)
            if new.refused is not None:
                self._end(new.run_id, life, "dead")
            elif key is not None:
                self.keys.setdefault(key, deque()).append(new.run_id)
        for delivery in claimed:
            self._claim(delivery, owner, lease_ms)

    def claimed(self, deliveries: Sequence[Delivery], owner: str, now_ms: int, lease_ms: int) -> None:
        """Take note of a claim; it ends the leases that have run out."""
        for life in [each for each in self.running.values() if each.lease_ms <= now_ms and each.owner != owner]:
            if not self.excused(life.owner):
                self._broken(f"the lease of {life.owner}, which lives, has run out")
            self._wait(life, life.due_ms)
        for delivery in deliveries:
            self._claim(delivery, owner, now_ms + lease_ms)

    def renewed(self, deliveries: Sequence[Delivery], lease_ms: int) -> None:
        """Take note of leases that are extended."""
        for delivery in deliveries:
            life = self.lives[delivery.run_id]
            if _is_current(life, delivery):
                life.lease_ms = lease_ms

    def recovered(self, owner: str, count: int) -> None:
        """Take note of what an owner leaves."""
        found = [life for life in self.running.values() if life.owner == owner]
        if len(found) != count:
            self._broken(f"{count} deliveries of {owner} are released, which has {len(found)}")
        for life in found:
            self._wait(life, self._now_ms())

    def settled(self, delivery: Delivery, how: str, is_mine: object, due_ms: int | None = None) -> bool:
        """Take note of the result of an attempt; returns whether it is kept."""
        life = self.lives[delivery.run_id]
        is_current = _is_current(life, delivery)
        where = f"{how} of {delivery.run_id} by attempt {delivery.token}"
        if is_mine is None or is_mine is False:
            if is_current:
                self._broken(f"{where} is refused, and it is the current one")
            return False
        if not is_current:
            self._broken(f"{where} is kept, but it is {life.state} under token {life.token}")
        life.kept.add((delivery.id, delivery.token))
        self._judge(delivery, life, how)
        if how in ("completed", "dead"):
            self._end(delivery.run_id, life, how)
        else:
            if how == "postponed":  # and its step pauses
                self.freed_ms[delivery.step] = (due_ms or 0) + LATE_MS
            self._wait(life, self._now_ms() if due_ms is None else due_ms)
        return True

    def kept(self, delivery: Delivery, key: str, is_mine: object) -> None:
        """Take note of an entry in a journal."""
        life = self.lives[delivery.run_id]
        is_current = _is_current(life, delivery)
        if not is_mine:
            if is_current:
                self._broken(f"{key} of {delivery.run_id} is not kept by the current attempt")
            return
        if not is_current:
            self._broken(f"{key} of {delivery.run_id} is kept by an attempt that was superseded")
        if key in life.journal:
            self._broken(f"{key} of {delivery.run_id} is done again, although it was kept")
        life.journal.add(key)

    def removed(self, run_ids: Iterable[str]) -> None:
        """Take note of deliveries that an operator has removed."""
        for run_id in run_ids:
            life = self.lives[run_id]
            if life.state != "waiting":
                self._broken(f"{run_id} is removed while it is {life.state}")
            self._end(run_id, life, "removed")
            self.freed_ms[life.new.step] = self._now_ms()

    def replayed(self, run_id: str) -> None:
        """Take note of a dead letter that is a delivery again."""
        life = self.lives[run_id]
        if life.state != "dead":
            self._broken(f"{run_id} is replayed while it is {life.state}")
        if life.key is None and life.new.fifo_key is not None:
            life.key = (life.new.step, life.new.fifo_key)
        if life.key is not None:
            self.keys.setdefault(life.key, deque()).append(run_id)
        life.failures, life.token = 0, 0
        self.ended -= 1
        self._wait(life, self._now_ms())

    def unparked(self, event_id: str, *, keep: bool) -> None:
        """Take note of a parked event that has gone to the steps that are known."""
        if not keep:
            if event_id not in self.parked:
                self._broken(f"{event_id} is delivered, and was not parked")
            self.parked.discard(event_id)

    def hastened(self, step: str) -> None:
        """Take note of deliveries of a step that are all due now."""
        for life in self.lives.values():
            if life.new.step == step and life.state == "waiting":
                life.due_ms = min(life.due_ms, self._now_ms())

    def answered(self, run_id: str) -> None:
        """Take note of a run that an answer has made due."""
        life = self.lives[run_id]
        if life.state == "waiting":
            life.due_ms = min(life.due_ms, self._now_ms())

    def tick(self, step: str, due_ms: int | None, status: str) -> None:
        """Take note of a tick."""
        if due_ms is not None and status == "stored":
            self.ticks[(step, due_ms)] += 1
            if not self.ticks[(step, due_ms)] == 1:
                self._broken(f"the tick of {step} at {due_ms} is stored twice")

    # --- What hosts do ---

    def starts(self, delivery: Delivery, owner: str) -> None:
        """Take note of a handler that begins."""
        life = self.lives.get(delivery.run_id)
        if life is None:
            self._broken(f"{delivery.run_id} starts, and was never committed")
            return
        attempt = (delivery.id, delivery.token)
        self.attempts += 1
        if attempt in self.outcomes:
            self._broken(f"attempt {delivery.token} of {delivery.run_id} starts twice")
        self.handlers[attempt] = (life, owner)
        self.outcomes[attempt] = None
        if not _is_current(life, delivery):
            return  # superseded before it began
        step = delivery.step
        current = [
            each.new.run_id
            for (id_, token), (each, _) in self.handlers.items()
            if each.new.step == step and each.state == "running" and (each.id, each.token) == (id_, token)
        ]  # fmt: skip
        limit = self._policies[step].concurrency
        if len(current) > limit:
            self._broken(f"{len(current)} handlers of {step} run at once, over all hosts {limit} may")
        if self.is_strict:
            late_ms = self._now_ms() - max(life.due_ms, self.freed_ms.get(step, 0))
            if late_ms > LATE_MS:
                self._broken(f"{delivery.run_id} of {step} starts {late_ms} ms late")

    def ends(self, delivery: Delivery, outcome: Outcome | None) -> None:
        """Take note of a handler that has ended; `None`: it was cut off."""
        attempt = (delivery.id, delivery.token)
        self.handlers.pop(attempt, None)
        self.outcomes[attempt] = outcome
        for new in () if outcome is None else outcome.emits:
            self.emitted[new.event_id] = (self.lives[delivery.run_id], attempt)
        self.freed_ms[delivery.step] = max(self._now_ms(), self.freed_ms.get(delivery.step, 0) if self.is_strict else 0)

    def told(self, delivery: Delivery) -> None:
        """Take note of a result of which the observer was told that it is stored."""
        is_kept = (delivery.id, delivery.token) in self.lives[delivery.run_id].kept
        if not is_kept:
            self._broken(f"the result of {delivery.run_id} is acknowledged, and was not committed")

    def acknowledged(self, deliveries: Iterable[NewDelivery]) -> None:
        """Take note of an answer that these are stored."""
        for new in deliveries:
            found = new.event_id in self.events if new.step == UNKNOWN_STEP else new.run_id in self.lives
            if not found:
                self._broken(f"{new.run_id or new.event_id} is acknowledged, and was not committed")
            self.acked.add(new.event_id)

    def dead(self, owner: str) -> None:
        """Take note of a host that does nothing any more."""
        for attempt in [attempt for attempt, (_, host) in self.handlers.items() if host == owner]:
            del self.handlers[attempt]

    def is_superseded(self, delivery: Delivery) -> bool:
        """Report whether the result of an attempt must be refused."""
        return not _is_current(self.lives[delivery.run_id], delivery)

    # --- The end ---

    def unfinished(self) -> list[str]:
        """Return what has not come to an end."""
        left = [
            f"{run} of {life.new.step} ({life.state}, due at {life.due_ms})"
            for run, life in self.lives.items()
            if life.state in ("waiting", "running")
        ]
        return left + [f"event {each} is parked" for each in sorted(self.parked)]

    def check_end(self, subscribers: Callable[[str], Sequence[str]]) -> None:
        """Check that each committed event has reached each of its steps, and everything has ended once."""
        if left := self.unfinished():
            self._broken(f"left behind: {left[:5]}")
        for event_id, (topic, steps) in self.events.items():
            missing = set(subscribers(topic)) - steps - self.purged
            if missing:
                self._broken(f"event {event_id} has never reached {sorted(missing)}")

    def _event(self, new: NewDelivery) -> None:
        steps = self.events.setdefault(new.event_id, (new.topic, set()))[1]
        if new.step == UNKNOWN_STEP:
            return
        if new.step in steps:
            self._broken(f"event {new.event_id} is committed twice for {new.step}")
        steps.add(new.step)

    def _claim(self, delivery: Delivery, owner: str, lease_ms: int) -> None:
        run_id = delivery.run_id
        life = self.lives[run_id]
        if life.state != "waiting":
            self._broken(f"{run_id} is claimed while it is {life.state}")
        if delivery.token != life.token + 1:
            self._broken(f"{run_id} is claimed as {delivery.token} after {life.token}")
        if delivery.failures != life.failures:
            self._broken(f"{run_id} has {delivery.failures}, not {life.failures} failures")
        retries_max = self._retries(delivery.step)[1]
        if delivery.failures > retries_max:
            self._broken(f"{run_id} is tried again after {delivery.failures} failures")
        if life.key is not None:
            head = self.keys[life.key][0]
            if head != run_id:
                self._broken(f"{run_id} overtakes {head} under the FIFO key {life.key}")
        if self.is_timed:
            early_ms = life.due_ms - self._now_ms()
            if early_ms > 0:
                self._broken(f"{run_id} is claimed {early_ms} ms early")
        life.state, life.id, life.token, life.owner, life.lease_ms = (
            "running", delivery.id, delivery.token, owner, lease_ms,
        )  # fmt: skip
        self.running[run_id] = life
        self.say(f"claim {run_id} {delivery.token} {owner}")

    def _judge(self, delivery: Delivery, life: Life, how: str) -> None:
        """Compare what is stored with how the handler has ended."""
        outcome = self.outcomes.get((delivery.id, delivery.token))
        if outcome is None:
            if how != "released":
                self._broken(f"{delivery.run_id} was cut off and is stored as {how}")
            return
        least, most = self._retries(delivery.step)
        failures = life.failures + 1
        if how == "dead":
            is_due = not outcome.retryable or failures > least
            if not (outcome.status == "failed" and is_due):
                self._broken(f"{delivery.run_id} is dead without cause: {outcome}")
        elif how == "retried":
            is_due = outcome.status == "failed" and outcome.retryable and failures <= most
            if not is_due:
                self._broken(f"{delivery.run_id} is tried again after {outcome} and {failures} failures")
            life.failures = failures
        else:
            status = "released" if outcome.status == "suspect" else outcome.status
            if how != status:
                self._broken(f"{delivery.run_id} has {status} and is stored as {how}")

    def _retries(self, step: str) -> tuple[int, int]:
        own, other = self._policies[step].retries_max, QueuePolicy().retries_max
        return (min(own, other), max(own, other)) if self.reloads else (own, own)

    def _wait(self, life: Life, due_ms: int) -> None:
        life.state, life.due_ms = "waiting", due_ms
        self.running.pop(life.new.run_id, None)
        self.say(f"wait {life.new.run_id} {due_ms}")

    def _end(self, run_id: str, life: Life, how: str) -> None:
        life.state = how
        self.ended += 1
        self.running.pop(run_id, None)
        if life.key is not None and run_id in self.keys[life.key]:
            self.keys[life.key].remove(run_id)
        self.say(f"{how} {run_id}")

    def _broken(self, trouble: str) -> None:
        self._trouble.append(trouble)


def _is_current(life: Life, delivery: Delivery) -> bool:
    return life.state == "running" and (life.id, life.token) == (delivery.id, delivery.token)
