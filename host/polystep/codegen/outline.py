"""What a flow promises to its steps: topics with their payloads, streams with their items, and who may use what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from polystep.codegen.forms import ANYTHING, TEXT, Form, Object, Property, both, choice
from polystep.codegen.schemas import Definitions
from polystep.contracts.steps import EventTrigger, Flow, HttpTrigger, StepSpec

_PATH_PARAMETER: Final = re.compile(r":(\w+)(?:\((?:\\.|[^\\()])+\))?(\?)?|\*")


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, and what an event of it must be."""

    name: str
    payload: Form
    """What fits every subscriber; `Anything` where none says what it takes."""
    fifo: bool
    """Some subscriber keeps events in order, so they need a group."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an api step is sent, and what it may answer."""

    body: Form
    path_params: Object
    query_names: tuple[str, ...]
    responses: tuple[tuple[int | None, Form], ...]
    """By status; `None` stands for every status. Empty when nothing is declared."""


@dataclass(frozen=True, slots=True)
class StepOutline:
    """A step as its handler sees it."""

    spec: StepSpec
    emits: tuple[str, ...] | None
    """Topics it may emit, sorted; `None` for every topic."""
    input: Form = ANYTHING
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """Everything that declarations are printed from, sorted by name."""

    topics: tuple[Topic, ...]
    streams: tuple[tuple[str, Form], ...]
    steps: tuple[StepOutline, ...]
    definitions: Definitions


def outline(flow: Flow) -> Outline:
    """Read all schemas of a flow."""
    definitions = Definitions()
    steps = sorted(flow.steps.values(), key=lambda step: step.name)
    inputs = {step.name: _input(step, definitions) for step in steps if isinstance(step.trigger, EventTrigger)}
    topics = _topics(steps, inputs, definitions)
    payloads = {topic.name: topic.payload for topic in topics}
    return Outline(
        topics=topics,
        streams=tuple(
            (name, definitions.read(spec.schema, f"{name} item")) for name, spec in sorted(flow.streams.items())
        ),
        steps=tuple(
            StepOutline(
                step,
                tuple(sorted({emit.topic for emit in step.emits})) or None,
                inputs[step.name] if inputs.get(step.name, ANYTHING) != ANYTHING else _input_by_topics(step, payloads),
                _endpoint(step, step.trigger, definitions) if isinstance(step.trigger, HttpTrigger) else None,
            )
            for step in steps
            if step.type != "noop"
        ),
        definitions=definitions,
    )


def _input(step: StepSpec, definitions: Definitions) -> Form:
    schema = step.trigger.input_schema if isinstance(step.trigger, EventTrigger) else None
    return definitions.read(schema, f"{step.name} input")


def _input_by_topics(step: StepSpec, payloads: Mapping[str, Form]) -> Form:
    """A step that does not say what it takes is sent what the other subscribers of its topics require."""
    return choice(payloads[topic] for topic in step.topics) if step.topics else ANYTHING


def _topics(steps: list[StepSpec], inputs: Mapping[str, Form], definitions: Definitions) -> tuple[Topic, ...]:
    subscribers: dict[str, list[StepSpec]] = {}
    for step in steps:
        for topic in step.topics:
            subscribers.setdefault(topic, []).append(step)
        for emit in step.emits:
            subscribers.setdefault(emit.topic, [])
    return tuple(
        Topic(
            name,
            both((inputs[step.name] for step in takers), definitions.resolve),
            any(step.queue.fifo for step in takers),
        )
        for name, takers in sorted(subscribers.items())
    )


def _endpoint(step: StepSpec, trigger: HttpTrigger, definitions: Definitions) -> Endpoint:
    return Endpoint(
        body=definitions.read(trigger.body_schema, f"{step.name} body"),
        path_params=path_params(trigger.path),
        query_names=tuple(
            dict.fromkeys(str(each["name"]) for each in trigger.query_params if isinstance(each.get("name"), str))
        ),
        responses=tuple(
            (
                int(status) if re.fullmatch(r"[1-5]\d\d", status) else None,
                definitions.read(schema, f"{step.name} response {status}"),
            )
            for status, schema in sorted(trigger.response_schema.items())
        ),
    )


def path_params(path: str) -> Object:
    """The parameters of an Express style path: `/users/:id` has `id`; a `*` is called by its number."""
    found: dict[str, Property] = {}
    stars = 0
    for match in _PATH_PARAMETER.finditer(path):
        name = match[1]
        if name is None:
            name, stars = str(stars), stars + 1
        found[name] = Property(name, TEXT, required=match[2] is None)
    return Object(tuple(found.values()))
