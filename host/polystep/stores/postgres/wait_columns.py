"""Waits of runs as columns of the arrays of a call: JSON with bytes in hex digits, since few groups have any."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

from polystep.contracts import limits
from polystep.contracts.asks import Ask
from polystep.contracts.events import NewDelivery
from polystep.contracts.names import encode_name, name_bytes
from polystep.contracts.request_keys import KeyedRequest, KeyedRun
from polystep.contracts.signals import KEPT_MS, ChildCall, SignalWait, Wanted
from polystep.stores.error_text import reason_of
from polystep.stores.postgres.writes import KeepEntry

WAIT_COLUMNS: Final = 2
"""Of what `open_waits_1` takes behind its first argument."""
ASKS_KEPT_MS: Final = 86_400_000
"""A closed ask is kept for so long."""


def value_bytes(value: str) -> bytes:
    """Encode a value that is only compared. A long one is a hash: an entry of an index has no room for it."""
    encoded = name_bytes(value)
    return encoded if len(encoded) <= limits.NAME_BYTES_MAX else b"\0" + sha256(encoded).digest()


def signals_text(new: NewDelivery) -> str:
    """Encode the values by which runs wait for an event, and the bounds of what is kept."""
    pairs = [(value_bytes(path).hex(), value_bytes(value).hex()) for path, value in new.signals]
    return json.dumps({"signals": pairs, "kept_ms": KEPT_MS, "most": limits.SIGNALS_MAX})


def cancels_text(new: NewDelivery) -> str:
    """Encode the runs that an event cancels, and why."""
    runs = [(name_bytes(each.step).hex(), value_bytes(each.path).hex(), value_bytes(each.value).hex())
            for each in new.cancels]  # fmt: skip
    return json.dumps({"cancels": runs, "reason": json.dumps(reason_of(new))})


def extra_text(new: NewDelivery) -> str:
    """Encode the id of an event, and by what its run is found when it is to be cancelled."""
    extra: dict[str, Any] = {}
    if new.key is not None:
        extra = {"id": value_bytes(new.key.id).hex(), "ttl": new.key.ttl_ms, "replaces": new.key.replaces}
    if new.cancel_keys:
        extra["cancel"] = [(value_bytes(path).hex(), value_bytes(value).hex()) for path, value in new.cancel_keys]
    return json.dumps(extra)


def lock_of_id(topic: str, id: str) -> tuple[bytes, bytes]:
    """Return the row that is locked for an id of events, among those of the FIFO keys."""
    return b"(ids of events)", sha256(name_bytes(topic) + b"\0" + name_bytes(id)).digest()


def scope_of(request: KeyedRequest) -> tuple[bytes, bytes, bytes]:
    """Return step, key and client of a request."""
    return name_bytes(request.step), value_bytes(request.key), request.client


def request_text(run: KeyedRun) -> str:
    """Encode the run of a request, as `settle_1` looks for it."""
    return json.dumps([*(part.hex() for part in scope_of(run.request)), run.run_id])


def keys_text(keys: Collection[str]) -> str | None:
    """Encode keys of a journal; `None` when there are none."""
    return json.dumps([name_bytes(key).hex() for key in keys]) if keys else None


def topics_of(write: KeepEntry) -> Iterable[tuple[bytes, None]]:
    """Return the topics of which events are wanted from now on."""
    wanted = write.wanted
    return [(name_bytes(each.topic), None) for each in wanted.wanted] if isinstance(wanted, SignalWait) else ()


def wait_arguments(kept: Sequence[tuple[int, KeepEntry]]) -> list[Any]:
    """Make the arrays of what waits wait for that begin; each has the place of its delivery.

    Raises:
        PolystepError: A name is too long, or no text.
    """
    waits = [(place, json.dumps(_wait(write))) for place, write in kept if write.wanted is not None]
    return [list(column) for column in zip(*waits, strict=True)] if waits else [None] * WAIT_COLUMNS


def _wait(write: KeepEntry) -> dict[str, Any]:
    wanted = write.wanted
    of_run = {"run": write.delivery.run_id, "key": encode_name("key", write.entry.key).hex()}
    if isinstance(wanted, SignalWait):
        return {"what": "event", **of_run, "wanted": [_wanted(each) for each in wanted.wanted], "for_ms": wanted.for_ms}
    if isinstance(wanted, ChildCall):
        return {"what": "call", **of_run, "child": wanted.run_id}
    assert isinstance(wanted, Ask)
    assert write.emits is not None
    return {**_ask(wanted), **of_run, "prune_ms": write.emits.now_ms - ASKS_KEPT_MS}


def _wanted(wanted: Wanted) -> tuple[str, str, str]:
    return encode_name("topic", wanted.topic).hex(), value_bytes(wanted.path).hex(), value_bytes(wanted.value).hex()


def _ask(ask: Ask) -> dict[str, Any]:
    signature = ask.signature
    return {
        "what": "ask", "id": ask.id, "kind": ask.kind, "step": name_bytes(ask.step).hex(), "trace": ask.trace_id,
        "title": name_bytes(ask.title).hex(), "data": ask.data.hex(),
        "schema": None if ask.schema is None else ask.schema.hex(), "asked_ms": ask.asked_at_ms, "due_ms": ask.due_ms,
        "token": ask.token_hash.hex(), "sensitive": ask.is_sensitive,
        "header": None if signature is None else name_bytes(signature.header).hex(),
        "secret": None if signature is None else name_bytes(signature.secret_env).hex(),
    }  # fmt: skip
