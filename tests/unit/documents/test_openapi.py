"""The OpenAPI document: valid, complete, and the same for the same flow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from polystep.contracts.steps import Flow
from polystep.documents import ProjectInformation, openapi_document
from tests.unit.documents.specs import api, event, flow, stream

INFORMATION = ProjectInformation("shop", "1.2.3", "Sells things.")

ALWAYS = ["400", "403", "431", "500", "503", "504", "507"]
TICKET: dict[str, Any] = {"type": "object", "properties": {"subject": {"type": "string"}}, "required": ["subject"]}


def document(described: Flow) -> Any:
    made = json.loads(json.dumps(openapi_document(described, INFORMATION)))
    OpenAPIV31SpecValidator(made).validate()
    return made


def test_an_empty_project_has_a_valid_document() -> None:
    made = document(flow(event("E", "t"), stream("s")))
    assert made["paths"] == {}
    assert made["info"] == {"title": "shop", "version": "1.2.3", "description": "Sells things."}
    assert made["servers"][0]["url"] == "/"


def test_a_step_is_an_operation_with_everything_that_can_be_answered() -> None:
    step = api(
        "POST /tickets/:id",
        "Reply",
        body=TICKET,
        answers={"201": TICKET},
        description="Adds a reply.\nIt is sent at once.",
        flows=("desk", "mail", "desk"),
        query=({"name": "draft", "description": "Keep it", "required": True, "schema": {"type": "boolean"}},),
    )
    made = document(flow(step, api("GET /", flows=("mail", "web"))))
    operation = made["paths"]["/tickets/{id}"]["post"]
    responses = operation.pop("responses")
    assert operation == {
        "operationId": "Reply",
        "summary": "Adds a reply.",
        "description": "Adds a reply.\nIt is sent at once.",
        "tags": ["desk", "mail"],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}},
            {
                "name": "draft",
                "in": "query",
                "description": "Keep it",
                "required": True,
                "schema": {"$ref": "#/components/schemas/ReplyQuery"},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ReplyRequest"}},
                "application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/ReplyRequest"}},
            },
        },
    }
    assert list(responses) == sorted([*ALWAYS, "201", "404", "408", "413", "415"])
    assert responses["201"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/ReplyResponse201"}}
    }
    assert responses["201"]["headers"] == {"X-Trace-Id": {"$ref": "#/components/headers/X-Trace-Id"}}
    assert responses["413"] == {"$ref": "#/components/responses/BodyTooLarge"}
    assert [tag["name"] for tag in made["tags"]] == ["desk", "mail", "web"]


def test_what_a_route_cannot_answer_is_not_in_its_responses() -> None:
    made = document(flow(api("GET /here", answers={"200": {}}), api("DELETE /here/:id", answers={"204": {}})))
    assert list(made["paths"]["/here"]["get"]["responses"]) == ["200", *ALWAYS]
    assert "requestBody" not in made["paths"]["/here"]["get"]
    assert list(made["paths"]["/here/{id}"]["delete"]["responses"]) == sorted(["204", "404", *ALWAYS])
    assert "content" not in made["paths"]["/here/{id}"]["delete"]["responses"]["204"]


def test_a_step_without_schemas_takes_and_answers_anything() -> None:
    operation = document(flow(api("POST /any")))["paths"]["/any"]["post"]
    assert operation["responses"]["default"]["content"] == {"*/*": {}}
    assert "required" not in operation["requestBody"]
    assert list(operation["requestBody"]["content"]) == [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/octet-stream",
    ]


def test_a_status_of_both_the_step_and_the_server_has_both_schemas() -> None:
    own: dict[str, Any] = {
        "400": {"type": "string"},
        "503": {"type": "object", "description": "Closed at night."},
        "404": {},
    }
    responses = document(flow(api("GET /:id", "Find", answers=own)))["paths"]["/{id}"]["get"]["responses"]
    refused = {"schema": {"$ref": "#/components/schemas/RefusedRequest"}}
    assert responses["400"]["content"]["application/json"] == refused
    assert responses["400"]["content"]["text/plain"] == {"schema": {"$ref": "#/components/schemas/FindResponse400"}}
    assert responses["503"]["content"]["application/json"]["schema"]["anyOf"] == [
        {"$ref": "#/components/schemas/FindResponse503"},
        {"$ref": "#/components/schemas/Refusal"},
    ]
    assert responses["503"]["description"].startswith("Closed at night. Or, from the server: ")
    assert "Retry-After" in responses["503"]["headers"]


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, ["text/plain", "text/*"]),
        ({"type": ["string", "null"]}, ["application/json", "text/plain", "text/*"]),
        ({"type": "object"}, ["application/json"]),
        ({}, ["application/json", "*/*"]),
    ],
)
def test_the_content_type_of_an_answer_is_the_one_the_server_sends(schema: dict[str, Any], types: list[str]) -> None:
    made = document(flow(api("GET /x", answers={"200": schema})))
    assert list(made["paths"]["/x"]["get"]["responses"]["200"]["content"]) == types


@pytest.mark.parametrize(
    ("schema", "types", "required"),
    [
        ({"type": "string"}, ["application/json", "text/plain"], True),
        ({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, ["application/json"], True),
        ({"type": "object"}, ["application/json", "application/x-www-form-urlencoded"], False),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": TICKET}},
            ["application/json", "application/x-www-form-urlencoded"],
            True,
        ),
        ({"type": "array"}, ["application/json"], True),
    ],
)
def test_a_body_is_offered_in_the_types_that_can_carry_it(
    schema: dict[str, Any], types: list[str], required: bool
) -> None:
    body = document(flow(api("PUT /x", body=schema)))["paths"]["/x"]["put"]["requestBody"]
    assert (list(body["content"]), body["required"]) == (types, required)


def test_the_templates_of_one_path_share_the_schemas_of_its_step() -> None:
    made = document(flow(api("PUT /x/:id?", "Put", body=TICKET, answers={"200": TICKET})))
    assert list(made["paths"]) == ["/x", "/x/{id}"]
    assert [name for name in made["components"]["schemas"] if name.startswith("Put")] == [
        "PutRequest",
        "PutResponse200",
    ]
    assert [made["paths"][path]["put"]["operationId"] for path in made["paths"]] == ["Put", "Put_2"]


def test_statuses_that_are_none_are_left_out_and_ranges_kept() -> None:
    answers: dict[str, Any] = {"2xx": {}, "5XX": {}, "default": {}, "ok": {}, "700": {}, "20": {}}
    responses = document(flow(api("GET /x", answers=answers)))["paths"]["/x"]["get"]["responses"]
    assert list(responses) == ["2XX", *ALWAYS[:3], "500", "503", "504", "507", "5XX", "default"]


def test_methods_of_one_shape_are_one_path_whose_names_are_those_of_the_first() -> None:
    made = document(flow(api("GET /a/:id", "Read"), api("POST /a/:name/", "Write"), api("GET /a/me", "Me")))
    assert list(made["paths"]) == ["/a/me", "/a/{id}"]
    item = made["paths"]["/a/{id}"]
    assert [item[method]["operationId"] for method in item] == ["Read", "Write"]
    assert item["post"]["parameters"] == [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The step reads it as `name`.",
            "schema": {"type": "string", "minLength": 1},
        }
    ]


def test_of_two_steps_at_one_route_the_one_that_answers_is_described() -> None:
    made = document(
        flow(api("GET /a/:x", "First"), api("GET /a/:y", "Never"), api("GET /b/:z?", "Late"), api("GET /b"))
    )
    assert made["paths"]["/a/{x}"]["get"]["operationId"] == "First"
    assert "description" not in made["paths"]["/a/{x}"]["get"]
    assert made["paths"]["/b"]["get"]["operationId"] == "GET_b"
    assert made["paths"]["/b/{z}"]["get"]["operationId"] == "Late"


def test_steps_that_share_a_shape_and_not_its_values_are_named() -> None:
    made = document(flow(api("GET /f/*", "Files"), api("GET /f/:n(\\d+)", "Number"), api("GET /f/:w([a-z]+)", "Word")))
    operation = made["paths"]["/f/{n}"]["get"]
    assert operation["parameters"][0]["schema"] == {"type": "string", "pattern": "^(?:\\d+)$"}
    assert operation["description"] == (
        "What does not fit here may be answered by Word (`/f/:w([a-z]+)`), Files (`/f/*`)."
    )


def test_names_that_are_the_same_when_made_safe_stay_apart() -> None:
    made = document(flow(api("GET /1", "a b", answers={"200": {}}), api("GET /2", "a/b"), api("GET /3", "☕")))
    assert [made["paths"][path]["get"]["operationId"] for path in ("/1", "/2", "/3")] == ["a_b", "a_b_2", "step"]


def test_a_step_cannot_take_the_name_of_a_schema_of_the_server() -> None:
    made = document(flow(api("POST /x", "Refused", body={"type": "string"})))
    assert made["components"]["schemas"]["RefusedRequest"]["properties"]["issues"]
    assert made["components"]["schemas"]["RefusedRequest_2"] == {"type": "string"}


def test_query_parameters_may_be_rows_or_one_schema_and_broken_rows_do_no_harm() -> None:
    rows: Any = ({"name": "a", "description": "x"}, {"name": "a"}, {"description": "nameless"}, "text", {"name": 3})
    one: Any = {
        "type": "object",
        "properties": {"page": {"$ref": "#/$defs/page"}, "q": {"type": "string", "description": "Text"}},
        "required": ["q"],
        "$defs": {"page": {"type": "integer"}},
    }
    made = document(flow(api("GET /rows", query=rows), api("GET /one", "One", query=one)))
    assert made["paths"]["/rows"]["get"]["parameters"] == [
        {"name": "a", "in": "query", "description": "x", "schema": {"type": "string"}}
    ]
    page, text = made["paths"]["/one"]["get"]["parameters"]
    assert ("required" in page, text["required"], text["description"]) == (False, True, "Text")
    assert made["components"]["schemas"]["OneQuery"] == {"$ref": "#/components/schemas/OneQuery.page"}


def test_steps_that_cannot_be_reached_are_not_described() -> None:
    assert document(flow(api("GET /100%"), api("GET /:x([)")))["paths"] == {}


def test_two_hundred_steps_make_one_document() -> None:
    steps = [api(f"POST /r{at}/:id", f"S{at}", body=nested(2), answers={"200": nested(2)}) for at in range(200)]
    made: Any = openapi_document(flow(*steps), INFORMATION)
    assert len(made["paths"]) == 200
    assert made == openapi_document(flow(*steps), INFORMATION)


def nested(depth: int) -> dict[str, Any]:
    """An object of objects, with a definition and references to it."""
    inner = {"$ref": "#/$defs/leaf"} if depth == 0 else nested(depth - 1)
    properties = {f"p{at}": inner for at in range(3)}
    return {"type": "object", "properties": properties, "required": ["p0"], "$defs": {"leaf": {"type": "string"}}}
