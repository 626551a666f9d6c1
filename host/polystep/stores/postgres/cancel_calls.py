"""Calls that cancel runs: what they say is JSON, which is noted with the lane in case that the answer is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from polystep.contracts.errors import PolystepError
from polystep.contracts.events import Cancellations, RemovedDelivery, RunToEnd, Stored
from polystep.stores.postgres.calls import Ask, Plain, Statement
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.writes import Asked

AT_ONCE: Final = 20
"""Runs that are removed before whoever stores an event is answered."""
_BY_EVENTS: Final = "SELECT {schema}.cancel_by_events_1($1, $2, $3, $4, $5, $6, $7)"
_NEXT: Final = "SELECT min(at_ms) FROM {schema}.cancellations"


def noted(asked: Asked, call: Statement, answer: Any) -> Plain:
    """Make a call that says JSON, and notes it with its lane in case that the answer is lost."""
    return Plain(
        asked,
        call,
        lambda rows: answer(orjson.loads(rows[0][0])),
        lambda mark, _: answer(orjson.loads(mark.notes or "null")),
    )


def removed_of(said: Sequence[Any]) -> RemovedDelivery:
    """Make what was removed of `[step, run, trace, bytes]`."""
    step, run_id, trace_id, size = said
    return RemovedDelivery(bytes.fromhex(step).decode(), run_id, trace_id, size)


class CancelByEvents(Plain):
    """Removes runs that events mean which were just stored, before those who have stored them are answered.

    What it leaves to do is durable: a failure is none of the events.
    """

    def __init__(self, asked: Asked, stored: Stored, event_ids: Sequence[str], now_ms: int) -> None:
        call = Statement(_BY_EVENTS, (None, list(event_ids), AT_ONCE, now_ms))
        super().__init__(
            asked,
            call,
            lambda rows: self._stored(_cancellations(orjson.loads(rows[0][0]))),
            lambda mark, _: self._stored(_cancellations(orjson.loads(mark.notes or "null"))),
        )
        self._result = stored

    def fail(self, failure: PolystepError) -> None:
        """Say that more is to be done."""
        self._asked.answer(self._stored(Cancellations(is_done=False, has_more=True)))

    def drop(self, before_s: float, failure: PolystepError) -> None:
        """Likewise."""
        if self._asked.asked_s < before_s:
            self.fail(failure)

    def _stored(self, found: Cancellations) -> Stored:
        before = self._result.cancelled
        is_done = found.is_done and (before is None or before.is_done)
        self._result.cancelled = found._replace(is_done=is_done, next_ms=None)
        return self._result


class Settle(Plain):
    """Goes on with events that are due. It looks first whether there is one."""

    def __init__(self, asked: Asked, owner: str, limit: int, now_ms: int) -> None:
        super().__init__(
            asked,
            Statement(_BY_EVENTS, (owner, None, limit, now_ms)),
            lambda rows: _cancellations(orjson.loads(rows[0][0])),
            lambda mark, _: _cancellations(orjson.loads(mark.notes or "null")),
        )
        self._now_ms = now_ms

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Look."""
        rows: Sequence[Row] = await ask(_NEXT)
        next_ms = rows[0][0]
        if next_ms is None or next_ms > self._now_ms:
            self._asked.answer(Cancellations(next_ms=next_ms))
            return None
        return self._statement


def _cancellations(said: Any) -> Cancellations:
    reasons = dict(zip(said["roots"], said["reasons"], strict=True))
    removed: list[RemovedDelivery] = []
    called: list[RunToEnd] = []
    for root, *columns, is_running in said["found"]:
        if is_running:
            called.append(RunToEnd(columns[1], reasons[root]))
        else:
            removed.append(removed_of(columns)._replace(reason=reasons[root]))
    running = [RunToEnd(run_id, reason) for run_id, reason in said["running"]]
    return Cancellations(removed, running, called, said["is_done"], said["has_more"], said["next_ms"])
