"""Journal of one attempt: what earlier legs of its run have kept, and what is open in this leg."""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.errors import InvalidParams, KeyReused, LoadFailed, PolystepError, RunEnded
from polystep.contracts.events import Delivery, EventKey
from polystep.contracts.journal import EntryKind, JournalEntry, SentEmit, StoredJournal
from polystep.contracts.request_keys import KeyedRun
from polystep.contracts.signals import Wanted
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import SchemaValidator, compile_schema

KEY_CHARS_MAX: Final = 256
_OVERTIME_S = 5.0
"""A bridge ends a `once` at its timeout; one that is open for longer stops the handler's clock no more."""
_CLOCK_STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class DurableOptions:
    """Bounds of journals, and of the time in memory; `[durable]` in polystep.toml."""

    hold_s: float = 5.0
    stop_grace_s: float = 300.0
    value_bytes_max: int = 1024 * 1024
    run_bytes_max: int = 32 * 1024 * 1024
    entries_max: int = 10_000
    forgets: bool = False
    """Legs end at every wait and after every `once`: handlers show whether they find what they had kept."""


@dataclass(slots=True)
class OpenUnit:
    """A `once` whose function runs."""

    began_s: float
    timeout_s: float
    retries: int
    is_sensitive: bool
    schema: SchemaValidator | None = None
    """For a result whose bridge cannot check it: its schema is plain JSON Schema."""
    ttl_ms: int | None = None
    """Its key is the project's, which remembers it for so long."""
    attempt: int = 1
    tried_s: float | None = None
    """Start of its last try, if that is not the first."""
    joined: list[asyncio.Future[JSONObject]] = field(default_factory=list)
    """Other calls with its key, which get what it ends with."""

    def answer_joined(self, answer: JSONObject | PolystepError) -> None:
        """Answer the other calls with its key, or refuse them with an error."""
        for joined in self.joined:
            if joined.done():
                continue
            if isinstance(answer, PolystepError):
                joined.set_exception(answer)
            else:
                joined.set_result(answer)


@dataclass(slots=True)
class OpenWait:
    """A wait that the handler is at."""

    due_ms: int
    began_s: float
    done: asyncio.Future[None]
    wanted: frozenset[Wanted] = frozenset()
    """Events that end it before its time."""


class AttemptJournal:
    """Keys of one leg, over the entries that are stored."""

    def __init__(
        self,
        delivery: Delivery | None,
        stored: StoredJournal,
        now_s: Callable[[], float],
        keyed: KeyedRun | None = None,
    ) -> None:
        """Begin a leg.

        Args:
            delivery: `None` for a request.
            stored: What earlier legs have kept.
            now_s: The monotonic clock.
            keyed: Of a request with an idempotency key; of others nothing is kept.
        """
        self.delivery = delivery
        self.keyed = keyed
        self.kept_by: Delivery | KeyedRun | None = delivery or keyed
        """Delivery or request that results are kept for; `None` when they are not kept."""
        self.entries = {entry.key: entry for entry in stored.entries}
        self.bytes = sum(entry.size for entry in stored.entries)
        self.units: dict[str, OpenUnit] = {}
        self.awaited: dict[str, OpenUnit] = {}
        """Units whose keys another run of the project may have; they have not begun."""
        self.waits: dict[str, OpenWait] = {}
        self.pending: list[asyncio.Future[JSONObject]] = []
        """Calls that are never answered but with the end of the leg."""
        self.run_at_ms: int | None = None
        """Time at which the run goes on; set while the leg is being ended for a wait."""
        self.is_leaving = False
        """Its process takes no more runs, or the host stops: the leg ends at its next wait, or before its next unit."""
        self.is_closed = False
        self.touched_s = now_s()
        """Time of the last durable call, or of its answer."""
        self._now_s = now_s
        self._used: dict[str, tuple[EntryKind, str]] = {}
        self._sent = dict(stored.sent)
        self._seen: dict[SentEmit, int] = {}
        self._waited: set[str] = set()
        self._excused_s = 0.0
        self._granted_s = 0.0
        self._active_since_s: float | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing is open but waits."""
        return bool(self.waits) and not self.units and self.run_at_ms is None and not self.is_closed

    @property
    def tries(self) -> int:
        """Number of the try: an error that is not final counts within the one in which it was raised."""
        if self.delivery is not None:
            return self.delivery.failures
        return 0 if self.keyed is None else self.keyed.token

    @property
    def asked(self) -> tuple[str, ...]:
        """Keys of the waits that somebody may have ended, also once the leg is closed."""
        entries = (self.entries[key] for key in self._waited if key in self.entries)
        return tuple(each.key for each in entries if each.value is None and each.kind != "sleep")

    def use(self, key: str, kind: EntryKind, site: str, *, shared: bool) -> None:
        """Take a key for this leg.

        Raises:
            InvalidParams: Something of another kind has it.
            KeyReused: It was used in this leg, and this call does not share it.
        """
        entry, used = self.entries.get(key), self._used.get(key)
        known = used[0] if used is not None else entry.kind if entry is not None else kind
        if known != kind:
            raise InvalidParams(f'"{key}" is the key of a {known} of this run; give this {kind} another one.')
        if used is not None and not shared:
            places = f" The first is at {used[1]}, the second at {site}." if used[1] and site else ""
            raise KeyReused(
                f'The key "{key}" was used twice in one run of the handler.{places} Put what makes the calls differ '
                "into the key, such as an item's id, or pass `shared` where both mean the same call."
            )
        self._used.setdefault(key, (kind, site))

    def begin_unit(self, key: str, unit: OpenUnit) -> None:
        """Stop the handler's clock while the function of a `once` runs."""
        self._begin()
        self.units[key] = unit

    def end_unit(self, key: str) -> None:
        """Go on after the function of a `once`."""
        del self.units[key]
        self._end()

    def begin_wait(self, key: str, wait: OpenWait) -> None:
        """Stop the handler's clock while a wait is held."""
        self._begin()
        self.waits[key] = wait
        self._waited.add(key)

    def end_wait(self, key: str) -> OpenWait:
        """Go on after a wait."""
        wait = self.waits.pop(key)
        self._end()
        return wait

    def add(self, entry: JournalEntry) -> None:
        """Take note of an entry that is stored."""
        before = self.entries.get(entry.key)
        self.bytes += entry.size - (0 if before is None else before.size)
        self.entries[entry.key] = entry

    def drop(self, key: str) -> None:
        """Take note that nothing is stored under a key any more."""
        entry = self.entries.pop(key, None)
        self.bytes -= 0 if entry is None else entry.size

    def has_sent(self, emit: SentEmit) -> bool:
        """Report whether an event left before, so that it is not sent again; counts the occurrences."""
        seen = self._seen.get(emit, 0)
        if seen >= self._sent.get(emit, 0):
            return False
        self._seen[emit] = seen + 1
        return True

    @property
    def has_any_sent(self) -> bool:
        """Events have left in earlier legs, or with a wait."""
        return bool(self._sent)

    def add_sent(self, emit: SentEmit) -> None:
        """Take note of an event that has left."""
        self._sent[emit] = self._sent.get(emit, 0) + 1
        self._seen[emit] = self._seen.get(emit, 0) + 1

    def unmatched(self) -> list[str]:
        """Return the topics of events that left before a wait and were not made again by this leg."""
        return sorted({emit.topic for emit, times in self._sent.items() if self._seen.get(emit, 0) < times})

    def more_s(self) -> float:
        """Return the time by which the handler's deadline moves: units and waits do not count for it."""
        now_s = self._now_s()
        is_active = self._active_since_s is not None and all(
            now_s - (unit.tried_s or unit.began_s) < unit.timeout_s + _OVERTIME_S for unit in self.units.values()
        )
        open_s = now_s - self._active_since_s if self._active_since_s is not None else 0.0
        more_s = self._excused_s + open_s - self._granted_s
        self._granted_s += more_s
        return max(more_s, _CLOCK_STEP_S if is_active else 0.0) if is_active or more_s >= _CLOCK_STEP_S else 0.0

    def close(self) -> None:
        """End the leg: its open calls are refused (PS-8.2)."""
        self.is_closed = True
        waiters: list[asyncio.Future[JSONObject] | asyncio.Future[None]] = [*self.pending]
        waiters += [waiter for unit in (*self.units.values(), *self.awaited.values()) for waiter in unit.joined]
        waiters += [wait.done for wait in self.waits.values()]
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(RunEnded("The run was suspended, or has ended; it goes on from its beginning."))
                waiter.exception()  # nobody may be left to hear of it
        self.units.clear()
        self.awaited.clear()
        self.waits.clear()
        self.pending.clear()

    def _begin(self) -> None:
        self.touched_s = self._now_s()
        if not self.units and not self.waits:
            self._active_since_s = self.touched_s

    def _end(self) -> None:
        self.touched_s = self._now_s()
        if not self.units and not self.waits and self._active_since_s is not None:
            self._excused_s += self.touched_s - self._active_since_s
            self._active_since_s = None


def print_of(topic: str, data: bytes, key: EventKey | None = None, group: str | None = None) -> SentEmit:
    """Return the mark of an event: by its topic and id, or by topic, group and data when it has none."""
    what = data if key is None else b"\0" + key.id.encode()
    if group is not None:
        what = hashlib.sha256(what).digest() + group.encode()
    return SentEmit(hashlib.sha256(topic.encode() + b"\0" + what).digest(), topic)


def key_of(params: JSONObject) -> str:
    """Return the key of a durable call.

    Raises:
        InvalidParams: It is no text, empty, too long or has control characters.
    """
    key = params.get("key")
    if not isinstance(key, str):
        raise InvalidParams(f"A key is a text; it is {key!r}. Write what it means: `order-${{id}}`.")
    key = unicodedata.normalize("NFC", key)
    if not 1 <= len(key) <= KEY_CHARS_MAX or any(unicodedata.category(char) == "Cc" for char in key):
        raise InvalidParams(
            f"A key has 1 to {KEY_CHARS_MAX} characters and no control characters; it is {key[:300]!r}."
        )
    return key


def site_of(params: JSONObject) -> str:
    """Return the line of user code that makes a durable call; empty when its bridge does not say."""
    site = params.get("site")
    return site[:300] if isinstance(site, str) else ""


def schema_of(schema: JSONValue, call: str) -> SchemaValidator | None:
    """Compile the schema of a durable call; `None` when it has none.

    Raises:
        InvalidParams: It is no JSON Schema.
    """
    if schema is None:
        return None
    if not isinstance(schema, dict):
        raise InvalidParams(f"The schema of {call} must be JSON Schema; it is {str(schema)[:200]}.")
    try:
        return compile_schema(schema, f"the schema of {call}")
    except LoadFailed as error:
        raise InvalidParams(error.message) from error
