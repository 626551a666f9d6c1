"""Idempotency keys of requests in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Final

import orjson

from polystep.contracts import limits
from polystep.contracts.events import Claim, NewDelivery, Stored
from polystep.contracts.journal import JournalEntry
from polystep.contracts.ports.clock import Clock
from polystep.contracts.request_keys import KeptResponse, KeyedRequest, KeyedRun, KeyRefusal, SentBy
from polystep.stores.postgres.calls import Ask, Mark, Plain, Statement, numbered
from polystep.stores.postgres.database import PostgresDatabase
from polystep.stores.postgres.driver import Row
from polystep.stores.postgres.journal import READ_JOURNAL, journal_of
from polystep.stores.postgres.tally import Tally
from polystep.stores.postgres.wait_columns import scope_of
from polystep.stores.postgres.writes import Apart, Asked, KeepRequest, StoreDeliveries

_KEPT, _NOT_KEPT, _FREE = 1, 2, 3

_BEGIN: Final = f"SELECT * FROM {{schema}}.begin_request_1({numbered(16)})"
_END: Final = f"SELECT {{schema}}.end_request_1({numbered(17)})"
_RELEASE: Final = "SELECT {schema}.release_requests_1($1, $2, $3)"
_COUNT: Final = "SELECT count(*), coalesce(sum(length(body)), 0)::bigint FROM {schema}.request_keys"
_DEAD: Final = """
SELECT EXISTS (SELECT FROM {schema}.request_keys r WHERE r.state = 0 AND r.lease_until_ms > 0
  AND NOT EXISTS (SELECT FROM {schema}.hosts h WHERE h.id = r.host))"""


class PostgresRequestKeyStore:
    """Implements `RequestKeyStore`."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tally = Tally(_COUNT, lambda: (limits.REQUEST_KEYS_MAX, limits.KEPT_RESPONSES_BYTES_MAX))

    def begin(
        self, request: KeyedRequest, run_id: str, owner: str, lease_until_ms: int, until_ms: int
    ) -> asyncio.Future[KeyedRun | KeptResponse | KeyRefusal]:
        """Look at the row of the key, and write it when the request is to run."""
        run = (run_id, owner, lease_until_ms, until_ms, self._clock.now_ms())
        return self._database.write(Apart(lambda asked: _Begin(asked, self._tally, request, run)), request.key)

    def renew(self, runs: Sequence[KeyedRun], owner: str, lease_until_ms: int) -> asyncio.Future[None]:
        """Write the end of each lease."""
        call = Statement(_END, (*_mine(*runs), None, owner, lease_until_ms, *(None,) * 6))
        return self._database.write(Apart(lambda asked: Plain(asked, call, lambda _: None)))

    def end(self, run: KeyedRun, response: KeptResponse | None, until_ms: int) -> asyncio.Future[bool]:
        """Write the response into the row of the key, and remove the journal."""
        if response is None:
            return self._end(run, _NOT_KEPT, until_ms)
        self._tally.bytes += len(response.body)
        kept = (response.status, json.dumps(response.headers), response.trace_id, response.body)
        return self._end(run, _KEPT, until_ms, *kept)

    def free(self, run: KeyedRun) -> asyncio.Future[bool]:
        """Write that nobody has the key."""
        return self._end(run, _FREE, None)

    def keep(self, run: KeyedRun, entry: JournalEntry) -> asyncio.Future[bool]:
        """Write one row of the journal in a group."""
        return self._database.write(KeepRequest(run, entry), run.request.key)

    def enqueue(
        self, sent: SentBy, deliveries: Sequence[NewDelivery], claim: Claim | None = None
    ) -> asyncio.Future[Stored]:
        """Write the deliveries and the mark of what was sent in a group."""
        emits = StoreDeliveries(deliveries, claim, self._clock.now_ms(), self._database.deployment)
        return self._database.write(KeepRequest(sent.run, None, emits, (sent.emit,)), sent.run.request.key)

    async def release_dead(self) -> None:
        """End the leases of hosts that are not there any more."""
        ((are_dead,),) = await self._database.read(_DEAD)
        if are_dead:
            call = Statement(_RELEASE)
            await self._database.write(Apart(lambda asked: Plain(asked, call, lambda _: None)))

    def _end(self, run: KeyedRun, state: int, until_ms: int | None, *kept: object) -> asyncio.Future[bool]:
        response = kept or (None,) * 4
        call = Statement(_END, (*_mine(run), state, None, None, until_ms, self._clock.now_ms(), *response))
        return self._database.write(
            Apart(lambda asked: Plain(asked, call, lambda rows: rows[0][0], lambda mark, _: bool(mark.swapped))),
            run.request.key,
        )


def _mine(*runs: KeyedRun) -> tuple[Sequence[object], ...]:
    scopes = [scope_of(run.request) for run in runs]
    columns = [[scope[place] for scope in scopes] for place in range(3)]
    return *columns, [run.run_id for run in runs], [run.token for run in runs]


class _Begin(Plain):
    """Begins a request. What was begun while the answer was lost is noted with the lane; all else is asked again."""

    def __init__(self, asked: Asked, tally: Tally, request: KeyedRequest, run: tuple[str, str, int, int, int]) -> None:
        super().__init__(asked, Statement(""), lambda _: None)
        self._tally = tally
        self._request = request
        self._run = run

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Count, as far as that is needed."""
        now_ms = self._run[-1]
        beyond: tuple[int | None, int | None] = (None, None)
        if await self._tally.is_full(ask, now_ms):
            beyond = (self._tally.count, self._tally.bytes)
        bounds = (limits.REQUEST_KEYS_MAX, limits.KEPT_RESPONSES_BYTES_MAX)
        return Statement(_BEGIN, (*scope_of(self._request), self._request.fingerprint, *self._run, *beyond, *bounds))

    def heard(self, rows: Sequence[Row]) -> list[Asked]:
        """Answer; a run that was tried before reads its journal first."""
        what, run_id, token, status, headers, body, trace_id = rows[0]
        if what == "run":
            return self._begun(run_id, token)
        if what == "kept":
            named = tuple((name, value) for name, value in orjson.loads(headers))
            self._asked.answer(KeptResponse(status, named, body, trace_id))
        else:
            self._asked.answer(what)
        return []

    def unheard(self, mark: Mark, rows: Sequence[Row]) -> list[Asked]:
        """Go on with the run that was begun, or ask again."""
        return [self._asked] if mark.notes is None else self._begun(*orjson.loads(mark.notes))

    def _begun(self, run_id: str, token: int) -> list[Asked]:
        self._tally.count += token == 1
        run = KeyedRun(self._request, run_id, token)
        if token > 1:
            read = Apart(lambda asked: _ReadJournal(asked, run))
            return [Asked(read, self._asked.waiter, self._asked.asked_s)]
        self._asked.answer(run)
        return []


class _ReadJournal(Plain):
    """Reads what earlier tries of a run have kept; none of them keeps more."""

    def __init__(self, asked: Asked, run: KeyedRun) -> None:
        super().__init__(asked, Statement(""), lambda _: None)
        self._run = run

    async def prepare(self, ask: Ask, place: str) -> Statement | None:
        """Read, and answer."""
        self._asked.answer(self._run._replace(journal=journal_of(await ask(READ_JOURNAL, self._run.run_id))))
        return None
