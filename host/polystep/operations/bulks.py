"""Operations on bulks: many dead letters that are replayed or discarded at once, with a record of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

from pydantic import Field

from polystep.contracts.limits import BULK_LETTERS_MAX
from polystep.contracts.operations import OperationRefused, bad_parameter
from polystep.contracts.ports.letters import BulkRecord, NewBulk
from polystep.operations.dead_letters import SUBJECT, LetterParams, filter_of
from polystep.operations.operation import Listed, Operation, Params, Part, Result, Truth, Whole, position
from polystep.operations.rooms import Rooms

IDS_MAX: Final = 10_000
PER_SECOND_MAX: Final = 10_000
_CHOICES: Final = ("step", "topic", "text", "fingerprint", "since", "until")


class BulkStartParams(LetterParams):
    """Choose dead letters, by ids, by what they have in common, or all, and what happens with them."""

    act: Literal["replay", "discard"]
    ids: list[Whole] | None = Field(None, max_length=IDS_MAX, description="Only these.")
    all: Truth = Field(False, description="All of them; needed when nothing else is chosen.")
    upto_id: Whole | None = Field(None, description="None that is newer: the `uptoId` of `dead_letter_count`.")
    count: Whole | None = Field(
        None, description="How many they are, by `dead_letter_count`; with another number nothing begins."
    )
    per_second: Whole | None = Field(None, ge=1, le=PER_SECOND_MAX, description="At most so many in a second.")


class BulkRow(Result):
    """Replay or discard of many dead letters."""

    id: int
    act: Literal["replay", "discard"]
    chosen: dict[str, Any] = Field(description="The parameters that chose them.")
    status: Literal["running", "done", "stopped"]
    total: int = Field(description="Dead letters that it is about, fixed when it began.")
    done: int = Field(description="Those that were replayed or discarded so far.")
    missing: int = Field(description="Those that were gone when their turn came.")
    per_second: int | None
    begun_at: int
    ended_at: int | None


class Bulk(BulkRow):
    """Bulk, with what the replayed events have become."""

    completed: int = Field(description="Done, or discarded since.")
    waiting: int
    running: int
    dead: int = Field(description="Dead letters again.")


class Bulks(Part):
    """Bulks, newest first."""

    bulks: list[BulkRow]


class BulkParams(Params):
    """Choose a bulk."""

    id: Whole


async def bulk_start(rooms: Rooms, params: BulkStartParams) -> BulkRow:
    """Replay or discard many dead letters, in the order in which they died; returns at once.

    Which they are is fixed now. Count them first with `dead_letter_count` and give its `count` and `uptoId`: if others
    match by then, nothing begins. Those of one FIFO key stay in their order.
    """
    chosen = {name: value for name in _CHOICES if (value := getattr(params, name)) is not None}
    if not chosen and params.ids is None and not params.all:
        raise bad_parameter("Choose dead letters, by ids or by what they have in common; or give all.")
    wanted = replace(filter_of(params), ids=params.ids, upto_id=params.upto_id)
    count = params.count
    if count is not None and count > BULK_LETTERS_MAX:
        raise bad_parameter(f"count is {count}; one bulk is about at most {BULK_LETTERS_MAX}: choose fewer.")
    about = chosen | ({} if params.ids is None else {"ids": len(params.ids)})
    new = NewBulk(params.act, wanted, about, count, params.per_second)
    begun = await rooms.work.queue.bulks.begin(new, rooms.clock.now_ms())
    if isinstance(begun, int):
        raise OperationRefused(
            409, "Conflict", f"{begun} dead letters match by now, not {count}: count them again.", count=begun
        )
    rooms.work.bus.bulks.begin()
    rooms.changed(SUBJECT, {"bulk": begun.id})
    return BulkRow(**_members(begun))


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
    return Bulk(
        **_members(found),
        completed=max(completed, 0),
        waiting=outcomes.waiting,
        running=outcomes.running,
        dead=outcomes.dead,
    )


async def bulk_stop(rooms: Rooms, params: BulkParams) -> BulkRow | None:
    """Let a bulk do no more; what it has done stays done."""
    store = rooms.work.queue.bulks
    await store.stop(params.id, rooms.clock.now_ms())
    rooms.changed(SUBJECT, {"bulk": params.id})
    found = await store.record(params.id)
    return None if found is None else BulkRow(**_members(found))


def _members(record: BulkRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "act": record.act,
        "chosen": record.about,
        "status": record.status,
        "total": record.total,
        "done": record.done,
        "missing": record.missing,
        "per_second": record.per_second,
        "begun_at": record.begun_ms,
        "ended_at": record.ended_ms,
    }


OPERATIONS = (
    Operation("bulks", "GET bulks", Listed, Bulks, "reads", bulks),
    Operation("bulk", "GET bulks/{id}", BulkParams, Bulk, "reads", bulk),
    Operation("bulk_start", "POST bulks", BulkStartParams, BulkRow, "changes", bulk_start),
    Operation("bulk_stop", "POST bulks/{id}/stop", BulkParams, BulkRow, "changes", bulk_stop),
)
