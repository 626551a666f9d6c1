"""Compiled schemas of one flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import AccessSpec, EventTrigger, Finding, Flow, HttpTrigger, LoadFailure, StepSpec
from polystep.contracts.values import JSONObject
from polystep.discovery.findings import find_problems
from polystep.discovery.parameters import ParameterValidator
from polystep.discovery.schemas import SchemaValidator, compile_schema

_NO_PARAMETERS: Final[Mapping[str, ParameterValidator]] = {}
_NO_RESPONSES: Final[Mapping[str, SchemaValidator]] = {}


class Validators:
    """Table of validators by step; `None` where no schema is declared."""

    def __init__(
        self, bodies: dict[str, SchemaValidator], inputs: dict[str, SchemaValidator], items: dict[str, SchemaValidator]
    ) -> None:
        self._bodies, self._inputs, self._items = bodies, inputs, items
        self._outputs: dict[str, SchemaValidator] = {}
        self._parameters: dict[str, dict[str, ParameterValidator]] = {}
        self._responses: dict[str, dict[str, SchemaValidator]] = {}
        self.access_context: SchemaValidator | None = None
        """Validator of the result of `authenticate`."""

    def body(self, step: str) -> SchemaValidator | None:
        """Return the validator of the request body of an api step."""
        return self._bodies.get(step)

    def parameters(self, step: str) -> Mapping[str, ParameterValidator]:
        """Return the readers of `queryParams` and `pathParams` of an api step, by these names."""
        return self._parameters.get(step, _NO_PARAMETERS)

    def responses(self, step: str) -> Mapping[str, SchemaValidator]:
        """Return the validators of the responses of an api step, by status (`200`, `2XX`, `default`); may be empty."""
        return self._responses.get(step, _NO_RESPONSES)

    def input(self, step: str) -> SchemaValidator | None:
        """Return the validator of the input of an event step."""
        return self._inputs.get(step)

    def output(self, step: str) -> SchemaValidator | None:
        """Return the validator of the result of an event step that is called."""
        return self._outputs.get(step)

    def item(self, stream: str) -> SchemaValidator | None:
        """Return the validator of the items of a stream."""
        return self._items.get(stream)

    def add_step(self, step: StepSpec) -> None:
        """Compile the schemas of a step.

        Raises:
            LoadFailed: A schema is not valid; nothing of the step is kept.
        """
        match step.trigger:
            case HttpTrigger() as http:
                self._add_http(step.name, http)
            case EventTrigger() as event:
                self._add_event(step.name, event)
            case _:
                pass

    def add_stream(self, name: str, schema: JSONObject) -> None:
        """Compile the schema of a stream's items.

        Raises:
            LoadFailed: It is not valid.
        """
        self._items[name] = compile_schema(schema, "config.schema")

    def add_access(self, access: AccessSpec) -> LoadFailure | None:
        """Compile the schema of the result of `authenticate`; an invalid schema is a failure of the file."""
        if access.context_schema is not None:
            try:
                self.access_context = compile_schema(access.context_schema, "contextSchema")
            except LoadFailed as error:
                return LoadFailure(access.source, error.message)
        return None

    def _add_event(self, name: str, event: EventTrigger) -> None:
        output = None if event.output_schema is None else compile_schema(event.output_schema, "config.output")
        if event.input_schema is not None:
            self._inputs[name] = compile_schema(event.input_schema, "config.input")
        if output is not None:
            self._outputs[name] = output

    def _add_http(self, name: str, http: HttpTrigger) -> None:
        body = None if http.body_schema is None else compile_schema(http.body_schema, "config.bodySchema")
        parameters = {
            member: _compile_parameters(schema, f"config.{member}")
            for member, schema in (("queryParams", http.query_schema), ("pathParams", http.path_schema))
            if schema is not None
        }
        responses = {
            status: compile_schema(schema, f"config.responseSchema.{status}")
            for status, schema in http.response_schema.items()
        }
        if body is not None:
            self._bodies[name] = body
        if parameters:
            self._parameters[name] = parameters
        if responses:
            self._responses[name] = responses


def compile_validators(flow: Flow) -> tuple[Flow, Validators]:
    """Compile every schema. A step or stream with an invalid schema becomes a failure of its file."""
    validators = Validators({}, {}, {})
    steps, streams, failures = dict(flow.steps), dict(flow.streams), list(flow.failures)
    for step in flow.steps.values():
        try:
            validators.add_step(step)
        except LoadFailed as error:
            del steps[step.name]
            failures.append(LoadFailure(step.source, error.message))
    for stream in flow.streams.values():
        try:
            if stream.schema is not None:
                validators.add_stream(stream.name, stream.schema)
        except LoadFailed as error:
            del streams[stream.name]
            failures.append(LoadFailure(stream.source, error.message))
    access, closed = flow.access, flow.access_closed
    about_access = [each for each in flow.findings if each.kind == "access"]
    if access is not None and (failure := validators.add_access(access)) is not None:
        failures.append(failure)
        access, closed = None, f"Until {failure.source.path} is mended every WebSocket is refused."
        about_access.append(Finding("access", "error", failure.source.path, closed))
    if len(failures) > len(flow.failures):
        failures.sort(key=lambda failure: failure.source.path)
        found = (*about_access, *find_problems(steps, streams, failures))
        flow = Flow(steps, streams, tuple(failures), found, access, closed)
    return flow, validators


def _compile_parameters(schema: JSONObject, where: str) -> ParameterValidator:
    try:
        return ParameterValidator(schema)
    except LoadFailed as error:
        raise LoadFailed(f"{where}: {error.message}") from error
