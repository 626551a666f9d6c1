"""Operations on what a run has kept under keys: they list it, and begin a run that is over again from a key."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from polystep.contracts.events import NewDelivery
from polystep.contracts.ids import Ids
from polystep.contracts.journal import EntryKind, RunHistory
from polystep.contracts.limits import RUN_INPUT_BYTES_MAX
from polystep.contracts.operations import OperationRefused
from polystep.operations.operation import Listed, Operation, Params, Part, Result, Value, position
from polystep.operations.rooms import Rooms
from polystep.wire import pack, unpack

_KEYS_SHOWN: Final = 20


class RerunParams(Params):
    """Choose a run and a key, and perhaps another input."""

    run_id: str
    key: str = Field(description="The first key of its journal that is done again.")
    data: Value | None = Field(None, description="Other data than that of the run.")


class Rerun(Result):
    """Run that begins again, the root of a new trace. What it emits runs too."""

    trace_id: str
    run_id: str
    of_trace_id: str
    of_run_id: str
    step: str
    key: str
    found: list[str] = Field(description="Keys that were recorded before, which it finds.")
    edited: bool


class RunJournalParams(Listed):
    """Choose a run, and a part of its journal."""

    run_id: str


class JournalKeyRow(Result):
    """One key of a journal."""

    key: str
    kind: EntryKind
    kept_at: int = Field(description="When it was recorded last, Unix milliseconds.")


class RunJournal(Part):
    """Keys of a run, in the order in which they were recorded."""

    run_id: str
    is_over: bool = Field(
        description="It has completed, or is a dead letter: `rerun` begins it again from one of these."
    )
    input_kept: bool = Field(description="Its input is kept whole: a rerun needs no other.")
    keys: list[JournalKeyRow]


async def run_journal(rooms: Rooms, params: RunJournalParams) -> RunJournal:
    """List the keys under which a run has kept something: none of one that keeps nothing, or not any more."""
    histories = rooms.work.queue.histories
    start = 0 if params.cursor is None else position(params.cursor)
    found = await histories.recorded(params.run_id, params.limit + 1, start)
    history = await histories.find(params.run_id)
    shown = found[: params.limit]
    return RunJournal(
        run_id=params.run_id,
        is_over=history is not None,
        input_kept=history is not None and history.data is not None,
        keys=[JournalKeyRow(key=each.key, kind=each.kind, kept_at=each.kept_at_ms) for each in shown],
        cursor=str(shown[-1].position) if len(found) > len(shown) else None,
    )


async def rerun(rooms: Rooms, params: RerunParams) -> Rerun | None:
    """Run the event of a run that has completed, or is a dead letter, again; it finds what was kept before a key.

    It is a new run: what comes from the key on is done and asked again, and events go out again. What a run has kept
    stays for `[durable] keep_h` after its completion, and with a dead letter. Data that breaks the schema of the step
    is refused: nothing runs.
    """
    history = await rooms.work.queue.histories.find(params.run_id)
    if history is None:
        await _refuse_missing(rooms, params.run_id)
        return None
    if params.key not in history.keys:
        shown = ", ".join(history.keys[:_KEYS_SHOWN]) or "nothing"
        raise OperationRefused(409, "Unknown key", f'The run has recorded nothing under "{params.key}", but {shown}.')
    edited = "data" in params.model_fields_set
    new = _planned(history, pack(params.data) if edited else _input(history), rooms.clock.now_ms())
    _check(rooms, new)
    if not await rooms.work.bus.rerun(params.run_id, params.key, new):
        await _refuse_missing(rooms, params.run_id)
        return None
    rooms.traces.recorder.run_replayed(new.trace_id, history.trace_id, params.run_id, new.step, edited=edited)
    return Rerun(
        trace_id=new.trace_id,
        run_id=new.run_id,
        of_trace_id=history.trace_id,
        of_run_id=params.run_id,
        step=new.step,
        key=params.key,
        found=list(history.keys[: history.keys.index(params.key)]),
        edited=edited,
    )


async def _refuse_missing(rooms: Rooms, run_id: str) -> None:
    """Say why nothing is kept of a run; returns when there is no such run.

    Raises:
        OperationRefused: There is.
    """
    if await rooms.work.queue.pending_among([run_id]):
        raise OperationRefused(409, "Run not over", "It waits or runs: cancel it, or let it end.")
    if await (await rooms.traces.inspected()).run(run_id) is not None:
        hint = (
            "What a run has kept stays for `[durable] keep_h` after its completion, unless there was too much of it; "
            "one that uses no `once` and no wait keeps nothing. replay-run runs it from its beginning."
        )
        raise OperationRefused(409, "Nothing kept", hint)


def _input(history: RunHistory) -> bytes:
    if history.data is None:
        raise OperationRefused(
            409, "Input not kept whole", f"Inputs over {RUN_INPUT_BYTES_MAX} bytes are not: give the data."
        )
    return history.data


def _planned(history: RunHistory, data: bytes, now_ms: int) -> NewDelivery:
    ids = Ids()
    return NewDelivery(
        ids.run(), history.kind, history.topic, history.step, data, ids.trace(), ids.run(), None, history.fifo_key,
        now_ms,
    )  # fmt: skip


def _check(rooms: Rooms, new: NewDelivery) -> None:
    """Check the data of a run before it begins.

    Raises:
        OperationRefused: Its step is gone, or cannot take it; `issues` lists where.
    """
    if new.step not in rooms.project.declared.steps:
        raise OperationRefused(409, "No such step", f"{new.step} is no step of the project any more.")
    data = unpack(new.data)
    if new.kind == "cron":
        if not isinstance(data, int):
            raise OperationRefused(400, "Validation failed", "A cron step takes the time that it was due, in ms.")
        return
    validator = rooms.work.loaded.validators.input(new.step)
    issues = [] if validator is None else validator.issues(data)
    if issues:
        listed = [{"step": new.step, **issue.to_json()} for issue in issues]
        raise OperationRefused(400, "Validation failed", f"{new.step} cannot take this data.", issues=listed)


OPERATIONS = (
    Operation("run_journal", "GET runs/{runId}/journal", RunJournalParams, RunJournal, "reads", run_journal),
    Operation("rerun", "POST runs/{runId}/rerun", RerunParams, Rerun, "changes", rerun),
)
