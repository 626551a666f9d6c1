"""Steps and streams to describe."""

from __future__ import annotations

from polystep.contracts.steps import (
    Emit,
    EventTrigger,
    Flow,
    HttpTrigger,
    SourceFile,
    StepSpec,
    StreamSpec,
)
from polystep.contracts.values import JSONObject

_SOURCE = SourceFile("steps/some.step.ts", "step", "typescript", "node")


def api(
    route: str,
    name: str | None = None,
    *,
    body: JSONObject | None = None,
    answers: dict[str, JSONObject] | None = None,
    query: tuple[JSONObject, ...] = (),
    description: str | None = None,
    flows: tuple[str, ...] = (),
) -> StepSpec:
    """A step at `METHOD /path`, named after its route."""
    method, path = route.split(" ", 1)
    trigger = HttpTrigger(method, path, body, answers or {}, query)
    return StepSpec(name or route, "api", _SOURCE, trigger, description=description, flows=flows)


def event(name: str, *topics: str, schema: JSONObject | None = None, emits: tuple[Emit, ...] = ()) -> StepSpec:
    return StepSpec(name, "event", _SOURCE, EventTrigger(topics, schema), emits=emits)


def flow(*specs: StepSpec | StreamSpec) -> Flow:
    return Flow(
        {spec.name: spec for spec in specs if isinstance(spec, StepSpec)},
        {spec.name: spec for spec in specs if isinstance(spec, StreamSpec)},
    )


def stream(name: str, schema: JSONObject | None = None) -> StreamSpec:
    return StreamSpec(name, _SOURCE, schema)
