"""Waits of handlers: for a time, for a person, for another system."""

from __future__ import annotations

from typing import Final, cast

from polystep.contracts.asks import Ask, AskKind, AskStatus, outcome_of
from polystep.contracts.durations import DURATION_MS_MAX, duration_ms
from polystep.contracts.errors import InvalidParams, JournalFull, PolystepError, RunEnded
from polystep.contracts.journal import EntryKind, JournalEntry
from polystep.contracts.signals import ChildCall, SignalWait
from polystep.contracts.values import JSONObject, JSONValue
from polystep.execution.asks import Asks, ask_id, new_ask
from polystep.execution.attempts import OpenAttempt
from polystep.execution.child_calls import ChildCalls
from polystep.execution.held import HeldHandlers
from polystep.execution.journal import DurableOptions, key_of, site_of
from polystep.execution.signal_waits import SignalWaits, wanted_of
from polystep.execution.wait_calls import SUPERSEDED, WaitCall, WaitTools, begin_wait
from polystep.wire import pack, unpack

USUAL_TIMEOUT: Final = "7d"
_KINDS: Final = ("sleep", "ask", "callback", "event", "call")
_WORDS: Final = {"event": "waitFor"}
"""Names of kinds in user code, where they differ."""


class Waits:
    """Answers `wait`."""

    def __init__(self, tools: WaitTools, held: HeldHandlers, options: DurableOptions, asks: Asks) -> None:
        self._tools = tools
        self._asks = asks
        self._signals = SignalWaits(tools, held)
        self._calls = ChildCalls(tools, held)
        self._held = held
        self._options = options

    async def wait(self, params: JSONObject) -> JSONValue:
        """Register a wait, and return when it is over.

        Raises:
            InvalidParams: It cannot be waited for here, or not like this.
            RunEnded: The leg has ended meanwhile.
        """
        wait = self._read(params)
        journal, key = wait.journal, wait.key
        if journal.run_at_ms is not None:
            await self._held.leave(wait.attempt, journal)
        is_opening = wait.kind == "callback" and params.get("open") is True
        journal.use(key, wait.kind, site_of(params), shared=wait.kind == "callback" and not is_opening)
        traced: JSONObject = {"key": key}
        entry = await self._register(wait, traced)
        if is_opening:
            self._trace(wait, {**traced, "operation": "opened"}, None)
            return self._door(wait)
        error: PolystepError | None = None
        try:
            return await self._ended(wait, entry, traced)
        except PolystepError as ended:
            error = ended
            traced["operation"] = "suspended"
            raise
        finally:
            # A suspended leg has ended: its waits are shown as what they are, and not as failures.
            self._trace(wait, traced, None if journal.run_at_ms else error)

    async def _ended(self, wait: WaitCall, entry: JournalEntry, traced: JSONObject) -> JSONValue:
        match wait.kind:
            case "sleep":
                await self._slept(wait, entry)
                return None
            case "event":
                return await self._signals.wait(wait, entry, traced)
            case "call":
                return await self._calls.wait(wait, entry, traced)
            case _:
                return await self._answered(wait, entry, traced)

    def _read(self, params: JSONObject) -> WaitCall:
        began_s = self._tools.recorder.now_s()
        attempt = self._tools.attempts.get(params.get("run"))
        key, kind, within = key_of(params), params.get("kind"), params.get("within")
        if kind not in _KINDS:
            raise InvalidParams(f"This host knows no wait of the kind {kind!r}.")
        word = _WORDS.get(kind, kind)
        journal = self._held.journal(attempt)
        if journal.delivery is None:
            raise InvalidParams(
                f"{word} is for event and cron steps: a client would wait with it. Emit an event, whose step can wait, "
                "or answer 202."
            )
        if isinstance(within, str):
            raise InvalidParams(f'{word}("{key}") cannot be inside once("{within}"): wait before it or after it.')
        known = cast("EntryKind", kind)
        if known == "event":
            wanted_of(attempt.step, key, params)
        if known == "sleep":
            for_ms = duration_ms(params.get("duration"), "The duration of a sleep")
        else:
            for_ms = self._timeout_ms(attempt, key, word, params)
        return WaitCall(attempt, journal, journal.delivery, key, known, for_ms, params, began_s)

    def _timeout_ms(self, attempt: OpenAttempt, key: str, kind: str, params: JSONObject) -> int:
        if "timeout" not in params:
            if kind != "call" and (attempt.journal is None or key not in attempt.journal.entries):
                self._log(
                    attempt, "warn", f'{kind}("{key}") has no timeout and waits for {USUAL_TIMEOUT}. Give it one.'
                )
            return duration_ms(USUAL_TIMEOUT, "The timeout")
        timeout = params["timeout"]
        return DURATION_MS_MAX if timeout is None else duration_ms(timeout, f"The timeout of {kind}")

    async def _register(self, wait: WaitCall, traced: JSONObject) -> JournalEntry:
        """Store a wait that is new, with its ask and the events that leave before it."""
        journal, attempt, now_ms = wait.journal, wait.attempt, self._tools.clock.now_ms()
        entry = journal.entries.get(wait.key)
        if entry is not None and entry.error is not None and entry.failures != wait.delivery.failures:
            entry = None  # the error of a call counts within the try that made it
        is_new = entry is None
        wanted: Ask | SignalWait | ChildCall | None = None
        notified: str | None = None
        if entry is None:
            is_sensitive = wait.params.get("sensitive") is True
            entry = JournalEntry(
                wait.key, wait.kind, now_ms, due_ms=now_ms + wait.for_ms, is_sensitive=is_sensitive,
                failures=wait.delivery.failures,
            )  # fmt: skip
            match wait.kind:
                case "ask" | "callback":
                    wanted = self._new_ask(wait, entry)
                    notified = self._notify(wait, wanted)
                case "event":
                    wanted = SignalWait(wanted_of(attempt.step, wait.key, wait.params), wait.for_ms)
                case "call":
                    called = self._calls.plan(wait)
                    wanted, notified = ChildCall(called.run_id), called.event_id
                    attempt.emits.append(called)
                case _:
                    pass
        due_ms = entry.due_ms or now_ms
        if due_ms - entry.kept_at_ms != wait.for_ms and wait.kind == "sleep":
            kept_s = (due_ms - entry.kept_at_ms) / 1000
            self._log(attempt, "info", f'sleep("{wait.key}") keeps the duration that it began with, {kept_s:g} s.')
        if is_new or attempt.emits:
            await self._store(wait, entry, wanted, notified)
        is_over = entry.value is not None or entry.error is not None or due_ms <= now_ms
        traced |= {"operation": "begun" if is_new else "woken" if is_over else "continued", "dueAt": due_ms}
        traced |= self._described(wait, wanted)
        return entry

    def _described(self, wait: WaitCall, wanted: Ask | SignalWait | ChildCall | None) -> JSONObject:
        """Describe for a trace what a wait waits for."""
        if isinstance(wanted, Ask):
            return {"ask": wanted.id, "title": wanted.title}
        if wait.kind == "event":
            return {"topics": [each._asdict() for each in wanted_of(wait.attempt.step, wait.key, wait.params)]}
        if wait.kind == "call":
            return {"step": wait.params.get("step"), "input": wait.params.get("input")}
        return {}

    async def _store(
        self,
        wait: WaitCall,
        entry: JournalEntry,
        wanted: Ask | SignalWait | ChildCall | None,
        notified: str | None,
    ) -> None:
        await begin_wait(self._tools.bus, wait.attempt, wait.journal, entry, wanted, notified)
        if isinstance(wanted, Ask):
            self._asks.changed(wanted.id)

    async def _slept(self, wait: WaitCall, entry: JournalEntry) -> None:
        due_ms = entry.due_ms or 0
        if due_ms > self._tools.clock.now_ms():
            await self._held.hold(wait.attempt, wait.journal, wait.key, due_ms)

    async def _answered(self, wait: WaitCall, entry: JournalEntry, traced: JSONObject) -> JSONValue:
        """Return how an ask was closed, once it is."""
        outcome = entry.value
        is_known = traced["operation"] == "begun"
        while outcome is None:
            if is_known:
                await self._held.hold(wait.attempt, wait.journal, wait.key, entry.due_ms or 0)
            outcome = await self._closed(wait, entry)
            is_known = True
        answer = unpack(outcome)
        if isinstance(answer, dict):
            traced["status"] = answer.get("status")
            if not entry.is_sensitive and answer.get("status") == "answered":
                traced["value"] = answer.get("value")
        return answer

    async def _closed(self, wait: WaitCall, entry: JournalEntry) -> bytes | None:
        """Return the outcome of an ask that is closed; one that nobody answered in time is kept as such."""
        ask = await self._tools.bus.suspensions.closed_ask(wait.delivery, wait.key)
        is_over = (entry.due_ms or 0) <= self._tools.clock.now_ms()
        if ask is None and not is_over:
            return None
        outcome = ask.outcome if ask is not None else None
        if outcome is None:
            status: AskStatus = "cancelled" if ask is not None and ask.status == "cancelled" else "timed_out"
            outcome = pack(outcome_of(status, None))
            if not await self._tools.bus.suspensions.keep(wait.delivery, entry._replace(value=outcome)):
                raise RunEnded(SUPERSEDED)
        if ask is not None and ask.status == "timed_out":
            self._asks.changed(ask.id)
        wait.journal.add(entry._replace(value=outcome))
        return outcome

    def _new_ask(self, wait: WaitCall, entry: JournalEntry) -> Ask:
        attempt = wait.attempt
        token = self._tools.links.token(attempt.run_id, wait.key)
        run = (attempt.run_id, attempt.trace_id, attempt.step.name)
        times = (entry.kept_at_ms, entry.due_ms or entry.kept_at_ms)
        ask = new_ask(cast("AskKind", wait.kind), wait.key, wait.params, run, times, token)
        if (size := len(ask.data) + len(ask.schema or b"")) > self._options.value_bytes_max:
            raise JournalFull(
                f'The data and schema of {wait.kind}("{wait.key}") have {size:,} bytes; at most '
                f"{self._options.value_bytes_max:,} are kept ([durable] value_bytes_max). Give the name of the data."
            )
        return ask

    def _notify(self, wait: WaitCall, ask: Ask) -> str | None:
        """Emit the event that announces an ask; returns its id."""
        notify = wait.params.get("notify")
        if notify is None:
            return None
        topic = notify.get("topic") if isinstance(notify, dict) else None
        data = notify.get("data") if isinstance(notify, dict) else None
        if not isinstance(topic, str) or not (data is None or isinstance(data, dict)):
            raise InvalidParams(f'`notify` of {wait.kind}("{wait.key}") is {{topic, data}}, and its data an object.')
        attempt, began_s = wait.attempt, self._tools.recorder.now_s()
        before, traced = len(attempt.emits), cast("JSONObject", {})
        told: JSONObject = {**(data or {}), "askId": ask.id, "url": self._url(wait)}
        error: PolystepError | None = None
        try:
            self._tools.emits.emit(attempt, topic, told, None, traced)
        except PolystepError as refused:
            error = refused
            raise
        finally:
            self._tools.recorder.context_call(attempt, "emit", traced, began_s, error)
        return attempt.emits[before].event_id if len(attempt.emits) > before else None

    def _door(self, wait: WaitCall) -> JSONObject:
        return {"id": ask_id(wait.attempt.run_id, wait.key), "url": self._url(wait)}

    def _url(self, wait: WaitCall) -> str | None:
        return self._tools.links.url(self._tools.links.token(wait.attempt.run_id, wait.key))

    def _trace(self, wait: WaitCall, traced: JSONObject, error: PolystepError | None) -> None:
        self._tools.recorder.context_call(wait.attempt, _WORDS.get(wait.kind, wait.kind), traced, wait.began_s, error)

    def _log(self, attempt: OpenAttempt, level: str, message: str) -> None:
        self._tools.recorder.log(
            level, message, step=attempt.step.name, trace_id=attempt.trace_id, run_id=attempt.run_id, source="host"
        )
