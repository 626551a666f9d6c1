"""FlowTypes of a flow for its steps: topics with payloads, streams with items, and the names that each step may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from polystep.codegen.forms import ANYTHING, TEXT, UNTOLD, Form, ListOf, Object, Property, Reference, both, choice
from polystep.codegen.schemas import Definitions
from polystep.contracts.paths import parameters_of
from polystep.contracts.steps import EventTrigger, Flow, HttpTrigger, StepSpec
from polystep.contracts.values import JSONObject

_QUERY: Final = Object(rest=choice([TEXT, ListOf(TEXT)]))
"""Form of a query without a declaration."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Topic with the form of its events."""

    name: str
    payload: Form
    """Form that fits every subscriber; `Anything` where no subscriber declares an input."""
    fifo: bool
    """True when a subscriber has a FIFO queue: events need a FIFO key."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Request of an api step as sent and as its handler gets it, and its responses."""

    body: Form
    """Body as it is sent."""
    handler_body: Form
    """Body as the handler gets it; so are all further members."""
    path_params: Form
    query_params: Form | None
    """`None` without a schema: then parameters are text."""
    query_names: tuple[str, ...]
    responses: tuple[tuple[int | None, Form], ...]
    """Responses by status; `None` stands for every status. Empty without a declaration."""


@dataclass(frozen=True, slots=True)
class StepTypes:
    """Step as its handler sees it."""

    spec: StepSpec
    emits: tuple[str, ...] | None
    """Topics that it may emit, sorted; `None` for every topic."""
    input: Form = ANYTHING
    """Input as the handler gets it."""
    sent: Form = ANYTHING
    """Input as a call gives it."""
    output: Form | None = None
    """Result of a call; `None` where the step does not declare it."""
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class FlowTypes:
    """Source of the generated types, sorted by name."""

    topics: tuple[Topic, ...]
    streams: tuple[tuple[str, Form], ...]
    steps: tuple[StepTypes, ...]
    definitions: Definitions
    auth: Form = ANYTHING
    """Result of `authenticate`."""


def flow_types(flow: Flow) -> FlowTypes:
    """Read all schemas of a flow."""
    definitions = Definitions()
    steps = sorted(flow.steps.values(), key=lambda step: step.name)
    inputs = {step.name: _input(step, definitions) for step in steps if isinstance(step.trigger, EventTrigger)}
    topics = _topics(steps, inputs, definitions)
    payloads = {topic.name: topic.payload for topic in topics}
    return FlowTypes(
        topics=topics,
        streams=tuple(
            (name, definitions.read(spec.schema, f"{name} item")) for name, spec in sorted(flow.streams.items())
        ),
        steps=tuple(
            StepTypes(
                step,
                tuple(sorted({emit.topic for emit in step.emits})) or None,
                _made_input(step, inputs.get(step.name, ANYTHING), payloads, definitions),
                inputs.get(step.name, ANYTHING),
                _output(step, definitions),
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


def _output(step: StepSpec, definitions: Definitions) -> Form | None:
    schema = step.trigger.output_schema if isinstance(step.trigger, EventTrigger) else None
    return None if schema is None else definitions.read(schema, f"{step.name} output")


def _made_input(step: StepSpec, sent: Form, payloads: Mapping[str, Form], definitions: Definitions) -> Form:
    made = _made(step, "input", sent, definitions)
    return made if made != ANYTHING else _input_by_topics(step, payloads)


def _made(step: StepSpec, member: str, sent: Form, definitions: Definitions) -> Form:
    """Return the form that the handler gets, by the member of its config with the schema."""
    if member in step.handler_schemas:
        made = definitions.read(step.handler_schemas[member], f"{step.name} {member} made")
        return UNTOLD if made == ANYTHING else made
    # A Python type makes its own values, and the step names them by that type.
    return UNTOLD if member in step.native_schemas and step.source.language == "python" else sent


def _input_by_topics(step: StepSpec, payloads: Mapping[str, Form]) -> Form:
    """Return the input of a step without a schema: the form that the other subscribers of its topics require."""
    return choice(payloads[topic] for topic in step.topics) if step.topics else ANYTHING


def _topics(steps: list[StepSpec], inputs: Mapping[str, Form], definitions: Definitions) -> tuple[Topic, ...]:
    subscribers: dict[str, list[StepSpec]] = {}
    for step in steps:
        for topic in step.topics:
            subscribers.setdefault(topic, []).append(step)
        for wait in step.waits_for:
            subscribers.setdefault(wait.topic, [])
        for cancel in step.queue.cancel_on:
            subscribers.setdefault(cancel.topic, [])
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
        handler_body=_made(step, "bodySchema", body, definitions),
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
    """Return parameters in the types of their schema; parameters that it does not mention stay text."""
    sent = definitions.read(schema, f"{step.name} {member}")
    if member in step.native_schemas:
        return _made(step, member, sent, definitions)
    declared = definitions.resolve(sent.key) if isinstance(sent, Reference) else sent
    if not isinstance(declared, Object):
        return UNTOLD
    members = {each.name: each for each in others.properties}
    for each in declared.properties:
        # A matching path has all its parameters, whether or not the schema requires them.
        needed = each.required or (each.name in members and members[each.name].required)
        members[each.name] = replace(each, required=needed)
    return Object(tuple(members.values()), others.rest if declared.rest is None else declared.rest)


def path_params(path: str) -> Object:
    """List the parameters of an Express style path: `/users/:id` has `id`; a `*` is named by its number."""
    found = {each.name: Property(each.name, TEXT, required=needed) for each, needed in parameters_of(path)}
    return Object(tuple(found.values()))
