"""Ledger of a simulated world: what was committed and acknowledged, and what may never happen to it.

It hears of each commit at the moment of the commit, also when the host that asked dies before the answer. So it knows
the truth without a look at the code that it judges.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from polystep.contracts.events import (
    CANCEL_STEP,
    UNKNOWN_STEP,
    Cancellations,
    Claimed,
    Delivery,
    NewDelivery,
    Outcome,
    Stored,
)
from polystep.contracts.steps import QueuePolicy
from tests.simulation.life import Life

LATE_MS: Final = 500
"""A healthy host starts what is due and has a slot within this time: a few answers of the simulated disk."""


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
        self.found_by: dict[tuple[str, str, str], list[str]] = {}
        """Runs that events cancel, by step, path and value."""
        self.named: dict[tuple[str, str, str], str] = {}
        """Last run of a topic, an id and a step."""
        self.duplicates: set[tuple[str, str]] = set()
        """Events and their steps that were not stored, since an earlier one had the id."""
        self.running: dict[str, Life] = {}
        self.suspended: dict[str, Life] = {}
        """Suspended runs that keep their places."""
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
        keyed, found = (claimed.keyed, claimed.cancelled) if isinstance(claimed, Stored) else (None, None)
        meant: list[Life] = []
        for new in deliveries:
            if keyed is not None and new.run_id in keyed.duplicates:
                self._duplicate(new)
                continue
            self._name(new)
            if new.step == CANCEL_STEP:
                meant += self._cancel(new)
            else:
                self._new(new)
        if found is not None:
            # What follows in the same commit may go on where they were.
            self.cancelled(found)
        for delivery in claimed:
            self._claim(delivery, owner, lease_ms)
        left = [each for each in meant if each.state == "waiting"]
        if found is not None and not found.has_more and left:
            self._broken(f"{left[0].new.run_id} waits on in the commit of the event that cancels it")

    def _new(self, new: NewDelivery) -> None:
        life, attempt = self.emitted.get(new.event_id, (None, (0, 0)))
        if life is not None and attempt not in life.kept:
            self._broken(f"{new.run_id} is committed, and comes of attempt {attempt[1]}, which was refused")
        self._event(new)
        if new.step == UNKNOWN_STEP and new.refused is None:
            self.parked.add(new.event_id)
            return
        if new.run_id in self.lives:
            self._broken(f"{new.run_id} is committed twice")
        for path, value in new.cancel_keys:
            self.found_by.setdefault((new.step, path, value), []).append(new.run_id)
        key = None if new.fifo_key is None or new.refused is not None else (new.step, new.fifo_key)
        life = self.lives[new.run_id] = Life(new, max(new.run_at_ms, self._now_ms()), key)
        if new.refused is not None:
            self._end(new.run_id, life, "dead")
        elif key is not None:
            self.keys.setdefault(key, deque()).append(new.run_id)

    def claimed(self, claimed: Claimed, owner: str, now_ms: int, lease_ms: int) -> None:
        """Take note of a claim; it ends the leases that have run out."""
        self.late(owner, now_ms)
        for delivery in claimed.expired:
            life = self.lives[delivery.run_id]
            expires_ms = self._policies[delivery.step].expires_ms
            if life.state != "waiting" or life.has_started or expires_ms is None:
                self._broken(f"{delivery.run_id} expires, and is {life.state}")
            elif self.is_timed and self._now_ms() < min(life.due_ms, life.new.run_at_ms) + expires_ms:
                self._broken(f"{delivery.run_id} expires before its time")
            self._end(delivery.run_id, life, "dead")
            self._frees(delivery.step)
        for delivery in claimed.deliveries:
            self._claim(delivery, owner, now_ms + lease_ms)

    def late(self, owner: str, now_ms: int) -> None:
        """Take note of leases of other owners that have run out."""
        for life in [each for each in self.running.values() if each.lease_ms <= now_ms and each.owner != owner]:
            if not self.excused(life.owner):
                self._broken(f"the lease of {life.owner}, which lives, has run out")
            self._wait(life, life.due_ms)

    def cancelled(self, found: Cancellations) -> None:
        """Take note of runs that are removed for an event."""
        for each in found.removed:
            if self.lives[each.run_id].cancelled_ms is None:
                self._broken(f"{each.run_id} is cancelled, and no event means it")
        self.removed(each.run_id for each in found.removed)

    def keeps(self, run_id: str, *, keeps_place: bool) -> None:
        """Take note of a suspended run that keeps its place, or does not."""
        life = self.lives[run_id]
        life.keeps_place = keeps_place
        if keeps_place:
            self.suspended[run_id] = life
        if keeps_place != self._policies[life.new.step].count_waiting and not self.reloads:
            self._broken(f"{run_id} of {life.new.step} is suspended, and its place is {keeps_place}")

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
        if how == "cancelled" and life.cancelled_ms is None:
            self._broken(f"{delivery.run_id} is cancelled, and no event means it")
        if how in ("completed", "dead", "cancelled"):
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
            self._frees(life.new.step)

    def replayed(self, run_id: str) -> None:
        """Take note of a dead letter that is a delivery again."""
        life = self.lives[run_id]
        if life.state != "dead":
            self._broken(f"{run_id} is replayed while it is {life.state}")
        if life.key is None and life.new.fifo_key is not None:
            life.key = (life.new.step, life.new.fifo_key)
        if life.key is not None:
            self.keys.setdefault(life.key, deque()).append(run_id)
        life.failures, life.token, life.cancelled_ms = 0, 0, None
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
        # One that is due in the future is from before the clock was set back: it may be stored again.
        if due_ms is not None and status == "stored" and due_ms <= self._now_ms():
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
        kept = sum(each.keeps_place for each in self._open_of(step)) if self._policies[step].count_waiting else 0
        if len(current) + kept > limit:
            self._broken(
                f"{len(current)} handlers of {step} run at once, {kept} keep places, over all hosts {limit} may"
            )
        if self.is_strict:
            late_ms = self._now_ms() - max(life.due_ms, self.freed_ms.get(step, 0))
            if late_ms > LATE_MS:
                self._broken(f"{delivery.run_id} of {step} starts {late_ms} ms late")

    def ends(self, delivery: Delivery, outcome: Outcome | None) -> None:
        """Take note of a handler that has ended; `None`: it was cut off."""
        attempt = (delivery.id, delivery.token)
        self.handlers.pop(attempt, None)
        self.outcomes[attempt] = outcome
        life = self.lives[delivery.run_id]
        if self.is_strict and life.cancelled_ms is not None and _is_current(life, delivery):
            late_ms = self._now_ms() - life.cancelled_ms
            if late_ms > 2 * LATE_MS:
                self._broken(f"{delivery.run_id} runs on for {late_ms} ms after an event has cancelled it")
        for new in () if outcome is None else outcome.emits:
            self.emitted[new.event_id] = (self.lives[delivery.run_id], attempt)
        self._frees(delivery.step)

    def told(self, delivery: Delivery) -> None:
        """Take note of a result of which the observer was told that it is stored."""
        life = self.lives[delivery.run_id]
        has_expired = life.state == "dead" and not life.has_started
        if (delivery.id, delivery.token) not in life.kept and not has_expired:
            self._broken(f"the result of {delivery.run_id} is acknowledged, and was not committed")

    def acknowledged(self, deliveries: Iterable[NewDelivery]) -> None:
        """Take note of an answer that these are stored."""
        for new in deliveries:
            is_life = new.step not in (UNKNOWN_STEP, CANCEL_STEP)
            found = new.run_id in self.lives if is_life else new.event_id in self.events
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
            missing = {each for each in subscribers(topic) if (event_id, each) not in self.duplicates}
            missing -= steps | self.purged
            if missing:
                self._broken(f"event {event_id} has never reached {sorted(missing)}")

    def _frees(self, step: str) -> None:
        self.freed_ms[step] = max(self._now_ms(), self.freed_ms.get(step, 0) if self.is_strict else 0)

    def _event(self, new: NewDelivery) -> None:
        steps = self.events.setdefault(new.event_id, (new.topic, set()))[1]
        if new.step == UNKNOWN_STEP:
            return
        if new.step in steps:
            self._broken(f"event {new.event_id} is committed twice for {new.step}")
        steps.add(new.step)

    def _cancel(self, new: NewDelivery) -> list[Life]:
        """Take note of an event that cancels runs; returns those that it means."""
        self.events.setdefault(new.event_id, (new.topic, set()))
        meant = [
            life
            for runs in new.cancels
            for run_id in self.found_by.get(runs, ())
            if (life := self.lives[run_id]).state in ("waiting", "running") and life.new.event_id != new.event_id
        ]
        for life in meant:
            life.cancelled_ms = life.cancelled_ms or self._now_ms()
        return meant

    def _name(self, new: NewDelivery) -> None:
        """Take note of an id: an event that has it may not wait, run or be dead."""
        if new.key is None:
            return
        name = (new.topic, new.key.id, new.step)
        before = self.lives.get(self.named.get(name, ""))
        if before is not None and before.state in ("waiting", "running", "dead"):
            self._broken(f"{new.run_id} has the id of {before.new.run_id}, which is {before.state}")
        self.named[name] = new.run_id

    def _duplicate(self, new: NewDelivery) -> None:
        """Take note of an event that was not stored: an earlier one must have its id."""
        self.duplicates.add((new.event_id, new.step))
        if new.key is None or not any(name[:2] == (new.topic, new.key.id) for name in self.named):
            self._broken(f"{new.run_id} is a duplicate, and nobody has its id")

    def _open_of(self, step: str) -> Iterable[Life]:
        return (life for life in self.suspended.values() if life.new.step == step)

    def _check_in_time(self, life: Life) -> None:
        """Check that a run that is claimed has not expired, and that no event has cancelled it a while ago."""
        expires_ms = self._policies[life.new.step].expires_ms
        if self.is_timed and expires_ms is not None and not life.has_started:
            over_ms = self._now_ms() - life.due_ms - expires_ms
            if over_ms > LATE_MS:
                self._broken(f"{life.new.run_id} starts {over_ms} ms after it has expired")
        if self.is_timed and life.cancelled_ms is not None and self._now_ms() - life.cancelled_ms > 2 * LATE_MS:
            self._broken(f"{life.new.run_id} starts after an event has cancelled it")

    def _claim(self, delivery: Delivery, owner: str, lease_ms: int) -> None:
        run_id = delivery.run_id
        life = self.lives[run_id]
        self._check_in_time(life)
        life.has_started, life.keeps_place = True, False
        self.suspended.pop(run_id, None)
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
        life.keeps_place = False
        self.running.pop(run_id, None)
        self.suspended.pop(run_id, None)
        if life.key is not None and run_id in self.keys[life.key]:
            self.keys[life.key].remove(run_id)
        self.say(f"{how} {run_id}")

    def _broken(self, trouble: str) -> None:
        self._trouble.append(trouble)


def _is_current(life: Life, delivery: Delivery) -> bool:
    return life.state == "running" and (life.id, life.token) == (delivery.id, delivery.token)
