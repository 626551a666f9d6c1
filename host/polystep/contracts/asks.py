"""Asks: decisions of people and answers of other systems that runs wait for."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from polystep.contracts.values import JSONObject, JSONValue

ASK_PATH: Final = "/__polystep/ask/"
"""Path of the links to asks, in front of the token."""

AskKind: TypeAlias = Literal["ask", "callback"]
AskStatus: TypeAlias = Literal["open", "answered", "timed_out", "cancelled"]


class AskSignature(NamedTuple):
    """Rule by which the answer of another system proves its origin: an HMAC-SHA256 of its body."""

    header: str
    secret_env: str
    """Variable with the secret."""


class Ask(NamedTuple):
    """One ask of a run, as it is stored."""

    id: str
    """16 hex digits, the same in every leg of its run."""
    kind: AskKind
    run_id: str
    key: str
    """Key in the journal of the run."""
    step: str
    trace_id: str
    title: str
    data: bytes
    """Subject of the answer, packed by the wire codec."""
    schema: bytes | None
    """JSON Schema of the answer, as JSON; `None` takes every value."""
    asked_at_ms: int
    due_ms: int
    """From then on it is answered no more."""
    token_hash: bytes
    """SHA-256 of the token in its link."""
    is_sensitive: bool = False
    status: AskStatus = "open"
    closed_at_ms: int | None = None
    closed_by: str | None = None
    """Name that the one who answered gave."""
    outcome: bytes | None = None
    """Result of the wait, packed: the status, and the value of an answer."""
    signature: AskSignature | None = None
    """Given when it is opened; `AskStore.signature` reads it."""


class ShownAsk(NamedTuple):
    """Ask as its link shows it."""

    id: str
    kind: AskKind
    step: str
    title: str
    data: JSONValue
    schema: JSONObject | None
    due_ms: int
    status: AskStatus


class ClosedAsk(NamedTuple):
    """Result of an attempt to close an ask."""

    ask: Ask
    """As it is now, whoever has closed it."""
    is_closed_now: bool
    """This call has closed it."""
    due_step: str | None = None
    """Step of a suspended run that has become due by that."""


def outcome_of(status: AskStatus, value: JSONValue) -> JSONObject:
    """Return what the handler gets of a closed ask."""
    return {"status": status, "value": value} if status == "answered" else {"status": status, "value": None}
