"""Operations on queues: the deliveries that wait for steps, and parked events."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from pydantic import Field

from polystep.contracts.events import UNKNOWN_STEP
from polystep.contracts.limits import PAGE_BYTES_MAX
from polystep.contracts.ports.inspection import QueueCount, QueueFilter, QueueState
from polystep.operations.operation import Listed, ListedWhole, Operation, Params, Part, Result, Value, Whole, part_of
from polystep.operations.rooms import Rooms
from polystep.wire import unpack

STATES: Final[tuple[QueueState, ...]] = get_args(QueueState)
_KEY_MARK: Final = "k"
"""Begins a cursor of a list of FIFO keys: one may be the empty text."""
PURGED_AT_ONCE: Final = 5000
"""Events removed in one transaction; other writes wait meanwhile."""


class QueueRow(Result):
    """Deliveries of one step that are not finished, by state."""

    step: str
    waiting: int = Field(description="All of them.")
    ready: int = Field(description="Due now.")
    blocked: int = Field(description="Behind an earlier one of their FIFO key.")
    delayed: int = Field(description="Due later, and never failed.")
    retrying: int = Field(description="Due later, after a failure.")
    running: int
    oldest_at: int | None = Field(
        description="When the first of those that are ready or blocked became due, Unix milliseconds."
    )
    paused_at: int | None = Field(description="Since when the step is paused, Unix milliseconds; null when it is not.")


class ParkedRow(Result):
    """Events of a topic without a known subscriber: they wait for files that do not load."""

    topic: str
    waiting: int
    oldest_ms: int


class Queues(Part):
    """Queues of all steps that have something or are paused, and parked events."""

    queues: list[QueueRow]
    parked: list[ParkedRow]


class StepParams(Params):
    """Choose a step."""

    step: str


class QueueParams(Listed):
    """Choose a step, a part of its queue, and of it a state or a FIFO key."""

    step: str
    state: QueueState | None = None
    key: str | None = Field(None, description="Only this FIFO key.")


class QueuedRow(Result):
    """Delivery that is not finished."""

    id: int
    state: QueueState
    kind: Literal["event", "cron", "call", "trial"]
    topic: str
    data: Value
    trace_id: str
    run_id: str
    fifo_key: str | None
    due_at: int = Field(description="When it is due, or was.")
    enqueued_at: int
    attempts: int
    error: dict[str, Any] | None = Field(description="Of its last failure.")


class Queue(Part):
    """Deliveries of a step; fewer than the limit where their data is large."""

    deliveries: list[QueuedRow]


class QueueKeysParams(Listed):
    """Choose a step, and a part of its FIFO keys."""

    step: str


class QueueKeyRow(Result):
    """FIFO key with deliveries that are not finished."""

    key: str
    count: int
    head: int = Field(description="Id of the first, for which the others wait.")


class QueueKeys(Part):
    """FIFO keys of a step, in the order of their names."""

    keys: list[QueueKeyRow]


class TryNowParams(Params):
    """Choose a step, and one of its deliveries or all."""

    step: str
    id: Whole | None = Field(None, description="Only this delivery.")


class TriedNow(Result):
    """Number of deliveries that are due now."""

    step: str
    due: int


class DropParams(Params):
    """Choose a delivery of a step."""

    step: str
    id: Whole


class Dropped(Result):
    """Delivery that was removed for good."""

    step: str
    dropped: int
    run_id: str


class Purged(Result):
    """Number of what was removed for good."""

    step: str | None
    removed: int


class Paused(Result):
    """Step that is paused, or not any more."""

    step: str
    paused_at: int | None = Field(description="Since when, Unix milliseconds; null when it is not.")


async def queues(rooms: Rooms, params: ListedWhole) -> Queues:
    """List how many events wait or run, by step; then those whose subscriber is not known yet, by topic."""
    now_ms, queries = rooms.clock.now_ms(), rooms.work.queries
    parked = [
        ParkedRow(topic=topic, waiting=count, oldest_ms=max(now_ms - oldest_ms, 0))
        for topic, count, oldest_ms in await rooms.work.queue.parked_topics()
    ]
    paused, counts = await queries.paused(), await queries.counts(now_ms)
    rows = [_row(count, paused.get(count.step)) for count in counts]
    idle = sorted(paused.keys() - {count.step for count in counts})
    rows += [_row(QueueCount(step, 0, 0, 0, 0, 0), paused[step]) for step in idle]
    found, cursor = part_of([*rows, *parked], params)
    return Queues(
        queues=[each for each in found if isinstance(each, QueueRow)],
        parked=[each for each in found if isinstance(each, ParkedRow)],
        cursor=cursor,
    )


def _row(count: QueueCount, paused_at: int | None) -> QueueRow:
    states = {state: getattr(count, state) for state in STATES}
    return QueueRow(
        step=count.step, waiting=sum(states.values()), oldest_at=count.oldest_ms, paused_at=paused_at, **states
    )


async def queue(rooms: Rooms, params: QueueParams) -> Queue:
    """List what waits or runs of a step, as it is due; of one FIFO key, in the order in which it runs."""
    wanted = QueueFilter(rooms.clock.now_ms(), params.state, params.key, params.cursor)
    found, more = await rooms.work.queries.deliveries(params.step, wanted, params.limit, PAGE_BYTES_MAX)
    rows = [
        QueuedRow(
            id=each.id,
            state=each.state,
            kind=each.kind,
            topic=each.topic,
            data=unpack(each.data),
            trace_id=each.trace_id,
            run_id=each.run_id,
            fifo_key=each.fifo_key,
            due_at=each.run_at_ms,
            enqueued_at=each.enqueued_at_ms,
            attempts=each.attempt,
            error=each.error,
        )
        for each in found
    ]
    return Queue(deliveries=rows, cursor=found[-1].position if more else None)


async def queue_keys(rooms: Rooms, params: QueueKeysParams) -> QueueKeys:
    """List the FIFO keys of a step that have something, with how much waits behind the first of each."""
    after = None if params.cursor is None else params.cursor.removeprefix(_KEY_MARK)
    found = await rooms.work.queries.keys(params.step, after, params.limit + 1)
    rows = [QueueKeyRow(key=each.key, count=each.deliveries, head=each.head_id) for each in found[: params.limit]]
    return QueueKeys(keys=rows, cursor=_KEY_MARK + rows[-1].key if len(found) > len(rows) else None)


async def try_now(rooms: Rooms, params: TryNowParams) -> TriedNow:
    """Try now what is due later, delayed or after a failure: one delivery of a step, or all of them."""
    count = await rooms.work.bus.hasten(params.step, params.id)
    rooms.changed("queues", {"step": params.step})
    return TriedNow(step=params.step, due=count)


async def drop(rooms: Rooms, params: DropParams) -> Dropped | None:
    """Remove one delivery that waits for a step, for good. The next one of its FIFO key takes its place."""
    run_id = await rooms.work.bus.remove(params.step, params.id)
    if run_id is None:
        return None
    store = await rooms.traces.flushed()
    await store.interrupt_runs([run_id], rooms.clock.now_ms())
    rooms.changed("queues", {"step": params.step})
    return Dropped(step=params.step, dropped=params.id, run_id=run_id)


async def pause(rooms: Rooms, params: StepParams) -> Paused | None:
    """Start no more attempts of a step; its events wait, also over a restart. What runs goes on."""
    if params.step not in rooms.project.declared.steps:
        return None
    await rooms.work.queries.pause(params.step, rooms.clock.now_ms())
    rooms.work.bus.pause([params.step])
    rooms.changed("queues", {"step": params.step})
    return Paused(step=params.step, paused_at=(await rooms.work.queries.paused()).get(params.step))


async def resume(rooms: Rooms, params: StepParams) -> Paused | None:
    """Go on with the events of a step that was paused."""
    paused = await rooms.work.queries.paused()
    if params.step not in rooms.project.declared.steps and params.step not in paused:
        return None
    await rooms.work.queries.pause(params.step, None)
    rooms.work.bus.resume(params.step)
    rooms.changed("queues", {"step": params.step})
    return Paused(step=params.step, paused_at=None)


async def purge(rooms: Rooms, params: StepParams) -> Purged | None:
    """Remove all events that wait for a step, for good. Those that run go on, and emit no more to the same step."""
    step, work = params.step, rooms.work
    upto_id = await work.bus.begin_purge(step)
    if not upto_id and step != UNKNOWN_STEP and step not in rooms.project.declared.steps:
        return None
    removed = 0
    while runs := await work.bus.purge(step, PURGED_AT_ONCE, upto_id):
        removed += len(runs)
        store = await rooms.traces.flushed()
        await store.interrupt_runs(runs, rooms.clock.now_ms())
    rooms.changed("queues", {"step": step})
    return Purged(step=step, removed=removed)


OPERATIONS = (
    Operation("queues", "GET queues", ListedWhole, Queues, "reads", queues),
    Operation("queue", "GET queues/{step}", QueueParams, Queue, "reads", queue),
    Operation("queue_keys", "GET queues/{step}/keys", QueueKeysParams, QueueKeys, "reads", queue_keys),
    Operation("try_now", "POST queues/{step}/try-now", TryNowParams, TriedNow, "changes", try_now),
    Operation("drop", "POST queues/{step}/drop/{id}", DropParams, Dropped, "changes", drop),
    Operation("pause", "POST queues/{step}/pause", StepParams, Paused, "changes", pause),
    Operation("resume", "POST queues/{step}/resume", StepParams, Paused, "changes", resume),
    Operation("purge", "POST queues/{step}/purge", StepParams, Purged, "changes", purge),
)
