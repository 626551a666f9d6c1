"""Calls of `once`: functions whose results are kept under a key, before their handler goes on."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Final

from polystep.bus import Bus
from polystep.contracts.durations import duration_ms
from polystep.contracts.errors import ContractBroken, InvalidParams, JournalFull, PolystepError, RunEnded
from polystep.contracts.events import Delivery
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.clock import Clock
from polystep.contracts.request_keys import KeyedRun
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import SchemaValidator
from polystep.execution.attempts import OpenAttempt, OpenAttempts
from polystep.execution.held import HeldHandlers
from polystep.execution.journal import AttemptJournal, DurableOptions, OpenUnit, key_of, schema_of, site_of
from polystep.execution.once_keys import ProjectKeys, ttl_ms_of
from polystep.execution.wait_calls import SUPERSEDED
from polystep.trace import TraceRecorder
from polystep.wire import pack, unpack

ONCE_TIMEOUT_MS: Final = 5 * 60_000
RETRIES_MAX: Final = 100
AGAIN_S: Final = 0.5
AGAIN_MAX_S: Final = 30.0
STORE_PAUSE_S: Final = 1.0
"""Between tries to store a result, when the disk refuses: the handler does not go on without it."""
_DESCRIBED: Final = ("name", "message", "code", "data")
"""Members of an error that are kept."""

_log = logging.getLogger("polystep.durable")


class Once:
    """Answers `once.begin` and `once.end`."""

    def __init__(
        self,
        bus: Bus,
        attempts: OpenAttempts,
        recorder: TraceRecorder,
        clock: Clock,
        held: HeldHandlers,
        options: DurableOptions,
    ) -> None:
        self._bus = bus
        self._attempts = attempts
        self._recorder = recorder
        self._clock = clock
        self._held = held
        self._options = options
        self._keys = ProjectKeys(bus, recorder, clock, held, options)

    def begin(self, params: JSONObject) -> object:
        """Answer with what was kept, or let the function be called."""
        began_s = self._recorder.now_s()
        attempt = self._attempts.get(params.get("run"))
        key, shared, site = key_of(params), params.get("shared") is True, site_of(params)
        timeout_ms = _timeout_ms(params.get("timeout"))
        retries = _retries(params.get("retries"))
        schema, ttl_ms = schema_of(params.get("schema"), "once"), ttl_ms_of(params, key)
        journal = self._held.journal(attempt)
        if ttl_ms is not None:
            self._keys.check(journal, key)
        if journal.run_at_ms is not None or self._held.is_stopping:
            return self._held.leave(attempt, journal)
        journal.use(key, "once", site, shared=shared)
        if (open_unit := journal.units.get(key) or journal.awaited.get(key)) is not None:
            joined: asyncio.Future[JSONObject] = asyncio.get_running_loop().create_future()
            open_unit.joined.append(joined)
            return joined
        entry = journal.entries.get(key)
        if entry is not None and (answer := _kept(entry, journal)) is not None:
            return self._hit(attempt, entry, answer, schema, began_s)
        if journal.kept_by is not None and entry is None and len(journal.entries) >= self._options.entries_max:
            raise JournalFull(
                f"The run keeps {self._options.entries_max:,} results, and no more may be ([durable] entries_max). "
                "Split the work into several events."
            )
        sensitive = params.get("sensitive") is True
        unit = OpenUnit(self._clock.monotonic_s(), timeout_ms / 1000, retries, sensitive, schema, ttl_ms)
        if ttl_ms is not None:

            def hit(found: JournalEntry) -> JSONObject:
                return self._hit(attempt, found, {"value": unpack(found.value or b"")}, schema, began_s)

            return self._keys.take(attempt, journal, key, unit, hit)
        journal.begin_unit(key, unit)
        return {
            "go": _idempotency_key(attempt.run_id if journal.keyed is None else journal.keyed.run_id, key),
            "timeout_ms": timeout_ms,
            "attempt": 1,
        }

    async def end(self, params: JSONObject) -> JSONObject | None:
        """Keep what the function has given, or let it be called again."""
        attempt = self._attempts.get(params.get("run"))
        key, journal = key_of(params), self._held.journal(attempt)
        unit = journal.units.get(key)
        if unit is None:
            raise InvalidParams(f'once.end: nothing has begun under the key "{key}".')
        journal.touched_s = self._clock.monotonic_s()
        failure = params.get("error")
        if isinstance(failure, dict) and failure.get("retryable") is not False and unit.attempt <= unit.retries:
            pause_s = min(AGAIN_S * 2 ** (unit.attempt - 1), AGAIN_MAX_S)
            unit.attempt += 1
            unit.tried_s = self._clock.monotonic_s() + pause_s
            return {"again_ms": round(pause_s * 1000), "attempt": unit.attempt}
        value = params.get("value")
        traced: JSONObject = {"operation": "run", "key": key}
        error: PolystepError | None = None
        try:
            answer = await self._keep(journal, key, unit, value, failure)
        except PolystepError as refused:
            error = refused
            unit.answer_joined(refused)
            if unit.ttl_ms is not None and journal.delivery is not None and not isinstance(refused, RunEnded):
                await self._keys.give_back(journal.delivery, key)
            raise
        finally:
            if not journal.is_closed:
                journal.end_unit(key)
            if not unit.is_sensitive:
                traced |= {"failed": failure} if isinstance(failure, dict) else {"value": value}
            self._recorder.context_call(attempt, "once", traced, unit.began_s, error)
            self._held.look_again()
        if journal.pending:
            self._held.leave_soon(attempt, journal)
        unit.answer_joined(answer)
        await self._held.forget(attempt, journal)
        return None

    async def _keep(
        self, journal: AttemptJournal, key: str, unit: OpenUnit, value: JSONValue, failure: JSONValue
    ) -> JSONObject:
        """Store how a `once` ended; returns the answer for others that share its key."""
        now_ms, kept_by = self._clock.now_ms(), journal.kept_by
        if isinstance(failure, dict):
            described: JSONObject = {name: failure[name] for name in _DESCRIBED if name in failure}
            is_final = failure.get("retryable") is False
            described["retryable"] = not is_final
            packed = pack(described)
            if len(packed) > self._options.value_bytes_max:
                packed = pack({"name": str(failure.get("name"))[:1000], "message": str(failure.get("message"))[:1000]})
            entry = JournalEntry(key, "once", now_ms, None, packed, is_final, journal.tries, None, unit.is_sensitive)
            answer: JSONObject = {"error": described}
        else:
            entry = JournalEntry(key, "once", now_ms, pack(value), is_sensitive=unit.is_sensitive)
            answer = {"value": value}
            _check_value(key, unit.schema, answer, is_new=True)
        if kept_by is not None:
            self._check_size(journal, entry)
            await self._store(kept_by, entry, unit.ttl_ms)
            journal.add(entry)
        return answer

    def _check_size(self, journal: AttemptJournal, entry: JournalEntry) -> None:
        options = self._options
        if entry.size > options.value_bytes_max:
            raise JournalFull(
                f'The result of once("{entry.key}") has {entry.size:,} bytes; at most {options.value_bytes_max:,} are '
                "kept ([durable] value_bytes_max). Keep it in the state or in a file, and return its name."
            )
        if journal.bytes + entry.size > options.run_bytes_max:
            raise JournalFull(
                f'With the {entry.size:,} bytes of once("{entry.key}") the run would keep '
                f"{journal.bytes + entry.size:,}; at most {options.run_bytes_max:,} may be ([durable] run_bytes_max). "
                "Keep large results in the state or in files, and return their names."
            )

    async def _store(self, kept_by: Delivery | KeyedRun, entry: JournalEntry, ttl_ms: int | None) -> None:
        """Store an entry, again and again while the disk refuses: its effect has happened."""
        while True:
            try:
                if ttl_ms is not None and isinstance(kept_by, Delivery):
                    is_mine = await self._keys.keep(kept_by, entry, ttl_ms)
                else:
                    is_mine = await self._bus.suspensions.keep(kept_by, entry)
                break
            except PolystepError as error:
                _log.error('Keeping the result of once("%s") failed, trying again: %s', entry.key, error.message)
                await self._clock.sleep(STORE_PAUSE_S)
        if not is_mine:
            raise RunEnded(SUPERSEDED)

    def _hit(
        self,
        attempt: OpenAttempt,
        entry: JournalEntry,
        answer: JSONObject,
        schema: SchemaValidator | None,
        began_s: float,
    ) -> JSONObject:
        """Return what is kept, checked and traced."""
        _check_value(entry.key, schema, answer, is_new=False)
        traced: JSONObject = {
            "operation": "hit",
            "key": entry.key,
            "keptAt": entry.kept_at_ms,
            "ageMs": self._clock.now_ms() - entry.kept_at_ms,
        }
        if not entry.is_sensitive:
            traced |= {"failed": answer["error"]} if "error" in answer else {"value": answer["value"]}
        self._recorder.context_call(attempt, "once", traced, began_s)
        return answer


def _kept(entry: JournalEntry, journal: AttemptJournal) -> JSONObject | None:
    """Return the answer that an entry gives; `None` when an error of an earlier try is forgotten."""
    if entry.value is not None:
        return {"value": unpack(entry.value)}
    if entry.error is not None and (entry.is_final or entry.failures == journal.tries):
        return {"error": unpack(entry.error)}
    return None


def _check_value(key: str, schema: SchemaValidator | None, answer: JSONObject, *, is_new: bool) -> None:
    """Check a result by plain JSON Schema; one that is new is asked for again by the next try."""
    if schema is None or "value" not in answer or not (issues := schema.issues(answer["value"])):
        return
    where = ".".join(map(str, issues[0].path)) or "it"
    what = "the result" if is_new else "the kept result"
    listed: list[JSONValue] = [issue.to_json() for issue in issues]
    broken = ContractBroken(
        f'once("{key}"): {what} breaks its schema: {where}: {issues[0].message}', {"key": key, "issues": listed}
    )
    broken.retryable = is_new
    raise broken


def _timeout_ms(timeout: JSONValue) -> int:
    return ONCE_TIMEOUT_MS if timeout is None else max(duration_ms(timeout, "The timeout of once"), 1)


def _retries(retries: JSONValue) -> int:
    if retries is None:
        return 0
    if isinstance(retries, float) and retries.is_integer():
        retries = int(retries)
    if type(retries) is not int or not 0 <= retries <= RETRIES_MAX:
        raise InvalidParams(f"`retries` of once is an integer from 0 to {RETRIES_MAX}; it is {retries!r}.")
    return retries


def _idempotency_key(run_id: str, key: str) -> str:
    return hashlib.sha256(f"{run_id}:{key}".encode()).hexdigest()[:32]
