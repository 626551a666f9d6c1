"""Operation that counts what the steps of a flow do at this moment."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from polystep.contracts.ports.inspection import QueueCount
from polystep.contracts.steps import StepSpec
from polystep.operations.event_rates import EventRate
from polystep.operations.flows import FlowParams, steps_of
from polystep.operations.operation import Operation, Result
from polystep.operations.rooms import Rooms

WAITING_READ_MAX: Final = 1000
"""Events that are counted by topic, of a step that takes several."""


class StepCounts(Result):
    """Counts of a step at this moment. One that does nothing is left out."""

    step: str
    running: int
    waiting: int = Field(description="Ready, delayed or blocked.")
    retrying: int
    failed: int = Field(description="Dead letters.")
    paused: bool


class EventCounts(Result):
    """Events of a topic that a step of the flow got while somebody looked, and those that wait for it."""

    topic: str
    step: str
    total: int = Field(description="Since the counting began.")
    recent: int = Field(description="In the last `countedS`.")
    waiting: int | None = Field(
        description="Ready, delayed, blocked or to be tried again. Null when the step takes several topics and more "
        f"than {WAITING_READ_MAX} events wait: they are not counted by topic then."
    )


class FlowCounts(Result):
    """Counts of a flow. Events are counted only while somebody follows the subject `flows` of the live feed."""

    flow: str
    steps: list[StepCounts]
    events: list[EventCounts]
    counted_s: float | None = Field(description="Time over which `recent` counts; null while nobody looks.")


async def flow_counts(rooms: Rooms, params: FlowParams) -> FlowCounts | None:
    """Count what runs, waits and failed, by step of a flow, and the events of the last minute."""
    steps, _ = steps_of(rooms, params.flow)
    if steps is None:
        return None
    work, names = rooms.work, {step.name for step in steps}
    queued = {count.step: count for count in await work.queries.counts(rooms.clock.now_ms())}
    dead, paused = await work.queries.dead_letter_counts(), await work.queries.paused()
    requests = work.attempts.by_step()
    rows = []
    for step in steps:
        count = queued.get(step.name)
        row = StepCounts(
            step=step.name,
            running=count.running if count else _requests(step, requests),
            waiting=count.ready + count.delayed + count.blocked if count else 0,
            retrying=count.retrying if count else 0,
            failed=dead.get(step.name, 0),
            paused=step.name in paused,
        )
        if row.running or row.waiting or row.retrying or row.failed or row.paused:
            rows.append(row)
    rates = rooms.place.feed.rates
    counted = {(rate.topic, rate.step): rate for rate in rates.rows() if rate.step in names}
    waiting: dict[tuple[str, str], int | None] = dict.fromkeys(counted, 0)
    for step in steps:
        if (count := queued.get(step.name)) is not None and step.topics:
            waiting.update(await _waiting(rooms, step, count))
    events = []
    for (topic, name), backlog in waiting.items():
        rate = counted.get((topic, name), EventRate(topic, name, 0, 0))
        events.append(EventCounts(**rate._asdict(), waiting=backlog))
    return FlowCounts(flow=params.flow, steps=rows, events=events, counted_s=rates.counted_s)


async def _waiting(rooms: Rooms, step: StepSpec, count: QueueCount) -> dict[tuple[str, str], int | None]:
    """Return what waits for a step, by topic."""
    whole = count.ready + count.delayed + count.blocked + count.retrying
    if whole == 0:
        return {}
    if len(step.topics) == 1:
        return {(step.topics[0], step.name): whole}
    if whole > WAITING_READ_MAX:
        return {(topic, step.name): None for topic in step.topics}
    found = await rooms.work.queries.waiting_by_topic(step.name, WAITING_READ_MAX)
    return {(topic, step.name): found.get(topic, 0) for topic in step.topics}


def _requests(step: StepSpec, requests: dict[str, int]) -> int:
    return requests.get(step.name, 0) if step.type == "api" else 0


OPERATIONS = (Operation("flow_counts", "GET flows/{flow}/counts", FlowParams, FlowCounts, "reads", flow_counts),)
