"""What a flow promises to its steps: topics with their payloads, streams with their items, and who may use what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from polystep.codegen.forms import ANYTHING, TEXT, UNTOLD, Form, ListOf, Object, Property, Reference, both, choice
from polystep.codegen.schemas import Definitions
from polystep.contracts.steps import EventTrigger, Flow, HttpTrigger, StepSpec
from polystep.contracts.values import JSONObject

_QUERY: Final = Object(rest=choice([TEXT, ListOf(TEXT)]))
"""As it comes where nothing is declared."""
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
    """What an api step is sent, what its handler gets of it, and what it may answer."""

    body: Form
    """As it is sent."""
    made_body: Form
    """As the handler gets it, like all that follows."""
    path_params: Form
    query_params: Form | None
    """`None` where no schema reads it: then it is text."""
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
    """As the handler gets it."""
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """Everything that declarations are printed from, sorted by name."""

    topics: tuple[Topic, ...]
    streams: tuple[tuple[str, Form], ...]
    steps: tuple[StepOutline, ...]
    definitions: Definitions
    auth: Form = ANYTHING
    """What `authenticate` returns."""


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
                _made_input(step, inputs.get(step.name, ANYTHING), payloads, definitions),
                _endpoint(step, step.trigger, definitions) if isinstance(step.trigger, HttpTrigger) else None,
            )
            for step in steps
            if step.type != "noop"
        ),
        definitions=definitions,
        auth=definitions.read(None if flow.access is None else flow.access.context_schema, "stream auth context"),
    )


def _input(step: StepSpec, definitions: Definitions) -> Form:
    schema = step.trigger.input_schema if isinstance(step.trigger, EventTrigger) else None
    return definitions.read(schema, f"{step.name} input")


def _made_input(step: StepSpec, sent: Form, payloads: Mapping[str, Form], definitions: Definitions) -> Form:
    made = _made(step, "input", sent, definitions)
    return made if made != ANYTHING else _input_by_topics(step, payloads)


def _made(step: StepSpec, member: str, sent: Form, definitions: Definitions) -> Form:
    """What the handler gets of what is sent, by the member of its config that judges it."""
    if member in step.made:
        made = definitions.read(step.made[member], f"{step.name} {member} made")
        return UNTOLD if made == ANYTHING else made
    # A Python type makes values of its own, which the step names by that type.
    return UNTOLD if member in step.contracts and step.source.language == "python" else sent


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
    body = definitions.read(trigger.body_schema, f"{step.name} body")
    path, query = trigger.path_schema, trigger.query_schema
    named = path_params(trigger.path)
    return Endpoint(
        body=body,
        made_body=_made(step, "bodySchema", body, definitions),
        path_params=named if path is None else _parameters(step, "pathParams", named, path, definitions),
        query_params=None if query is None else _parameters(step, "queryParams", _QUERY, query, definitions),
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


def _parameters(step: StepSpec, member: str, others: Object, schema: JSONObject, definitions: Definitions) -> Form:
    """Parameters as their schema has them read; those that it does not speak of stay text."""
    sent = definitions.read(schema, f"{step.name} {member}")
    if member in step.contracts:
        return _made(step, member, sent, definitions)
    declared = definitions.resolve(sent.key) if isinstance(sent, Reference) else sent
    if not isinstance(declared, Object):
        return UNTOLD
    members = {each.name: each for each in others.properties}
    for each in declared.properties:
        # A path that matches has its parameters, whether the schema asks for them or not.
        needed = each.required or (each.name in members and members[each.name].required)
        members[each.name] = replace(each, required=needed)
    return Object(tuple(members.values()), others.rest if declared.rest is None else declared.rest)


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
