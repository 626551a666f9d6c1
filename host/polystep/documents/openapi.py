"""Generator of the OpenAPI 3.1 document: api steps, and the responses of the server beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from polystep.contracts.paths import parameters_of
from polystep.contracts.steps import Flow, HttpTrigger, StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents.bodies import ANY_RESPONSE, has_no_body, request_body, response_content
from polystep.documents.host_answers import (
    ALL_ANSWERS,
    ALWAYS,
    HEADERS,
    SCHEMAS,
    WITH_BODY,
    WITH_KEY,
    WITH_PARAMETERS,
    HostAnswer,
)
from polystep.documents.information import ProjectInformation
from polystep.documents.names import UniqueNames
from polystep.documents.parameters import key_parameter, path_parameters, query_parameters
from polystep.documents.schemas import SharedSchemas
from polystep.documents.templates import Template, templates_of

_STATUS: Final = re.compile(r"[2-5](?:\d\d|XX)|default")
_BODIES_USUAL: Final = ("POST", "PUT", "PATCH")
"""Methods whose requests may have a body even without a schema."""

_TRACED: Final[JSONObject] = {"X-Trace-Id": {"$ref": "#/components/headers/X-Trace-Id"}}
_RETRY: Final[JSONObject] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}


@dataclass(slots=True)
class _Route:
    """Operation: a method at a template."""

    step: StepSpec
    trigger: HttpTrigger
    template: Template
    behind: list[str]
    """Paths of other steps that look the same in OpenAPI and take the requests that this path does not match."""


def openapi_document(flow: Flow, information: ProjectInformation) -> JSONObject:
    """Describe every reachable route; the same flow gives the same document."""
    return _OpenApi(flow).document(information)


class _OpenApi:
    """Document under construction."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._schemas = SharedSchemas("2020-12", SCHEMAS)
        self._operation_ids = UniqueNames()
        self._shared: dict[tuple[str, int], tuple[JSONObject, JSONObject]] = {}
        """Components by name and identity of the schema, with the schema itself, so that its identity is not reused."""

    def document(self, information: ProjectInformation) -> JSONObject:
        paths: JSONObject = {}
        for methods in sorted(_routes(self._flow), key=lambda each: next(iter(each.values())).template.text):
            first = next(iter(methods.values())).template
            item: JSONObject = {method.lower(): self._operation(route, first) for method, route in methods.items()}
            paths[first.text] = item
        document: JSONObject = {
            "openapi": "3.1.0",
            "info": information.to_json(),
            "servers": [{"url": "/", "description": "This server"}],
            "paths": paths,
            "components": {
                "schemas": self._schemas.by_name,
                "responses": {answer.name: answer.to_json() for answer in ALL_ANSWERS},
                "headers": HEADERS,
            },
        }
        tags = dict.fromkeys(tag for step in self._flow.steps.values() if step.type == "api" for tag in step.flows)
        return {**document, "tags": [{"name": tag} for tag in tags]} if tags else document

    def _operation(self, route: _Route, first: Template) -> JSONObject:
        step, trigger = route.step, route.trigger
        operation: JSONObject = {"operationId": self._operation_ids.take(step.name, "step"), **_described(route)}
        if step.flows:
            operation["tags"] = list(dict.fromkeys(step.flows))
        parameters = path_parameters(route.template, first)
        parameters += query_parameters(trigger.query_params, lambda schema: self._share(f"{step.name}Query", schema))
        rule = trigger.idempotency
        if rule is not None:
            parameters.append(key_parameter(required=rule.required))
        if parameters:
            operation["parameters"] = parameters
        takes_body = trigger.body_schema is not None or trigger.method in _BODIES_USUAL
        if takes_body:
            operation["requestBody"] = request_body(
                trigger.body_schema, lambda schema: self._share(f"{step.name}Request", schema)
            )
        answers = ALWAYS + (WITH_PARAMETERS if route.template.parameters else ()) + (WITH_BODY if takes_body else ())
        answers += WITH_KEY if rule is not None else ()
        operation["responses"] = self._responses(step, trigger, answers)
        return operation

    def _responses(self, step: StepSpec, trigger: HttpTrigger, answers: tuple[HostAnswer, ...]) -> JSONObject:
        responses: JSONObject = {}
        for key, schema in trigger.response_schema.items():
            status = key.replace("x", "X")
            if _STATUS.fullmatch(status):
                responses[status] = self._step_answer(step, trigger.method, status, schema)
        if not responses:
            undeclared = "Whatever the step answers: its config declares no `responseSchema`."
            responses["204"] = {"description": "Nothing, where the step has nothing to say.", "headers": _TRACED}
            responses["default"] = {"description": undeclared, "headers": _TRACED, "content": ANY_RESPONSE}
        for answer in answers:
            own = responses.get(answer.status)
            ours: JSONObject = {"$ref": f"#/components/responses/{answer.name}"}
            responses[answer.status] = _either(own, answer) if isinstance(own, dict) else ours
        return dict(sorted(responses.items()))

    def _step_answer(self, step: StepSpec, method: str, status: str, schema: JSONObject) -> JSONObject:
        answer: JSONObject = {"description": _meaning(schema), "headers": _TRACED}
        if not has_no_body(status, method):
            name = f"{step.name}Response{status.removeprefix('default')}"
            answer["content"] = response_content(schema, lambda each: self._share(name, each))
        return answer

    def _share(self, name: str, schema: JSONObject) -> JSONObject:
        """Share one component for all templates of a path."""
        key = (name, id(schema))
        if key not in self._shared:
            self._shared[key] = (schema, self._schemas.add(name, schema))
        return self._shared[key][1]


def _routes(flow: Flow) -> list[dict[str, _Route]]:
    """Return routes by method, in groups that OpenAPI treats as one path."""
    by_shape: dict[str, dict[str, _Route]] = {}
    for route in sorted(_all_routes(flow), key=_rank):
        methods = by_shape.setdefault(route.template.shape, {})
        answers = methods.setdefault(route.trigger.method, route)
        if answers is not route and answers.template.takes != route.template.takes:
            answers.behind.append(f"{route.step.name} (`{route.trigger.path}`)")
    return list(by_shape.values())


def _rank(route: _Route) -> tuple[int, bool]:
    """Order steps with the same path by precedence: of `/a` and `/a/:id?` the one without parameters comes first."""
    return route.template.rank, any(parameters_of(route.trigger.path))


def _all_routes(flow: Flow) -> Iterator[_Route]:
    for step in flow.steps.values():
        if isinstance(step.trigger, HttpTrigger):
            for template in templates_of(step.trigger.path):
                yield _Route(step, step.trigger, template, [])


def _described(route: _Route) -> JSONObject:
    """Return the summary in one line, and the description when it is longer."""
    text = (route.step.description or "").strip()
    summary = text.splitlines()[0] if text else route.step.name
    parts = [text] if text != summary and text else []
    if route.behind:
        parts.append(f"What does not fit here may be answered by {', '.join(route.behind)}.")
    return {"summary": summary, **({"description": "\n\n".join(parts)} if parts else {})}


def _meaning(schema: JSONObject) -> str:
    described = schema.get("description")
    return described if isinstance(described, str) and described else "What the step answers."


def _either(own: JSONObject, answer: HostAnswer) -> JSONObject:
    """Return a response whose status both the step and the server use."""
    content = own.get("content")
    shared: JSONObject = {"$ref": f"#/components/schemas/{answer.schema}"}
    merged: JSONObject = dict(content) if isinstance(content, dict) else {}
    media = merged.get("application/json")
    schema: JSONValue = media.get("schema") if isinstance(media, dict) else None
    merged["application/json"] = {"schema": {"anyOf": [schema, shared]} if schema is not None else shared}
    return {
        "description": f"{str(own['description']).rstrip('.')}. Or, from the server: {answer.description}",
        "headers": {**_TRACED, **(_RETRY if answer.status == "503" else {})},
        "content": merged,
    }
