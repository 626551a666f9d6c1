"""The compiled schemas of one flow."""

from __future__ import annotations

import dataclasses

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import EventTrigger, Flow, HttpTrigger, LoadFailure, StepSpec
from polystep.discovery.schemas import SchemaValidator, compile_schema


class Validators:
    """Looks up what a step's values are checked with; `None` where nothing is declared."""

    def __init__(
        self, bodies: dict[str, SchemaValidator], inputs: dict[str, SchemaValidator], items: dict[str, SchemaValidator]
    ) -> None:
        self._bodies, self._inputs, self._items = bodies, inputs, items

    def body(self, step: str) -> SchemaValidator | None:
        """For an api step's request body."""
        return self._bodies.get(step)

    def input(self, step: str) -> SchemaValidator | None:
        """For an event step's input."""
        return self._inputs.get(step)

    def item(self, stream: str) -> SchemaValidator | None:
        """For the items of a stream."""
        return self._items.get(stream)


def compile_validators(flow: Flow) -> tuple[Flow, Validators]:
    """Compile every schema. A step or stream whose schema is not valid becomes a failure of its file."""
    bodies: dict[str, SchemaValidator] = {}
    inputs: dict[str, SchemaValidator] = {}
    items: dict[str, SchemaValidator] = {}
    steps, streams, failures = dict(flow.steps), dict(flow.streams), list(flow.failures)
    for step in flow.steps.values():
        try:
            _compile_step(step, bodies, inputs)
        except LoadFailed as error:
            del steps[step.name]
            failures.append(LoadFailure(step.source, error.message))
    for stream in flow.streams.values():
        try:
            if stream.schema is not None:
                items[stream.name] = compile_schema(stream.schema, "config.schema")
        except LoadFailed as error:
            del streams[stream.name]
            failures.append(LoadFailure(stream.source, error.message))
    failures.sort(key=lambda failure: failure.source.path)
    compiled = dataclasses.replace(flow, steps=steps, streams=streams, failures=tuple(failures))
    return compiled, Validators(bodies, inputs, items)


def _compile_step(step: StepSpec, bodies: dict[str, SchemaValidator], inputs: dict[str, SchemaValidator]) -> None:
    match step.trigger:
        case HttpTrigger(body_schema=dict() as schema):
            bodies[step.name] = compile_schema(schema, "config.bodySchema")
        case EventTrigger(input_schema=dict() as schema):
            inputs[step.name] = compile_schema(schema, "config.input")
        case _:
            pass
