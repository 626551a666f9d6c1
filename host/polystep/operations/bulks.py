"""Operations on bulks: many dead letters that are replayed or discarded at once, with a record of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

from pydantic import Field

from polystep.contracts.limits import BULK_LETTERS_MAX, PAGE_BYTES_MAX, PATCH_BYTES_MAX
from polystep.contracts.operations import OperationRefused, bad_parameter
from polystep.contracts.ports.letters import BulkRecord, LetterFilter, NewBulk
from polystep.contracts.values import JSONObject
from polystep.execution import LetterPatches
from polystep.operations.dead_letters import SUBJECT, LetterParams, filter_of
from polystep.operations.operation import Listed, Operation, Params, Part, Result, Truth, Value, Whole, position
from polystep.operations.rooms import Rooms
from polystep.wire import pack, unpack

IDS_MAX: Final = 10_000
SAMPLES_MAX: Final = 100
"""Letters that a preview applies a patch to."""
REFUSALS_MAX: Final = 100
"""Letters that a bulk has left dead which its record lists."""
PER_SECOND_MAX: Final = 10_000
_CHOICES: Final = ("step", "topic", "text", "fingerprint", "since", "until")


class ChosenParams(LetterParams):
    """Choose dead letters, by ids, by what they have in common, or all."""

    ids: list[Whole] | None = Field(None, max_length=IDS_MAX, description="Only these.")
    all: Truth = Field(False, description="All of them; needed when nothing else is chosen.")
    upto_id: Whole | None = Field(None, description="None that is newer: the `uptoId` of `dead_letter_count`.")


class BulkStartParams(ChosenParams):
    """Choose dead letters, and what happens with them."""

    act: Literal["replay", "discard"]
    patch: dict[str, Any] | None = Field(
        None,
        description="Merge patch (RFC 7386) that the data of each gets before its replay; letters whose step does not "
        "take the result stay dead.",
    )
    count: Whole | None = Field(
        None, description="How many they are, by `dead_letter_count`; with another number nothing begins."
    )
    per_second: Whole | None = Field(None, ge=1, le=PER_SECOND_MAX, description="At most so many in a second.")


class BulkPreviewParams(ChosenParams):
    """Choose dead letters, and a patch for their data."""

    patch: dict[str, Any] = Field(description="Merge patch (RFC 7386).")
    limit: Whole = Field(20, ge=1, le=SAMPLES_MAX, description=f"So many of them, 1 to {SAMPLES_MAX}.")


class PatchedRow(Result):
    """Dead letter as a patch would change it."""

    id: int
    step: str
    topic: str
    before: Value
    after: Value
    refusal: str | None = Field(description="Why it would stay dead; null when its step takes the data.")


class BulkPreview(Result):
    """The first letters of a bulk, in its order."""

    letters: list[PatchedRow] = Field(description="Fewer than the limit where their data is large.")
    refused: int = Field(description="Of these, letters that would stay dead.")


class BulkRow(Result):
    """Replay or discard of many dead letters."""

    id: int
    act: Literal["replay", "discard"]
    chosen: dict[str, Any] = Field(description="The parameters that chose them.")
    status: Literal["running", "done", "stopped"]
    total: int = Field(description="Dead letters that it is about, fixed when it began.")
    done: int = Field(description="Those that were replayed or discarded so far.")
    missing: int = Field(description="Those that were gone when their turn came.")
    refused: int = Field(description="Those that stay dead, since their step does not take the patched data.")
    patch: dict[str, Any] | None = Field(description="Merge patch that the data of each gets.")
    per_second: int | None
    begun_at: int
    ended_at: int | None


class Refusal(Result):
    """Dead letter that a bulk has left dead."""

    id: int
    reason: str


class Bulk(BulkRow):
    """Bulk, with what the replayed events have become."""

    completed: int = Field(description="Done, or discarded since.")
    waiting: int
    running: int
    dead: int = Field(description="Dead letters again.")
    refusals: list[Refusal] = Field(description=f"The first {REFUSALS_MAX} of those that were refused.")


class Bulks(Part):
    """Bulks, newest first."""

    bulks: list[BulkRow]


class BulkParams(Params):
    """Choose a bulk."""

    id: Whole


async def bulk_start(rooms: Rooms, params: BulkStartParams) -> BulkRow:
    """Replay or discard many dead letters, in the order in which they died; returns at once.

    Which they are is fixed now. Count them first with `dead_letter_count` and give its `count` and `uptoId`: if others
    match by then, nothing begins. Those of one FIFO key stay in their order. With a `patch` their data is changed
    first; `bulk_preview` shows what it would make of them.
    """
    wanted = _wanted(params)
    count, patch = params.count, None if params.patch is None else _packed(params.patch)
    if count is not None and count > BULK_LETTERS_MAX:
        raise bad_parameter(f"count is {count}; one bulk is about at most {BULK_LETTERS_MAX}: choose fewer.")
    if patch is not None and params.act != "replay":
        raise bad_parameter("patch is for a replay: what is discarded has no data any more.")
    about = _chosen(params) | ({} if params.ids is None else {"ids": len(params.ids)})
    new = NewBulk(params.act, wanted, about, count, params.per_second, patch)
    begun = await rooms.work.queue.bulks.begin(new, rooms.clock.now_ms())
    if isinstance(begun, int):
        raise OperationRefused(
            409, "Conflict", f"{begun} dead letters match by now, not {count}: count them again.", count=begun
        )
    rooms.work.bus.bulks.begin()
    rooms.changed(SUBJECT, {"bulk": begun.id})
    return BulkRow(**_members(begun))


async def bulk_preview(rooms: Rooms, params: BulkPreviewParams) -> BulkPreview:
    """Apply a patch to the first dead letters that a bulk would replay, and change nothing."""
    _packed(params.patch)
    patches = LetterPatches(rooms.work.loaded)
    rows: list[PatchedRow] = []
    size = 0
    for id_ in await rooms.work.letters.ids(_wanted(params), params.limit):
        letter = await rooms.work.letters.one(id_)
        if letter is None:
            continue
        size += len(letter.data)
        if rows and size > PAGE_BYTES_MAX:
            break
        found = patches.patched(letter, params.patch)
        rows.append(
            PatchedRow(
                id=letter.id,
                step=letter.step,
                topic=letter.topic,
                before=unpack(letter.data),
                after=found.data,
                refusal=found.refusal,
            )
        )
    return BulkPreview(letters=rows, refused=sum(row.refusal is not None for row in rows))


async def bulks(rooms: Rooms, params: Listed) -> Bulks:
    """List replays and discards of many dead letters; the newest 50 are kept."""
    before = None if params.cursor is None else position(params.cursor)
    found = await rooms.work.queue.bulks.records(params.limit + 1, before)
    rows = [BulkRow(**_members(each)) for each in found[: params.limit]]
    return Bulks(bulks=rows, cursor=str(rows[-1].id) if len(found) > len(rows) else None)


async def bulk(rooms: Rooms, params: BulkParams) -> Bulk | None:
    """Print how far a bulk is, and what the events that it has replayed have become."""
    store = rooms.work.queue.bulks
    found = await store.record(params.id)
    if found is None:
        return None
    outcomes = await store.outcomes(params.id)
    completed = found.done - sum(outcomes) if found.act == "replay" else 0
    refusals = await store.refusals(params.id, REFUSALS_MAX) if found.refused else []
    return Bulk(
        **_members(found),
        completed=max(completed, 0),
        waiting=outcomes.waiting,
        running=outcomes.running,
        dead=outcomes.dead,
        refusals=[Refusal(id=id_, reason=reason) for id_, reason in refusals],
    )


async def bulk_stop(rooms: Rooms, params: BulkParams) -> BulkRow | None:
    """Let a bulk do no more; what it has done stays done."""
    store = rooms.work.queue.bulks
    await store.stop(params.id, rooms.clock.now_ms())
    rooms.changed(SUBJECT, {"bulk": params.id})
    found = await store.record(params.id)
    return None if found is None else BulkRow(**_members(found))


def _chosen(params: ChosenParams) -> dict[str, Any]:
    return {name: value for name in _CHOICES if (value := getattr(params, name)) is not None}


def _wanted(params: ChosenParams) -> LetterFilter:
    """Return the filter that parameters choose.

    Raises:
        OperationRefused: They choose nothing.
    """
    if not _chosen(params) and params.ids is None and not params.all:
        raise bad_parameter("Choose dead letters, by ids or by what they have in common; or give all.")
    return replace(filter_of(params), ids=params.ids, upto_id=params.upto_id)


def _packed(patch: JSONObject) -> bytes:
    """Return a patch as it is kept.

    Raises:
        OperationRefused: It is too large.
        InvalidValue: It holds something that events cannot carry.
    """
    packed = pack(patch)
    if len(packed) > PATCH_BYTES_MAX:
        raise bad_parameter(f"patch takes {len(packed)} bytes; a patch has at most {PATCH_BYTES_MAX}.")
    return packed


def _members(record: BulkRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "act": record.act,
        "chosen": record.about,
        "status": record.status,
        "total": record.total,
        "done": record.done,
        "missing": record.missing,
        "refused": record.refused,
        "patch": None if record.patch is None else unpack(record.patch),
        "per_second": record.per_second,
        "begun_at": record.begun_ms,
        "ended_at": record.ended_ms,
    }


OPERATIONS = (
    Operation("bulks", "GET bulks", Listed, Bulks, "reads", bulks),
    Operation("bulk", "GET bulks/{id}", BulkParams, Bulk, "reads", bulk),
    Operation("bulk_preview", "POST bulk-preview", BulkPreviewParams, BulkPreview, "changes", bulk_preview),
    Operation("bulk_start", "POST bulks", BulkStartParams, BulkRow, "changes", bulk_start),
    Operation("bulk_stop", "POST bulks/{id}/stop", BulkParams, BulkRow, "changes", bulk_stop),
)
