"""The stand-in model, asked by the official client."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator

import aiohttp
import jsonschema
import openai
import pytest

from polystep.contracts.values import JSONObject
from polystep.standin import StandInServer
from polystep.standin.patterns import matching_text
from polystep.standin.schemas import SchemaFiller, SchemaUnsupported
from polystep.standin.shapes import fill_shape, find_shape

TICKET = """You are a support triage assistant. Read the ticket and reply with ONLY JSON:
{"priority":"low|medium|high|urgent","category":"string","draftReply":"a polite 2-sentence reply"}

Subject: %s
Body: %s"""


@pytest.fixture
async def server() -> AsyncIterator[StandInServer]:
    server = StandInServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: StandInServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        yield client


async def test_a_prompt_gets_a_canned_reply_with_usage(client: openai.AsyncOpenAI) -> None:
    answers = [
        await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Say  hi\n!"}])
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    answer = answers[0]
    assert (answer.model, answer.choices[0].finish_reason, answer.choices[0].message.role) == (
        "gpt-4o-mini",
        "stop",
        "assistant",
    )
    assert answer.choices[0].message.content == (
        "This is a canned reply from polystep's stand-in model. "
        "Set OPENAI_API_KEY to get answers from a real one. You wrote: Say hi !"
    )
    assert answer.usage is not None
    assert answer.usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"}) == {
        "prompt_tokens": 7,
        "completion_tokens": 32,
        "total_tokens": 39,
    }


@pytest.mark.parametrize(
    ("subject", "body", "priority"),
    [
        ("Production is down", "Nothing works, fix it immediately", "urgent"),
        ("Payment error", "I was charged twice", "high"),
        ("A question", "How do I change my avatar?", "low"),
        ("Delivery address", "Please use my new one", "medium"),
    ],
)
async def test_the_tutorials_prompt_gets_its_json(
    client: openai.AsyncOpenAI, subject: str, body: str, priority: str
) -> None:
    answer = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": TICKET % (subject, body)}],
        response_format={"type": "json_object"},
    )
    assert json.loads(answer.choices[0].message.content or "") == {
        "priority": priority,
        "category": "general",
        "draftReply": "This is a canned reply from polystep's stand-in model. "
        "Set OPENAI_API_KEY to get answers from a real one.",
    }


async def test_streaming_gives_the_same_text_in_pieces_and_usage_when_asked(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Say hi"}])
    stream = await client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "Say hi"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].message.content
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert len(chunks) > 10


async def test_a_stream_ends_with_done(server: StandInServer) -> None:
    async with aiohttp.ClientSession() as session:
        request = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        answer = await session.post(f"{server.base_url}/chat/completions", json=request)
        assert answer.content_type == "text/event-stream"
        text = await answer.text()
        assert text.endswith("\n\ndata: [DONE]\n\n")
        assert '"usage"' not in text


async def test_a_json_schema_is_satisfied(client: openai.AsyncOpenAI) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"mood": {"enum": ["positive", "negative"]}, "score": {"type": "number", "maximum": 0.5}},
        "required": ["mood", "score"],
        "additionalProperties": False,
    }
    answer = await client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "This is awful"}],
        response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": schema, "strict": True}},
    )
    value = json.loads(answer.choices[0].message.content or "")
    jsonschema.validate(value, schema)
    assert value == {"mood": "negative", "score": 0.5}


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in await client.models.list()] == ["polystep-stand-in"]


async def test_what_the_stand_in_cannot_do_is_an_openai_error(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await client.images.generate(model="m", prompt="x")
    assert missing.value.body == {
        "message": "POST /v1/images/generations is not here. "
        "The stand-in supports POST /v1/chat/completions, /v1/responses, /v1/embeddings and /v1/moderations, "
        "and GET /v1/models.",
        "type": "invalid_request_error",
        "param": None,
        "code": "unknown_url",
    }
    with pytest.raises(openai.BadRequestError) as empty:
        await client.chat.completions.create(model="m", messages=[])
    assert empty.value.param == "messages"
    with pytest.raises(openai.BadRequestError) as recursive:
        await client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "x"}],
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "#"}}},
        )
    assert recursive.value.param == "response_format.json_schema.schema"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b'{"messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":["x"]}', "messages[0]"),
        (b'{"model":"m","messages":[{"role":"user","content":1}]}', "messages[0].content"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"n":99}', "n"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":"required"}', "tool_choice"),
        (
            b'{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"x"}}',
            "response_format.type",
        ),
    ],
)
async def test_bad_requests_name_the_parameter(server: StandInServer, body: bytes, param: str | None) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.base_url}/chat/completions", data=body)
        error = (await answer.json())["error"]
        assert (answer.status, error["param"], error["type"]) == (400, param, "invalid_request_error")


async def test_bodies_are_bounded(server: StandInServer) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.base_url}/chat/completions", data=io.BytesIO(b"x" * 2_000_000))
        assert answer.status == 413
        assert "error" in await answer.json()


async def test_stop_may_come_twice_and_without_start() -> None:
    server = StandInServer()
    await server.stop()
    port = server.bind()
    await server.stop()
    await server.stop()
    again = StandInServer(port)
    assert again.bind() == port
    await again.stop()


LINKED: JSONObject = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                                                        "n": {"type": "integer"}}, "required": ["next", "n"]}},
    "$ref": "#/$defs/node",
}  # fmt: skip
TREE: JSONObject = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "parent": {"$ref": "#"}},
    "required": ["children"],
}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "null"},
        {"const": {"a": 1}},
        {"enum": [3, "x", None]},
        {"type": ["null", "integer"]},
        {"type": "boolean"},
        {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991},
        {"type": "integer", "minimum": 5, "multipleOf": 4},
        {"type": "integer", "maximum": -3},
        {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "number", "multipleOf": 0.1, "minimum": 0.35},
        {"type": "number", "exclusiveMaximum": -2.5},
        {"type": "string", "minLength": 30},
        {"type": "string", "maxLength": 3},
        {"type": "string", "minLength": 500, "maxLength": 500},
        {"type": "string", "description": "why", "maxLength": 20},
        *({"type": "string", "format": name} for name in ("date-time", "date", "email", "uri", "uuid", "ipv4")),
        {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
        {"type": "string", "pattern": "^(?:red|green)(ish)?$"},
        {"type": "string", "pattern": "^\\w+@\\w+\\.com$"},
        {"type": "string", "pattern": "^[a-z]+$", "minLength": 12},
        {"type": "array", "items": {"type": "string"}, "minItems": 4, "uniqueItems": True},
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "maxItems": 0},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": False},
        {"type": "array", "contains": {"const": 7}},
        {"properties": {"a": {"type": "string"}}, "required": ["a", "b"], "additionalProperties": {"type": "integer"}},
        {"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 3},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]},
                   {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"]}]},
        {"allOf": [{"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]},
                   {"properties": {"a": {"maximum": 5}, "b": {"type": "string"}}, "required": ["b"]}]},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
         "anyOf": [{"properties": {"b": {"const": 1}}, "required": ["b"]}]},
        LINKED,
        TREE,
    ],
)  # fmt: skip
def test_a_made_value_satisfies_its_schema(schema: JSONObject) -> None:
    value = SchemaFiller(schema, "a prompt").value()
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
    assert value == SchemaFiller(schema, "a prompt").value()


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"self": {"$ref": "#"}}, "required": ["self"]},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://example.com/schema"},
        {"properties": {"a": False}, "required": ["a"]},
        {"type": "array", "minItems": 10_000_000},
        {"type": "string", "minLength": 10_000_000},
    ],
)
def test_a_schema_without_a_value_is_refused(schema: JSONObject) -> None:
    with pytest.raises(SchemaUnsupported):
        SchemaFiller(schema, "x").value()


@pytest.mark.parametrize("pattern", ["(?=a)b", "\\p{L}", "[", "(", "a{99999999}"])
def test_a_pattern_beyond_the_reader_gives_nothing(pattern: str) -> None:
    assert matching_text(pattern) is None


CANNED = "This is a canned reply from polystep's stand-in model. Set OPENAI_API_KEY to get answers from a real one."


@pytest.mark.parametrize(
    ("prompt", "value"),
    [
        ('Reply {"ok": true, "n": 3, "x": null}', {"ok": True, "n": 3, "x": None}),
        ('{"score": "number 0-100", "p": "0.0-1.0", "n": "integer", "b": "boolean"}',
         {"score": 50, "p": 0.5, "n": 1, "b": True}),
        ('{"tags": ["string"], "who": {"email": "string", "name": "<name>"}}',
         {"tags": ["stand-in"], "who": {"email": "stand-in@example.com", "name": "Stand-in"}}),
        ('{ mood: "positive" | "negative" | "neutral", why?: string, list: string[] }\nI love it',
         {"mood": "positive", "why": "stand-in why", "list": ["stand-in list"]}),
        ('{"label": "spam|ham"} This is ham.', {"label": "ham"}),
        ('{"value": "string|null", "summary": "one short sentence"}', {"value": "stand-in value", "summary": CANNED}),
        ("{\n  title: string\n  done: boolean\n}", {"title": "A stand-in title", "done": False}),
        ('Like {this} or {}: {"items": [{"id": "number"}, "..."]}', {"items": [{"id": 1}]}),
    ],
)  # fmt: skip
def test_a_shape_in_a_prompt_is_filled(prompt: str, value: JSONObject) -> None:
    found = find_shape([prompt])
    assert found is not None
    assert fill_shape(found[0], "ham, I love it" if "b" not in value else "true") == value


def test_the_last_message_with_a_shape_counts() -> None:
    found = find_shape(['{"old": 1}', '{"new": 2}', "no shape"])
    assert found == ({"new": 2}, "")


@pytest.mark.parametrize("text", ["no braces", "{", "{{{{{", '{"a"}', "{a b: c}", "{}" * 500, '{"a":' * 5000])
def test_what_is_not_a_shape_is_passed_over(text: str) -> None:
    assert find_shape([text]) is None
