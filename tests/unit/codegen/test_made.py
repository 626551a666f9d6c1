"""What handlers get where a step's own schemas make something else of what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.codegen.flow_types import Endpoint, flow_types
from polystep.codegen.forms import ANYTHING, DATE, NULL, TEXT, UNTOLD, Form, ListOf, Object, Property, Scalar, choice
from polystep.codegen.python_file import python_file
from polystep.codegen.schemas import Definitions
from polystep.codegen.typescript_file import typescript_file
from polystep.contracts.steps import HttpTrigger, StepSpec
from tests.unit.codegen.corpus import INT, N, S, obj
from tests.unit.codegen.flows import api, event, flow, source

DAY = {"x-made": "Date"}
TEXTS = choice([TEXT, ListOf(TEXT)])


def endpoint(query: Any = None, path: Any = None, **more: Any) -> Endpoint:
    trigger = HttpTrigger("POST", "/a/:id", query_schema=query, path_schema=path)
    made = flow_types(flow(StepSpec("A", "api", source("steps/a"), trigger, **more))).steps[0].endpoint
    assert made is not None
    return made


def test_a_handler_gets_what_is_made_and_topics_take_what_is_sent() -> None:
    made = event(
        "A", "t", input=obj("at", at=S), native_schemas=("input",), handler_schemas={"input": obj("at", at=DAY)}
    )
    declared = flow_types(flow(made, event("B", "t")))
    assert declared.topics[0].payload == Object((Property("at", TEXT, True),))
    assert declared.steps[0].input == Object((Property("at", DATE, True),))
    # B makes nothing of it: it gets what is sent.
    assert declared.steps[1].input == declared.topics[0].payload
    text = typescript_file(declared, augments=False)
    assert "'t': { at: string }" in text
    assert "'A': EventHandler<{ at: Date }, Event>" in text
    assert "'B': EventHandler<{ at: string }, Event>" in text


def test_what_cannot_be_told_is_not_what_is_sent() -> None:
    handled: Any = {"native_schemas": ("input", "bodySchema"), "handler_schemas": {"input": {}, "bodySchema": {}}}
    text = typescript_file(
        flow_types(flow(event("A", "t", input=S, **handled), api("B", body=S, **handled))), augments=False
    )
    assert "'A': EventHandler<unknown, Event>" in text
    assert "'B': ApiRouteHandler<unknown, " in text
    assert "'t': string" in text


@pytest.mark.parametrize(
    ("schema", "form"),
    [
        (DAY, DATE),
        ({"anyOf": [DAY, {"type": "null"}]}, choice([DATE, NULL])),
        ({"type": "array", "items": {**DAY, "description": "when"}}, ListOf(DATE)),
        ({"x-made": "Map"}, ANYTHING),
        ({"x-made": ["Date"]}, ANYTHING),
    ],
)
def test_instances(schema: Any, form: Form) -> None:
    assert Definitions().read(schema, "x") == form


def test_parameters_are_typed_as_their_schemas_read_them() -> None:
    assert (endpoint().path_params, endpoint().query_params) == (Object((Property("id", TEXT, True),)), None)
    read = endpoint(obj(limit=INT), obj(id=INT))
    assert read.path_params == Object((Property("id", Scalar("integer"), True),))
    # What the host reads keeps what nobody declared, as text.
    assert read.query_params == Object((Property("limit", Scalar("integer"), False),), TEXTS)
    assert endpoint({"anyOf": [S, N]}).query_params == UNTOLD
    own = endpoint(obj(a=S), native_schemas=("queryParams",), handler_schemas={"queryParams": obj("a", a=DAY)})
    assert own.query_params == Object((Property("a", DATE, True),))
    assert endpoint(obj(a=S), native_schemas=("queryParams",)).query_params == Object((Property("a", TEXT, False),))


def test_a_python_step_names_the_values_of_its_own_types_itself() -> None:
    own: Any = {"language": "python", "native_schemas": ("input", "bodySchema")}
    shape = obj("a", a=S)
    text = python_file(flow_types(flow(event("Own", "t", input=shape, **own), api("OwnApi", body=shape, **own))))
    assert "OwnInput: TypeAlias = Any\n" in text
    assert "OwnApiRequest: TypeAlias = Request[Any, dict[str, str], Mapping[str, str | list[str]]]\n" in text
    # What is sent has its shape all the same.
    assert "class T(TypedDict):\n    a: str\n" in text
    plain = python_file(flow_types(flow(api("Plain", body=shape, language="python"))))
    assert "PlainRequest: TypeAlias = Request[PlainBody, dict[str, str], Mapping[str, str | list[str]]]\n" in plain


def test_nothing_of_other_languages_is_written_for_python() -> None:
    handled: Any = {"native_schemas": ("bodySchema",), "handler_schemas": {"bodySchema": obj("at", at=DAY)}}
    text = python_file(flow_types(flow(api("A", body=obj("at", at=S), **handled))))
    assert "class ABody(TypedDict):\n    at: str\n" in text
    assert "Made" not in text
