"""Options of an emit: an id that counts once, and the time at which the event is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from polystep.contracts.durations import DURATION_MS_MAX, duration_ms
from polystep.contracts.errors import InvalidParams
from polystep.contracts.events import EventKey
from polystep.contracts.values import JSONObject, JSONValue

OPTIONS: Final = frozenset({"id", "id_ttl", "replace", "delay", "at"})
"""Members of `emit` beside topic, data and group (PS-8.25)."""
ID_CHARS_MAX: Final = 256
ID_TTL_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class EmitOptions:
    """Id and time of one event."""

    key: EventKey | None = None
    due_ms: int = 0
    """Unix time; 0 is at once. The delay of each step comes on top."""


def read_options(params: JSONObject, now_ms: int) -> EmitOptions:
    """Read the options of an emit.

    Raises:
        InvalidParams: One is not what it must be, or needs an id and there is none.
    """
    id_, replaces, ttl = params.get("id"), params.get("replace"), params.get("id_ttl")
    if replaces not in (None, True, False):
        raise InvalidParams(f"`replace` of emit is true or false; it is {replaces!r}.")
    due_ms = _due_ms(params.get("delay"), params.get("at"), now_ms)
    if id_ is None:
        if replaces or ttl is not None:
            raise InvalidParams(
                "`replace` and `idTtl` are for an event with an id: give it one, such as `order-${id}`."
            )
        return EmitOptions(None, due_ms)
    ttl_ms = ID_TTL_MS if ttl is None else duration_ms(ttl, "`idTtl` of emit")
    return EmitOptions(EventKey(event_id(id_), ttl_ms, replaces is True), due_ms)


def event_id(id: JSONValue) -> str:
    """Return the id of an event as its author chose it.

    Raises:
        InvalidParams: It is no text of 1 to 256 characters.
    """
    if not isinstance(id, str) or not 1 <= len(id) <= ID_CHARS_MAX:
        raise InvalidParams(f"The id of an event is a text of 1 to {ID_CHARS_MAX} characters; it is {str(id)[:300]!r}.")
    return id


def _due_ms(delay: JSONValue, at: JSONValue, now_ms: int) -> int:
    if delay is not None and at is not None:
        raise InvalidParams("Give an event a `delay` or the time `at` which it is due, not both.")
    if delay is not None:
        return now_ms + duration_ms(delay, "`delay` of emit")
    if at is None:
        return 0
    due_ms = _time_ms(at)
    if due_ms > now_ms + DURATION_MS_MAX:
        raise InvalidParams(f"`at` is {at!r}; an event can be due at most 400 days from now.")
    return due_ms


def _time_ms(at: JSONValue) -> int:
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidParams(f"`at` of emit is a time such as '2026-12-24T18:00:00Z'; it is {at!r:.100}.")
    # A time without a zone is UTC: what it means must not depend on the machine.
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
