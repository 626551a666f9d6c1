"""Operations on flows: the graph of steps and topics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field

from polystep.contracts.steps import (
    EVERY_STEP,
    FLOW_WORDS,
    WITHOUT_FLOW,
    CronTrigger,
    Emit,
    HttpTrigger,
    StepSpec,
)
from polystep.operations.operation import ListedWhole, Operation, Params, Part, Result, part_of
from polystep.operations.rooms import Rooms

NODES_MAX: Final = 5000
"""Steps in one graph."""
OUTSIDE_MAX: Final = 20
"""Steps named at the open end of an edge."""


class FlowRow(Result):
    """Flow, with its number of steps."""

    flow: str
    steps: int


class Flows(Part):
    """Flows that steps declare, by name."""

    flows: list[FlowRow]


class FlowParams(Params):
    """Choose a flow."""

    flow: str = Field(description="Name of a flow; `*` stands for all steps, `-` for those without a flow.")


class FlowNode(Result):
    """Step in a graph. One that does not load has an error, and shows what it declared last."""

    step: str
    type: Literal["api", "event", "cron", "noop"]
    language: str
    file: str
    description: str | None
    error: str | None
    route: str | None = Field(description="Method and path of an api step.")
    cron: str | None = Field(description="Expression of a cron step.")


class FlowEdge(Result):
    """Way of a topic from a step to a step of the graph."""

    source: str | None = Field(alias="from", description="Null: no step of the graph emits the topic.")
    target: str | None = Field(alias="to", description="Null: no step of the graph subscribes to it.")
    topic: str
    label: str | None
    conditional: bool
    virtual: bool = Field(description="Drawn only: one of its ends is a virtual emit or a virtual subscription.")
    waits: bool = Field(description="Runs of the step that it leads to wait for the topic; it starts none.")
    cancels: bool = Field(description="Events of the topic cancel runs of the step that it leads to; it starts none.")
    outside: list[str] = Field(
        description=f"Where an end is null: steps outside of the graph that are there, at most {OUTSIDE_MAX}."
    )


class BrokenFile(Result):
    """File that does not load, and why."""

    file: str
    message: str


class FlowGraph(Result):
    """Graph of a flow."""

    flow: str
    nodes: list[FlowNode]
    edges: list[FlowEdge]
    failures: list[BrokenFile] = Field(description="Files of the project that do not load.")
    cut: bool = Field(description=f"The flow has more than {NODES_MAX} steps; these are the first.")


async def flows(rooms: Rooms, params: ListedWhole) -> Flows:
    """List the flows."""
    counts: dict[str, int] = {}
    for step in rooms.project.declared.steps.values():
        for flow in step.flows:
            counts[flow] = counts.get(flow, 0) + 1
    found, cursor = part_of(sorted(counts.items()), params)
    return Flows(flows=[FlowRow(flow=flow, steps=count) for flow, count in found], cursor=cursor)


async def flow(rooms: Rooms, params: FlowParams) -> FlowGraph | None:
    """Print the graph of a flow: its steps, and the topics between them."""
    steps, cut = steps_of(rooms, params.flow)
    if steps is None:
        return None
    return FlowGraph(
        flow=params.flow,
        nodes=[_node(step, rooms.project.unloaded(step)) for step in steps],
        edges=_edges(steps, rooms.project.declared.steps.values()),
        failures=[
            BrokenFile(file=failure.source.path, message=failure.message)
            for failure in rooms.project.flow.failures[:NODES_MAX]
        ],
        cut=cut,
    )


def steps_of(rooms: Rooms, flow: str) -> tuple[list[StepSpec] | None, bool]:
    """Return the steps of a flow, `None` when there is no such flow, and whether there are more."""
    found = [step for step in rooms.project.declared.steps.values() if _belongs(step, flow)]
    is_known = bool(found) or flow in FLOW_WORDS
    return found[:NODES_MAX] if is_known else None, len(found) > NODES_MAX


def _belongs(step: StepSpec, flow: str) -> bool:
    return flow == EVERY_STEP or flow in step.flows or (flow == WITHOUT_FLOW and not step.flows)


def _node(step: StepSpec, error: str | None) -> FlowNode:
    trigger = step.trigger
    return FlowNode(
        step=step.name,
        type=step.type,
        language=step.source.language,
        file=step.source.path,
        description=step.description,
        error=error,
        route=f"{trigger.method} {trigger.path}" if isinstance(trigger, HttpTrigger) else None,
        cron=trigger.expression if isinstance(trigger, CronTrigger) else None,
    )


def _edges(steps: Iterable[StepSpec], every: Iterable[StepSpec]) -> list[FlowEdge]:
    """Join emits and subscriptions of one topic; those without another end in the graph are edges with one end."""
    subscribers, emitters = _subscribers(steps), _emitters(steps)
    nobody = [_End(None)]
    everywhere = _subscribers(every), _emitters(every)
    edges = []
    for topic, sources in emitters.items():
        targets = subscribers.get(topic)
        away = [] if targets else _names(everywhere[0].get(topic, ()))
        edges += [
            FlowEdge(
                **{"from": source, "to": end.step},
                topic=topic,
                label=emit.label,
                conditional=emit.conditional,
                virtual=virtual or end.virtual,
                waits=end.waits,
                cancels=end.cancels,
                outside=away,
            )
            for source, emit, virtual in sources
            for end in targets or nobody
        ]
    for topic, targets in subscribers.items():
        if topic in emitters:
            continue
        away = _names(everywhere[1].get(topic, ()))
        edges += [
            FlowEdge(
                **{"from": None, "to": end.step},
                topic=topic,
                label=None,
                conditional=False,
                virtual=end.virtual,
                waits=end.waits,
                cancels=end.cancels,
                outside=away,
            )
            for end in targets
        ]
    return edges


class _End(NamedTuple):
    """Step that takes events of a topic."""

    step: str | None
    virtual: bool = False
    waits: bool = False
    cancels: bool = False


def _subscribers(steps: Iterable[StepSpec]) -> dict[str, list[_End]]:
    """Return by topic who takes its events, and for what."""
    found: dict[str, list[_End]] = {}
    for step in steps:
        for topics, virtual in ((step.topics, False), (step.virtual_subscribes, True)):
            for topic in topics:
                found.setdefault(topic, []).append(_End(step.name, virtual))
        for wait in step.waits_for:
            if wait.topic not in step.topics:
                found.setdefault(wait.topic, []).append(_End(step.name, waits=True))
        for cancel in step.queue.cancel_on:
            found.setdefault(cancel.topic, []).append(_End(step.name, cancels=True))
    return found


def _emitters(steps: Iterable[StepSpec]) -> dict[str, list[tuple[str, Emit, bool]]]:
    """Return by topic who emits it, how, and whether virtually."""
    found: dict[str, list[tuple[str, Emit, bool]]] = {}
    for step in steps:
        for emits, virtual in ((step.emits, False), (step.virtual_emits, True)):
            for emit in emits:
                found.setdefault(emit.topic, []).append((step.name, emit, virtual))
    return found


def _names(ends: Iterable[tuple[Any, ...]]) -> list[str]:
    return sorted({str(end[0]) for end in ends})[:OUTSIDE_MAX]


OPERATIONS = (
    Operation("flows", "GET flows", ListedWhole, Flows, "reads", flows),
    Operation("flow", "GET flows/{flow}", FlowParams, FlowGraph, "reads", flow),
)
