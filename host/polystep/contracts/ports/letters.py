"""Ports of dead letters as operators see them: by filter, in groups, and many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

from polystep.contracts.events import DeadLetter
from polystep.contracts.values import JSONObject

BulkAct: TypeAlias = Literal["replay", "discard"]
BulkStatus: TypeAlias = Literal["running", "done", "stopped"]


@dataclass(frozen=True, slots=True)
class SearchedWord:
    """Word that a dead letter holds in its step, topic, error, trace or data, in any case of its ASCII letters."""

    text: str
    packed: bytes | None = None
    """The number that it is, as data holds it."""


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Conditions on dead letters; `None` is none."""

    step: str | None = None
    topic: str | None = None
    fingerprint: str | None = None
    """Of their errors."""
    words: Sequence[SearchedWord] = ()
    """All of them."""
    since_ms: int | None = None
    """Died at this time or later."""
    until_ms: int | None = None
    """Died before this time."""
    upto_id: int | None = None
    ids: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Dead letters whose errors have one fingerprint."""

    fingerprint: str
    count: int
    first_ms: int
    last_ms: int
    steps: Sequence[str]
    newest_id: int
    error: JSONObject
    """Of the newest."""


@dataclass(frozen=True, slots=True)
class LetterCount:
    """Number of the dead letters that a filter chooses."""

    steps: Sequence[tuple[str, int]]
    """By step."""
    fifo_keys: int
    upto_id: int
    """The newest id; those that come later are not counted."""

    @property
    def count(self) -> int:
        """Return the number of all of them."""
        return sum(count for _, count in self.steps)


class LetterQueries(Protocol):
    """Dead letters by filter."""

    async def page(
        self, wanted: LetterFilter, limit: int, before: int | None, bytes_max: int
    ) -> tuple[list[DeadLetter], bool]:
        """Read the newest that match, as many as fit; and whether there are more."""
        ...

    async def one(self, id: int) -> DeadLetter | None:
        """Read one."""
        ...

    async def ids(self, wanted: LetterFilter, limit: int) -> list[int]:
        """Read the oldest ids that match."""
        ...

    async def groups(self, wanted: LetterFilter, limit: int, skip: int) -> list[LetterGroup]:
        """Read the groups of those that match, the largest first."""
        ...

    async def count(self, wanted: LetterFilter) -> LetterCount:
        """Count those that match."""
        ...

    async def edit(self, id: int, data: bytes) -> bool:
        """Replace the data of a dead letter; False when there is none."""
        ...

    async def discard(self, id: int) -> bool:
        """Remove a dead letter for good; False when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class NewBulk:
    """Bulk that is about to begin."""

    act: BulkAct
    chosen: LetterFilter
    about: JSONObject
    """The filter in words for readers; kept as it is."""
    count: int | None
    """Dead letters that whoever begins it has seen; with another number nothing begins."""
    per_second: int | None
    patch: bytes | None = None
    """Of a replay: packed merge patch that the data of each letter gets before."""


class LetterChange(NamedTuple):
    """Other data of a letter that is replayed, or the reason why it stays dead."""

    data: bytes | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class BulkRecord:
    """Replay or discard of many dead letters: what was chosen, and how far it is."""

    id: int
    act: BulkAct
    about: JSONObject
    status: BulkStatus
    total: int
    """Dead letters that were fixed at its begin."""
    done: int
    missing: int
    """Of the total: those that somebody else has replayed or discarded before their turn."""
    per_second: int | None
    begun_ms: int
    ended_ms: int | None
    refused: int = 0
    """Of the total: those that stay dead, since their step does not take the patched data."""
    patch: bytes | None = None


class BulkOutcomes(NamedTuple):
    """States of the deliveries that a bulk has made."""

    waiting: int
    running: int
    dead: int
    """Dead letters again."""


class BulkBatch(NamedTuple):
    """Result of one step of a bulk."""

    letters: Sequence[DeadLetter]
    """Of a replay: those that are deliveries again."""
    is_last: bool


class BulkStore(Protocol):
    """Durable records of bulks. The letters of a bulk are fixed in the transaction that begins it."""

    async def begin(self, new: NewBulk, now_ms: int) -> BulkRecord | int:
        """Fix the letters of a bulk; returns how many match instead when that is not the expected number."""
        ...

    async def next(self, id: int, limit: int, bytes_max: int) -> list[DeadLetter]:
        """Read the letters that are next, as many as fit and at least one; none when no more of them are there."""
        ...

    async def advance(
        self, id: int, limit: int, now_ms: int, changes: Mapping[int, LetterChange] | None = None
    ) -> BulkBatch:
        """Replay or discard the next ones of a running bulk, in the order in which they died, in one transaction.

        After the last one the bulk is done. One that is not running has nothing more. Of a bulk with a patch, `changes`
        holds what becomes of each letter that `next` has read, by its id: those up to the last of them have their turn.
        """
        ...

    async def refusals(self, id: int, limit: int) -> list[tuple[int, str]]:
        """Read the first letters that a bulk has left dead, each with the reason."""
        ...

    async def stop(self, id: int, now_ms: int) -> bool:
        """Let a running bulk do no more; False when it does not run."""
        ...

    async def running(self) -> list[int]:
        """Return those that are not at their end, the oldest first."""
        ...

    async def record(self, id: int) -> BulkRecord | None:
        """Read one."""
        ...

    async def records(self, limit: int, before: int | None) -> list[BulkRecord]:
        """Read the newest."""
        ...

    async def outcomes(self, id: int) -> BulkOutcomes:
        """Count what its deliveries have become; the others have ended."""
        ...
