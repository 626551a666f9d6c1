"""Idempotency keys of requests: what a request with a key is, what becomes of it, and the response that is kept."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from polystep.contracts.journal import SentEmit, StoredJournal


class KeyedRequest(NamedTuple):
    """Request with an `Idempotency-Key`: two with the same step, key and client are one."""

    step: str
    key: str
    client: bytes
    """Hash of its `Authorization`, so that nobody gets the response to somebody else."""
    fingerprint: bytes
    """Hash of method, path, query and body."""


class KeyedRun(NamedTuple):
    """The run of a request with a key, under a lease."""

    request: KeyedRequest
    run_id: str
    """Of its journal: the same in every try."""
    token: int
    """Grows with every try: what an older one wants to store is refused."""
    journal: StoredJournal = StoredJournal()
    """Results that earlier tries have kept, and events that they have sent."""


class KeptResponse(NamedTuple):
    """Response of a step, for later requests with the key."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    trace_id: str
    """Of the request that got it first."""


class SentBy(NamedTuple):
    """An event of the run of a request with a key: the run sends it once, in all tries together."""

    run: KeyedRun
    emit: SentEmit


KeyRefusal: TypeAlias = Literal["running", "not_kept", "other_request"]
"""Its first request is under way; has ended with a response that was too large to keep; was another one."""
