"""Results that are kept under a key: `once` (PS-8.15, PS-8.16); the end of a suspended handler (PS-8.18)."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from polystep_runner.adapters.functions import Function, caught
from polystep_runner.adapters.schemas import Check, check_of
from polystep_runner.attempt import Attempt, Call
from polystep_runner.codec import plain
from polystep_runner.errors import PolystepError, describe, error_from_wire, failure_of
from polystep_runner.features.waits import WITHIN, Done, Waits, site_of, text_of, unfitting


def step_failure(error: BaseException) -> PolystepError:
    """Make the error of a failed handler, which may say what follows: `retryable`, `retry_after` (PS-7.14)."""
    failure = failure_of("step_failed", error)
    with suppress(Exception):  # properties are user code
        if getattr(error, "retryable", None) is False:
            failure.retryable = False
        if isinstance(wanted := getattr(error, "retry_after", getattr(error, "retryAfter", None)), str):
            failure.data["retry_after"] = wanted
    return failure


def suspend(attempt: Attempt, reason: str) -> None:
    """End what a suspended handler waits for, as a cancelled task does: no `except Exception` takes it (PS-8.18)."""
    for call in (*attempt.open, *attempt.waits) if reason == "suspended" else ():
        if isinstance(call, Call) and not call.future.done():
            call.future.set_exception(asyncio.CancelledError("suspended"))
            call.future.exception()


@contextmanager
def _holding(attempt: Attempt) -> Generator[None, None, None]:
    """Let the answer of the handler wait, as for one call."""
    hold = object()
    attempt.open.add(hold)
    try:
        yield
    finally:
        attempt.channel.loop.call_soon_threadsafe(attempt.release, hold)


class Unit:
    """Given to the function of a `once`."""

    def __init__(self, idempotency_key: str, attempt: int) -> None:
        self.idempotency_key, self.attempt = idempotency_key, attempt
        self.signal = threading.Event()
        """Set when the time is over."""


class Durable(Waits):
    """The durable calls of a context; of a cron step also the time for which its tick was due, however late it runs."""

    @property
    def scheduled_at(self) -> datetime | None:
        """Time for which the tick of a cron step was due."""
        at_ms = self._attempt.params.get("scheduled_ms")
        return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)

    scheduledAt = scheduled_at

    def once(
        self, key: str, fn: Callable[..., Any] | None = None, *, schema: Any = None, timeout: str | None = None,
        retries: int | None = None, shared: bool = False, sensitive: bool = False, scope: str | None = None,
        ttl: str | None = None,
    ) -> Any:  # fmt: skip
        """Call `fn` unless the run has kept what it gave; without `fn`, decorate a function."""
        options = {"timeout": timeout, "retries": retries, "shared": shared or None, "sensitive": sensitive or None,
                   "scope": scope, "ttl": ttl}  # fmt: skip
        if fn is None:
            given: Any = {**options, "schema": schema}
            return lambda function: self.once(key, function, **{name: each for name, each in given.items() if each})
        once = _Once(self._attempt, text_of(key), fn, schema, {**options, "site": site_of()})
        return once.run() if self._attempt.channel.is_here() else Done(once.run_here())


class _Once:
    """One `once`: asks the host, and calls the function when nothing is kept."""

    def __init__(
        self, attempt: Attempt, key: str, fn: Callable[..., Any], schema: Any, options: dict[str, object]
    ) -> None:
        self._attempt, self._key, self._function = attempt, key, Function(fn, 1)
        if options["scope"] is not None:
            options = {**options, "within": WITHIN.get()}
        asked = {"key": key, **{name: value for name, value in options.items() if value is not None}}
        self._check: Check | None = None
        if isinstance(schema, dict):
            asked["schema"] = schema
        elif schema is not None:
            self._check = check_of(schema)
        self._asked = asked

    async def run(self) -> Any:
        """Do it on the event loop."""
        with _holding(self._attempt):
            begun = await self._attempt.call("once.begin", self._asked)
            if "go" not in begun:
                return self._kept(begun)
            unit = Unit(begun["go"], begun["attempt"])
            while True:
                token = WITHIN.set(self._key)
                try:
                    value, result = self._made(await self._timed(unit, begun["timeout_ms"] / 1000))
                except Exception as error:
                    again = await self._attempt.call("once.end", self._failure(error))
                    if not isinstance(again, dict):
                        raise
                    unit = Unit(begun["go"], again["attempt"])
                    await asyncio.sleep(again["again_ms"] / 1000)
                    continue
                finally:
                    WITHIN.reset(token)
                await self._attempt.call("once.end", {"key": self._key, "value": value})
                return result

    def run_here(self) -> Any:
        """Do it in the thread of a plain handler."""
        with _holding(self._attempt):
            begun = self._attempt.call("once.begin", self._asked).result()
            if "go" not in begun:
                return self._kept(begun)
            unit = Unit(begun["go"], begun["attempt"])
            while True:
                try:
                    value, result = self._made(self._in_thread(unit, begun["timeout_ms"] / 1000))
                except Exception as error:
                    again = self._attempt.call("once.end", self._failure(error)).result()
                    if not isinstance(again, dict):
                        raise
                    unit = Unit(begun["go"], again["attempt"])
                    threading.Event().wait(again["again_ms"] / 1000)
                    continue
                self._attempt.call("once.end", {"key": self._key, "value": value}).result()
                return result

    async def _timed(self, unit: Unit, timeout_s: float) -> Any:
        try:
            async with asyncio.timeout(timeout_s) as limit:
                value = self._function.call(*(unit,)[: self._function.takes])
                return await value if inspect.isawaitable(value) else value
        except TimeoutError as error:
            if not limit.expired():
                raise
            unit.signal.set()
            raise self._late(timeout_s) from error

    def _in_thread(self, unit: Unit, timeout_s: float) -> Any:
        """Call the function beside the handler, which goes on when the time is over: no thread can be ended."""
        context, ended = contextvars.copy_context(), list[tuple[Any, BaseException | None]]()

        def work() -> None:
            WITHIN.set(self._key)
            ended.append(caught(self._function.call, (unit,)[: self._function.takes]))

        thread = threading.Thread(target=context.run, args=(work,), name="polystep-once", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if not ended:
            unit.signal.set()
            raise self._late(timeout_s)
        value, error = ended[0]
        if error is not None:
            raise error
        if inspect.iscoroutine(value):
            return asyncio.run(value)
        return value

    def _late(self, timeout_s: float) -> PolystepError:
        error = PolystepError("timed_out", f'once("{self._key}") did not finish within {timeout_s:g} s.')
        error.code = 12
        return error

    def _kept(self, begun: dict[str, Any]) -> Any:
        if "error" in begun:
            error = error_from_wire(begun["error"])
            error.code = begun["error"].get("code", 21)
            raise error
        return self._fitting(begun["value"], is_new=False)

    def _made(self, given: Any) -> tuple[Any, Any]:
        """Return the value that is kept, and what the handler gets: the same on every later leg."""
        value = plain(given, "value")
        return value, self._fitting(value, is_new=True)

    def _fitting(self, value: Any, *, is_new: bool) -> Any:
        made, issues = (value, []) if self._check is None else self._check(value)
        if not issues:
            return made
        raise unfitting(f'once("{self._key}")', issues, is_new=is_new)

    def _failure(self, error: BaseException) -> dict[str, Any]:
        known = describe(error)
        retryable = step_failure(error).retryable
        kept = {"name": known["name"], "message": known["message"], "retryable": retryable}
        if isinstance(error, PolystepError):
            kept |= {"code": error.code, "data": error.data}
        return {"key": self._key, "error": kept}
