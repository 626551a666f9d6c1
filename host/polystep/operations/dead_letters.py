"""Operations on dead letters."""

from __future__ import annotations

import unicodedata
from typing import Any, Final, Literal

from pydantic import Field

from polystep.contracts.events import DeadLetter
from polystep.contracts.limits import PAGE_BYTES_MAX
from polystep.contracts.operations import bad_parameter
from polystep.contracts.ports.letters import LetterFilter, SearchedWord
from polystep.contracts.values import JSONObject
from polystep.execution import LetterPatches
from polystep.execution.violations import input_broken
from polystep.operations.operation import (
    IN_QUERY,
    ROWS_MAX,
    Listed,
    Operation,
    Params,
    Part,
    Result,
    Truth,
    Value,
    Whole,
    position,
)
from polystep.operations.queues import Purged
from polystep.operations.rooms import Rooms
from polystep.wire import pack, unpack

SUBJECT: Final = "dead-letters"

_NUMBER_MIN: Final = 256
"""Smaller numbers are one or two bytes in data, which are found everywhere."""
_DIGITS_MAX: Final = 15


class LetterParams(Params):
    """Choose dead letters by what they have in common."""

    step: str | None = Field(None, description="Only this step's.")
    topic: str | None = Field(None, description="Only events of this topic.")
    text: str | None = Field(
        None,
        description="Only those that hold each of these words in their step, topic, error, trace or data. In data, "
        "words are found in texts, and whole numbers from 256.",
    )
    fingerprint: str | None = Field(None, description="Only those with this error, see `dead_letter_groups`.")
    since: Whole | None = Field(None, description="Died at this time or later, Unix milliseconds.")
    until: Whole | None = Field(None, description="Died before this time, Unix milliseconds.")


class DeadLettersParams(Listed, LetterParams):
    """Choose dead letters."""

    before: Whole | None = Field(None, description="The same as `cursor`, as a number.")


class DeadLetterRow(Result):
    """Event that could not be delivered or kept failing."""

    id: int
    step: str
    topic: str
    kind: Literal["event", "cron", "call", "trial"]
    data: Value
    trace_id: str
    attempts: int
    error: dict[str, Any]
    enqueued_at: int
    died_at: int
    fifo_key: str | None
    fingerprint: str = Field(description="Of the error: errors that differ only in ids and numbers have the same one.")


class DeadLetters(Part):
    """Dead letters, newest first; fewer than the limit where their data is large."""

    dead_letters: list[DeadLetterRow]


class DeadLetterDetail(DeadLetterRow):
    """Dead letter, with the run that it would be again."""

    run_id: str
    event_id: str


class DeadLetterGroupsParams(Listed, LetterParams):
    """Choose dead letters, and a part of their groups."""


class DeadLetterGroup(Result):
    """Dead letters with the same error."""

    fingerprint: str
    count: int
    steps: list[str]
    first_at: int = Field(description="When the first of them died.")
    last_at: int = Field(description="When the last of them died.")
    newest: int = Field(description="Id of the newest.")
    error: dict[str, Any] = Field(description="Of the newest.")


class DeadLetterGroups(Part):
    """Dead letters by error, the most frequent first."""

    groups: list[DeadLetterGroup]


class StepCount(Result):
    """Number of a step's dead letters."""

    step: str
    count: int


class DeadLetterCount(Result):
    """Number of dead letters, as a bulk would find them now."""

    count: int
    steps: list[StepCount]
    fifo_keys: int = Field(description="Different FIFO keys among them; the order of each is kept by a replay.")
    upto_id: int = Field(description="The newest of them: give it to `bulk_start`, so that later ones are not in it.")


class DeadLetterParams(Params):
    """Choose a dead letter."""

    id: Whole


class ReplayParams(DeadLetterParams):
    """Choose a dead letter, and what its run has kept that is to be done again."""

    forget: list[str] = Field(
        default_factory=list, max_length=ROWS_MAX, description="Keys of `once`, waits and asks that are done again."
    )
    fresh: Truth = Field(False, description="All that the run has kept is done again.")
    patch: dict[str, Any] | None = Field(None, description="Merge patch (RFC 7386) that its data gets before.")


class Replayed(Result):
    """Dead letter that is an event again."""

    replayed: int
    step: str
    trace_id: str


class ReplayManyParams(Params):
    """Choose dead letters: some ids, all of a step, or all; exactly one of these."""

    ids: list[Whole] | None = Field(None, max_length=ROWS_MAX)
    step: str | None = None
    all: Truth = False
    data: Value | None = Field(None, description="New data, for a single id.")


class ReplayedMany(Result):
    """Number of dead letters that are events again, and ids that were none."""

    replayed: int
    missing: list[int]
    left: bool = Field(description=f"There are more of them: at most {ROWS_MAX} are replayed by one call.")


class Discarded(Result):
    """Dead letter that was removed for good."""

    discarded: int


class PurgeDeadLettersParams(Params):
    """Choose a step, or all."""

    step: str | None = Field(None, description="Only this step's.", json_schema_extra=IN_QUERY)


async def dead_letters(rooms: Rooms, params: DeadLettersParams) -> DeadLetters:
    """List events that could not be delivered or kept failing."""
    before = params.before if params.cursor is None else position(params.cursor)
    letters, more = await rooms.work.letters.page(filter_of(params), params.limit, before, PAGE_BYTES_MAX)
    rows = [DeadLetterRow(**_members(letter)) for letter in letters]
    return DeadLetters(dead_letters=rows, cursor=str(rows[-1].id) if more else None)


async def dead_letter_groups(rooms: Rooms, params: DeadLetterGroupsParams) -> DeadLetterGroups:
    """Group dead letters by their errors; errors that differ only in ids and numbers are the same."""
    skip = 0 if params.cursor is None else position(params.cursor)
    found = await rooms.work.letters.groups(filter_of(params), params.limit + 1, skip)
    rows = [
        DeadLetterGroup(
            fingerprint=each.fingerprint,
            count=each.count,
            steps=list(each.steps),
            first_at=each.first_ms,
            last_at=each.last_ms,
            newest=each.newest_id,
            error=each.error,
        )
        for each in found[: params.limit]
    ]
    return DeadLetterGroups(groups=rows, cursor=str(skip + len(rows)) if len(found) > len(rows) else None)


async def dead_letter_count(rooms: Rooms, params: LetterParams) -> DeadLetterCount:
    """Count the dead letters that match, before something is done with all of them."""
    found = await rooms.work.letters.count(filter_of(params))
    return DeadLetterCount(
        count=found.count,
        steps=[StepCount(step=step, count=count) for step, count in found.steps],
        fifo_keys=found.fifo_keys,
        upto_id=found.upto_id,
    )


async def dead_letter(rooms: Rooms, params: DeadLetterParams) -> DeadLetterDetail | None:
    """Print one dead letter with all of its data as JSON."""
    letter = await rooms.work.letters.one(params.id)
    if letter is None:
        return None
    return DeadLetterDetail(**_members(letter), run_id=letter.run_id, event_id=letter.event_id)


async def replay(rooms: Rooms, params: ReplayParams) -> Replayed | None:
    """Try a dead letter again. What its run has kept stays: results of `once` and answers.

    With `forget` or `fresh`, some or all of it is done again. With a `patch` its data is changed before; it must fit
    the input of its step.
    """
    if params.patch is not None and not await _patch(rooms, params.id, params.patch):
        return None
    forget = None if params.fresh else [unicodedata.normalize("NFC", key) for key in params.forget]
    letter = await rooms.work.bus.replay(params.id, forget)
    if letter is None:
        return None
    _record(rooms, letter, edited=params.patch is not None)
    rooms.changed(SUBJECT, {"step": letter.step})
    return Replayed(replayed=params.id, step=letter.step, trace_id=letter.trace_id)


async def replay_many(rooms: Rooms, params: ReplayManyParams) -> ReplayedMany:
    """Try several dead letters again, oldest first: some by their ids, all of a step, or all.

    A single one may get other data; it must fit the input of its step.
    """
    if sum((params.ids is not None, params.step is not None, params.all)) != 1:
        raise bad_parameter("Give one of ids, step and all.")
    if "data" in params.model_fields_set:
        await _edit(rooms, params)
    if params.ids is not None:
        chosen, left = sorted(params.ids), False
    else:
        found = await rooms.work.letters.ids(LetterFilter(step=params.step), ROWS_MAX + 1)
        chosen, left = found[:ROWS_MAX], len(found) > ROWS_MAX
    missing: list[int] = []
    for id_ in chosen:
        if (letter := await rooms.work.bus.replay(id_)) is None:
            missing.append(id_)
        else:
            _record(rooms, letter, edited="data" in params.model_fields_set)
    rooms.changed(SUBJECT, {"step": params.step})
    return ReplayedMany(replayed=len(chosen) - len(missing), missing=missing if params.ids else [], left=left)


async def discard(rooms: Rooms, params: DeadLetterParams) -> Discarded | None:
    """Remove one dead letter for good."""
    if not await rooms.work.letters.discard(params.id):
        return None
    rooms.changed(SUBJECT, {"id": params.id})
    return Discarded(discarded=params.id)


async def purge_dead_letters(rooms: Rooms, params: PurgeDeadLettersParams) -> Purged:
    """Remove dead letters for good: those of one step, or all."""
    removed = await rooms.work.queue.purge_dead_letters(params.step)
    rooms.changed(SUBJECT, {"step": params.step})
    return Purged(step=params.step, removed=removed)


def _record(rooms: Rooms, letter: DeadLetter, *, edited: bool) -> None:
    """Tell the trace of a dead letter that its run goes on."""
    trace_id = letter.trace_id
    rooms.traces.recorder.run_replayed(trace_id, trace_id, letter.run_id, letter.step, edited=edited)


async def _patch(rooms: Rooms, id: int, patch: JSONObject) -> bool:
    """Apply a patch to the data of a dead letter; False when there is none.

    Raises:
        OperationRefused: The letter has no data that could be changed, or its step is not loaded.
        ContractBroken: The step does not take the result.
    """
    letter = await rooms.work.letters.one(id)
    if letter is None:
        return False
    found = LetterPatches(rooms.work.loaded).patched(letter, patch)
    if found.issues:
        raise input_broken(letter.step, letter.topic, found.issues)
    if found.refusal is not None:
        raise bad_parameter(found.refusal)
    return await rooms.work.letters.edit(id, pack(found.data))


async def _edit(rooms: Rooms, params: ReplayManyParams) -> None:
    """Give a dead letter other data.

    Raises:
        OperationRefused: There is not exactly one id.
        ContractBroken: The step cannot take the data.
    """
    if params.ids is None or len(params.ids) != 1:
        raise bad_parameter("Data is for one dead letter: give one id.")
    letter = await rooms.work.letters.one(params.ids[0])
    if letter is None:
        return
    validator = rooms.work.loaded.validators.input(letter.step)
    if validator is not None and (issues := validator.issues(params.data)):
        raise input_broken(letter.step, letter.topic, issues)
    await rooms.work.letters.edit(letter.id, pack(params.data))


def _members(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "step": letter.step,
        "topic": letter.topic,
        "kind": letter.kind,
        "data": unpack(letter.data),
        "trace_id": letter.trace_id,
        "attempts": letter.attempts,
        "error": letter.error,
        "enqueued_at": letter.enqueued_at_ms,
        "died_at": letter.died_at_ms,
        "fifo_key": letter.fifo_key,
        "fingerprint": letter.fingerprint,
    }


def filter_of(params: LetterParams) -> LetterFilter:
    """Return the filter that parameters choose."""
    return LetterFilter(
        step=params.step,
        topic=params.topic,
        fingerprint=params.fingerprint,
        words=[_word(text) for text in (params.text or "").split()],
        since_ms=params.since,
        until_ms=params.until,
    )


def _word(text: str) -> SearchedWord:
    lower = "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in text)
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX and int(text) >= _NUMBER_MIN
    return SearchedWord(lower, pack(int(text)) if is_number else None)


OPERATIONS = (
    Operation("dead_letters", "GET dead-letters", DeadLettersParams, DeadLetters, "reads", dead_letters),
    Operation(
        "dead_letter_groups",
        "GET dead-letter-groups",
        DeadLetterGroupsParams,
        DeadLetterGroups,
        "reads",
        dead_letter_groups,
    ),
    Operation("dead_letter_count", "GET dead-letter-count", LetterParams, DeadLetterCount, "reads", dead_letter_count),
    Operation("dead_letter", "GET dead-letters/{id}", DeadLetterParams, DeadLetterDetail, "reads", dead_letter),
    Operation("replay", "POST dead-letters/{id}/replay", ReplayParams, Replayed, "changes", replay),
    Operation("replay_many", "POST dead-letters/replay", ReplayManyParams, ReplayedMany, "changes", replay_many),
    Operation("discard", "POST dead-letters/{id}/discard", DeadLetterParams, Discarded, "changes", discard),
    Operation(
        "purge_dead_letters", "POST dead-letters/purge", PurgeDeadLettersParams, Purged, "changes", purge_dead_letters
    ),
)
