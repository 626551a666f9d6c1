"""The stand-in's further APIs, asked by the official client: responses, tools, embeddings, moderations."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import openai
import pytest

from polystep.standin import StandInServer

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "unit", "days"],
    "additionalProperties": False,
}
TOOL: dict[str, Any] = {"name": "get_weather", "description": "The weather.", "parameters": PARAMETERS}
CHAT_TOOLS: Any = [{"type": "function", "function": TOOL}, {"type": "function", "function": {"name": "other"}}]
TOOLS: Any = [{"type": "function", "strict": True, **TOOL}]
USER: Any = {"role": "user", "content": "What is the weather in Berlin?"}


@pytest.fixture
async def told() -> list[str]:
    return []


@pytest.fixture
async def client(told: list[str]) -> AsyncIterator[openai.AsyncOpenAI]:
    server = StandInServer(on_first_call=lambda: told.append("first call"))
    await server.start()
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        yield client
    await server.stop()


async def test_the_first_call_is_told_once(client: openai.AsyncOpenAI, told: list[str]) -> None:
    await client.models.list()
    assert told == []
    for _ in range(2):
        await client.embeddings.create(model="m", input="a")
    assert told == ["first call"]


async def test_a_response_is_text_that_is_the_same_each_time(client: openai.AsyncOpenAI) -> None:
    answers = [await client.responses.create(model="gpt-4o-mini", input="Say hi") for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0].output_text.endswith("You wrote: Say hi")
    assert (answers[0].status, answers[0].model) == ("completed", "gpt-4o-mini")
    assert answers[0].usage is not None
    assert answers[0].usage.total_tokens == answers[0].usage.input_tokens + answers[0].usage.output_tokens > 0
    parts: Any = [{"role": "user", "content": [{"type": "input_text", "text": "in parts"}]}]
    assert (await client.responses.create(model="m", input=parts)).output_text.endswith("You wrote: in parts")


async def test_a_response_comes_as_events_too(client: openai.AsyncOpenAI) -> None:
    whole = await client.responses.create(model="m", input="Say hi")
    async with client.responses.stream(model="m", input="Say hi") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert final.output_text == whole.output_text
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text
    assert len(deltas) > 5
    raw = [event async for event in await client.responses.create(model="m", input="Say hi", stream=True)]
    assert [event.sequence_number for event in raw] == list(range(len(raw)))
    assert (raw[0].type, raw[-1].type) == ("response.created", "response.completed")


async def test_a_response_fills_a_schema(client: openai.AsyncOpenAI) -> None:
    form: Any = {"format": {"type": "json_schema", "name": "weather", "strict": True, "schema": PARAMETERS}}
    answer = await client.responses.create(model="m", input="Berlin", text=form)
    jsonschema.validate(json.loads(answer.output_text), PARAMETERS)
    with pytest.raises(openai.BadRequestError, match="Missing required parameter: name"):
        unnamed: Any = {"format": {"type": "json_schema", "schema": PARAMETERS}}
        await client.responses.create(model="m", input="Berlin", text=unnamed)


async def test_a_response_calls_the_first_tool_once(client: openai.AsyncOpenAI) -> None:
    asked: list[Any] = [USER]
    first = await client.responses.create(model="m", input=asked, tools=TOOLS)
    (call,) = first.output
    assert call.type == "function_call"
    assert call.name == "get_weather"
    jsonschema.validate(json.loads(call.arguments), PARAMETERS)
    asked += [call, {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}]
    second = await client.responses.create(model="m", input=asked, tools=TOOLS)
    assert second.output_text
    # The next question calls it again.
    third = await client.responses.create(model="m", input=[*asked, USER], tools=TOOLS)
    assert third.output[0].type == "function_call"
    streamed = [
        event async for event in await client.responses.create(model="m", input=[USER], tools=TOOLS, stream=True)
    ]
    (done,) = [event for event in streamed if event.type == "response.function_call_arguments.done"]
    assert done.arguments == call.arguments


async def test_a_chat_calls_the_first_tool_once(client: openai.AsyncOpenAI) -> None:
    messages: list[Any] = [USER]
    first = await client.chat.completions.create(model="m", messages=messages, tools=CHAT_TOOLS)
    choice = first.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    jsonschema.validate(json.loads(call.function.arguments), PARAMETERS)
    messages += [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = await client.chat.completions.create(model="m", messages=messages, tools=CHAT_TOOLS)
    assert (second.choices[0].finish_reason, second.choices[0].message.tool_calls) == ("stop", None)
    assert second.choices[0].message.content
    async with client.chat.completions.stream(model="m", messages=[USER], tools=CHAT_TOOLS) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.tool_calls is not None
    assert final.choices[0].message.tool_calls[0].function.arguments == call.function.arguments


async def test_the_choice_of_a_tool_is_kept(client: openai.AsyncOpenAI) -> None:
    async def called(choice: Any) -> str | None:
        answer = await client.chat.completions.create(model="m", messages=[USER], tools=CHAT_TOOLS, tool_choice=choice)
        calls: Any = answer.choices[0].message.tool_calls
        return None if calls is None else str(calls[0].function.name)

    assert await called("none") is None
    assert await called("required") == "get_weather"
    assert await called({"type": "function", "function": {"name": "other"}}) == "other"
    with pytest.raises(openai.BadRequestError, match="not found in 'tools'"):
        await called({"type": "function", "function": {"name": "gone"}})


@pytest.mark.parametrize("size", [None, 8, 256])
@pytest.mark.parametrize("model", ["text-embedding-3-small", "text-embedding-3-large", "of-my-own"])
async def test_embeddings_are_unit_vectors_of_the_right_size(
    client: openai.AsyncOpenAI, model: str, size: int | None
) -> None:
    more: Any = {} if size is None else {"dimensions": size}
    # The client asks for base64 by itself.
    answer = await client.embeddings.create(model=model, input=["I cannot log in", "Login fails"], **more)
    plain = await client.embeddings.create(model=model, input="I cannot log in", encoding_format="float", **more)
    assert [each.index for each in answer.data] == [0, 1]
    for each in answer.data:
        assert len(each.embedding) == (size or (3072 if model.endswith("large") else 1536))
        assert math.hypot(*each.embedding) == pytest.approx(1, abs=1e-5)
    assert answer.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert answer.usage.total_tokens > 0


async def test_texts_that_share_words_are_near(client: openai.AsyncOpenAI) -> None:
    texts = ["my invoice is wrong", "the invoice is wrong again", "cats sleep all day"]
    first, near, far = [each.embedding for each in (await client.embeddings.create(model="m", input=texts)).data]

    def nearness(other: list[float]) -> float:
        return sum(a * b for a, b in zip(first, other, strict=True))

    assert nearness(near) > 0.5 > abs(nearness(far)) + 0.2


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"input": ""}, "not empty"),
        ({"input": []}, "'input' must be"),
        ({"input": ["a"] * 2049}, "at most 2048"),
        ({"input": "a", "dimensions": 0.5}, "dimensions must be"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
async def test_embeddings_of_nothing_are_refused(
    client: openai.AsyncOpenAI, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        await client.embeddings.create(model="m", **request_)


async def test_tokens_are_embedded_too(client: openai.AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="m", input=[[1, 2, 3], [4]])
    assert len(answer.data) == 2


async def test_moderations_flag_a_handful_of_words(client: openai.AsyncOpenAI) -> None:
    answer = await client.moderations.create(input=["a nice day", "I will kill you, idiot"])
    assert [each.flagged for each in answer.results] == [False, True]
    assert (answer.results[1].categories.violence, answer.results[1].categories.hate) == (True, False)


@pytest.mark.parametrize(
    "prompt",
    [
        'Reply with ONLY JSON: {"priority":"low|high","reply":"a sentence"}',
        'Return JSON like {"priority": "low|high", "reply": "string"} for this ticket.',
    ],
)
async def test_json_that_is_asked_for_in_words_is_json(client: openai.AsyncOpenAI, prompt: str) -> None:
    messages: Any = [{"role": "user", "content": prompt}]
    chat = await client.chat.completions.create(model="m", messages=messages)
    response = await client.responses.create(model="m", input=prompt)
    for text in (chat.choices[0].message.content or "", response.output_text):
        assert sorted(json.loads(text)) == ["priority", "reply"]
        assert json.loads(text)["priority"] in ("low", "high")


async def test_json_without_a_shape_is_json_only_when_it_is_asked_for(client: openai.AsyncOpenAI) -> None:
    async def text(prompt: str) -> str:
        return (await client.responses.create(model="m", input=prompt)).output_text

    assert list(json.loads(await text("Summarise the ticket. Respond with valid JSON."))) == ["reply"]
    for prompt in ("What is JSON?", "Explain this code: { a: b }", "My json file does not load"):
        assert (await text(prompt)).startswith("This is a canned reply"), prompt
