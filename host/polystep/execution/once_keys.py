"""Calls of `once` with the scope `project`: one function for all runs that use the key, whose others wait for it."""

from __future__ import annotations

from collections.abc import Callable

from polystep.bus import Bus
from polystep.contracts.durations import duration_ms
from polystep.contracts.errors import InvalidParams, JournalFull, PolystepError, RunEnded, RunTimedOut
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.once_keys import ONCE_WAIT_MS, TakenKey, wanted_of_once_key
from polystep.contracts.ports.clock import Clock
from polystep.contracts.values import JSONObject
from polystep.execution.attempts import OpenAttempt
from polystep.execution.held import HeldHandlers
from polystep.execution.journal import AttemptJournal, DurableOptions, OpenUnit
from polystep.execution.wait_calls import SUPERSEDED, begin_wait
from polystep.trace import TraceRecorder


def ttl_ms_of(params: JSONObject, key: str) -> int | None:
    """Return how long the project remembers a key; `None` for a key of the run.

    Raises:
        InvalidParams: The scope is none, a key of the project has no `ttl` or is inside of another call, or a key of
            the run has one.
    """
    scope, ttl, within = params.get("scope"), params.get("ttl"), params.get("within")
    if scope is None or scope == "run":
        if ttl is not None:
            raise InvalidParams(f'`ttl` of once("{key}") goes with the scope "project"; a key of the run ends with it.')
        return None
    if scope != "project":
        raise InvalidParams(f'The scope of once("{key}") is "run" or "project"; it is {scope!r}.')
    if ttl is None:
        raise InvalidParams(
            f'once("{key}") with the scope "project" needs a `ttl`, after which the project forgets it: '
            '{scope: "project", ttl: "30d"}, at most 400 days.'
        )
    if isinstance(within, str):
        raise InvalidParams(
            f'once("{key}") with the scope "project" may wait for another run, and cannot be inside once("{within}"): '
            "call it before or after."
        )
    ttl_ms = duration_ms(ttl, f'`ttl` of once("{key}")')
    if ttl_ms < 1:
        raise InvalidParams(f'`ttl` of once("{key}") is {ttl!r}; a key is remembered for a while.')
    return ttl_ms


class ProjectKeys:
    """Takes keys of the project for attempts, and lets attempts wait for them."""

    def __init__(
        self, bus: Bus, recorder: TraceRecorder, clock: Clock, held: HeldHandlers, options: DurableOptions
    ) -> None:
        self._bus = bus
        self._recorder = recorder
        self._clock = clock
        self._held = held
        self._options = options

    def check(self, journal: AttemptJournal, key: str) -> None:
        """Raise `InvalidParams` where nobody could take over."""
        if journal.delivery is None:
            raise InvalidParams(
                f'once("{key}") with the scope "project" is for event and cron steps: a client would wait with it. '
                "Emit an event, and call it in its step."
            )

    async def take(
        self,
        attempt: OpenAttempt,
        journal: AttemptJournal,
        key: str,
        unit: OpenUnit,
        hit: Callable[[JournalEntry], JSONObject],
    ) -> JSONObject:
        """Return the answer of `once.begin`, once the key is free or has a result.

        Args:
            attempt: The attempt that asks.
            journal: Of the attempt; the unit begins in it when the key is taken.
            key: The key.
            unit: Of the function; other calls of the attempt with the key have joined it meanwhile.
            hit: Answers with a kept result, checked and traced.

        Raises:
            RunEnded: The leg has ended meanwhile.
            RunTimedOut: The run has waited for too long.
            JournalFull: The result does not fit beside what the run keeps, or the project keeps too much.
        """
        journal.awaited[key] = unit
        try:
            return await self._take(attempt, journal, key, unit, hit)
        except PolystepError as error:
            unit.answer_joined(error)
            raise
        finally:
            journal.awaited.pop(key, None)

    async def _take(
        self,
        attempt: OpenAttempt,
        journal: AttemptJournal,
        key: str,
        unit: OpenUnit,
        hit: Callable[[JournalEntry], JSONObject],
    ) -> JSONObject:
        delivery, began_s, has_waited = journal.delivery, self._recorder.now_s(), False
        assert delivery is not None, "see `check`"
        while True:
            if journal.run_at_ms is not None or self._held.is_stopping:
                return await self._held.leave(attempt, journal)
            wait, wakes = self._wait(journal, key, unit), self._held.wakes
            room_bytes = self._options.run_bytes_max - journal.bytes
            taken = await self._bus.once_keys.take(delivery, wait, unit.ttl_ms or 0, room_bytes)
            if taken is None or journal.is_closed:
                raise RunEnded(SUPERSEDED)
            if isinstance(taken, TakenKey):
                journal.drop(key)
                if has_waited:
                    self._recorder.context_call(attempt, "once", {"operation": "waited", "key": key}, began_s)
                unit.began_s = self._clock.monotonic_s()
                journal.begin_unit(key, unit)
                return {"go": taken.id, "timeout_ms": round(unit.timeout_s * 1000), "attempt": 1}
            if taken.value is not None:
                self._check_room(taken, room_bytes)
                journal.add(taken)
                answer = hit(taken)
                unit.answer_joined(answer)
                return answer
            journal.add(taken)
            due_ms = taken.due_ms or 0
            if due_ms <= self._clock.now_ms():
                raise RunTimedOut(f'once("{key}") has waited for {ONCE_WAIT_MS / 86_400_000:g} days for another run.')
            has_waited = True
            if attempt.emits:
                await begin_wait(self._bus, attempt, journal, taken)
            if wakes == self._held.wakes:  # else the key may have become free after the store was asked
                await self._hold(attempt, journal, key, due_ms, began_s)

    async def _hold(self, attempt: OpenAttempt, journal: AttemptJournal, key: str, due_ms: int, began_s: float) -> None:
        try:
            await self._held.hold(attempt, journal, key, due_ms, frozenset([wanted_of_once_key(key)]))
        except RunEnded:
            if journal.run_at_ms is not None:
                self._recorder.context_call(attempt, "once", {"operation": "suspended", "key": key}, began_s)
            raise

    def _wait(self, journal: AttemptJournal, key: str, unit: OpenUnit) -> JournalEntry:
        """Return the entry of a run that waits for a key: the one of its try, or a new one."""
        entry = journal.entries.get(key)
        if entry is not None and entry.due_ms is not None and entry.failures == journal.tries:
            return entry
        now_ms = self._clock.now_ms()
        return JournalEntry(
            key, "once", now_ms, due_ms=now_ms + ONCE_WAIT_MS, failures=journal.tries, is_sensitive=unit.is_sensitive
        )

    def _check_room(self, entry: JournalEntry, room_bytes: int) -> None:
        if entry.size > room_bytes:
            raise JournalFull(
                f'With the {entry.size:,} bytes of once("{entry.key}"), which another run has kept, this one would '
                f"keep more than {self._options.run_bytes_max:,} ([durable] run_bytes_max). Keep large results in the "
                "state or in files, and return their names."
            )

    async def keep(self, delivery: Delivery, entry: JournalEntry, ttl_ms: int) -> bool:
        """Keep how a function has ended: a result for the project, an error for the run alone."""
        if entry.error is None:
            return await self._bus.once_keys.keep(delivery, entry, ttl_ms)
        return await self._bus.once_keys.give_back(delivery, entry.key, entry)

    async def give_back(self, delivery: Delivery, key: str) -> None:
        """Let another run call the function, whose result was refused."""
        try:
            await self._bus.once_keys.give_back(delivery, key)
        except PolystepError:
            return  # the disk refuses: the key is free when the attempt has ended
