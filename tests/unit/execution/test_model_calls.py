"""Model, tokens and messages of calls of language models are read from what a bridge has kept of them."""

from __future__ import annotations

import json
from typing import Any

from polystep.execution.model_calls import model_call

OPENAI = "https://api.openai.com/v1/chat/completions"


def _read(url: str, asked: Any, answered: Any, content_type: str = "application/json", **more: Any) -> Any:
    response = answered if isinstance(answered, str) else json.dumps(answered)
    exchange = {"request": json.dumps(asked), "response": response, "content_type": content_type, **more}
    return model_call(url, exchange)


def _events(*events: Any) -> str:
    return "".join(f"event: x\ndata: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"


def test_a_chat_of_openai() -> None:
    asked = {"model": "gpt-4o", "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "Hi"}]}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": "low"}}
    answered = {"model": "gpt-4o-2024", "choices": [choice], "usage": usage}
    attributes, conversation = _read(OPENAI, asked, answered, first_ms=12.34)
    assert attributes == {
        "model": "gpt-4o-2024", "provider": "OpenAI", "tokensIn": 9, "tokensOut": 3, "tokensCached": 4,
        "finishReason": "stop", "firstChunkMs": 12.3, "streamed": False,
    }  # fmt: skip
    assert conversation == {
        "messages": [{"role": "system", "text": "Sort."}, {"role": "user", "text": "Hi"}],
        "answer": {"text": "low"},
    }


def test_calls_of_tools_are_joined_to_their_results() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "x", "password": "p"}'}}
    asked = {
        "model": "m",
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "found"},
        ],
        "tools": [{"type": "function", "function": {"name": "find"}}],
    }
    attributes, conversation = _read("http://127.0.0.1:1/v1/chat/completions", asked, {"choices": []})
    assert attributes["provider"] == "127.0.0.1"
    first, second = conversation["messages"]
    assert first["calls"] == [{"name": "find", "id": "c1", "arguments": {"q": "x", "password": "p"}}]
    assert (second["resultOf"], second["text"], conversation["tools"]) == ("c1", "found", ["find"])


def test_a_streamed_chat_is_put_together() -> None:
    def chunk(delta: Any, reason: str | None = None) -> Any:
        return {"model": "m2", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    part = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a"'}}
    answered = _events(
        chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"}), chunk({"tool_calls": [part]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}), chunk({}, "tool_calls"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    )  # fmt: skip
    attributes, conversation = _read(OPENAI, {"model": "m", "stream": True}, answered, "text/event-stream")
    assert attributes["model"] == "m2"
    assert (attributes["tokensIn"], attributes["tokensOut"], attributes["finishReason"]) == (1, 2, "tool_calls")
    assert conversation["answer"] == {"text": "Hello", "calls": [{"name": "f", "id": "c", "arguments": {"a": 1}}]}


def test_anthropic_whole_and_streamed() -> None:
    url, asked = "https://api.anthropic.com/v1/messages", {"model": "claude", "system": "Be kind.", "messages": []}
    blocks = [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]
    usage = {"input_tokens": 5, "output_tokens": 6, "cache_read_input_tokens": 7}
    whole = {"model": "claude-1", "content": blocks, "stop_reason": "tool_use", "usage": usage}
    answer = {"text": "Hi", "calls": [{"name": "f", "id": "t", "arguments": {"a": 1}}]}
    streamed = _events(
        {"type": "message_start", "message": {"model": "claude-1", "usage": {"input_tokens": 5, "output_tokens": 1}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 6}},
    )
    for answered, kind in ((whole, "application/json"), (streamed, "text/event-stream")):
        attributes, conversation = _read(url, asked, answered, kind)
        assert (attributes["provider"], attributes["model"]) == ("Anthropic", "claude-1")
        assert (attributes["tokensIn"], attributes["tokensOut"]) == (5, 6)
        assert attributes["finishReason"] == "tool_use"
        assert conversation["answer"] == answer
        assert conversation["messages"] == [{"role": "system", "text": "Be kind."}]


def test_responses_of_openai_google_and_ollama() -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]
    response = {"model": "o", "status": "completed", "output": output, "usage": {"input_tokens": 1, "output_tokens": 2}}
    for answered, kind in (
        (response, "application/json"),
        (_events({"type": "response.created"}, {"response": response}), "text/event-stream"),
    ):
        attributes, conversation = _read(
            "https://api.openai.com/v1/responses", {"model": "o", "input": "Hey"}, answered, kind
        )
        assert (attributes["tokensOut"], attributes["finishReason"]) == (2, "completed")
        assert conversation == {"messages": [{"role": "user", "text": "Hey"}], "answer": {"text": "Hi"}}
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2:generateContent"
    candidate = {"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}
    told = {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}}
    attributes, conversation = _read(url, {"contents": [{"role": "user", "parts": [{"text": "Hey"}]}]}, told)
    assert (attributes["model"], attributes["tokensIn"], attributes["finishReason"]) == ("gemini-2", 3, "STOP")
    assert conversation == {"messages": [{"role": "user", "text": "Hey"}], "answer": {"text": "Hi"}}
    lines = '{"model":"l","message":{"content":"H"}}\n{"message":{"content":"i"},"done_reason":"stop","eval_count":2}'
    attributes, conversation = _read("http://localhost:11434/api/chat", {"model": "l"}, lines, "application/x-ndjson")
    assert (attributes["model"], conversation["answer"]["text"]) == ("l", "Hi")


def test_what_is_no_call_of_a_model_is_none_and_junk_does_no_harm() -> None:
    assert _read(OPENAI, {"text": "no model"}, {}) is None
    assert model_call(OPENAI, {}) is None
    for junk in ("", "[", "null", "[1]", '{"choices": 1}', '{"choices": [1], "usage": []}', '{"content": {"a": 1}}'):
        attributes, _ = _read(
            OPENAI, {"model": "m", "messages": [1, None, {"content": [1, {"type": "image_url"}]}]}, junk
        )
        assert attributes["model"] == "m"
        assert "tokensIn" not in attributes
    attributes, _ = _read(OPENAI, {"model": "m"}, {"error": {"message": "No credit."}})
    assert attributes["refusal"] == "No credit."


def test_long_talks_are_cut_and_say_so() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": f"{at} " + "x" * 9000} for at in range(80)]}
    _, conversation = _read(OPENAI, asked, {}, cut=True)
    assert (len(conversation["messages"]), conversation["messagesLeftOut"], conversation["cut"]) == (50, 30, True)
    assert [each["text"].split()[0] for each in conversation["messages"][:2]] == ["0", "31"]
    assert conversation["messages"][0]["text"].endswith("more characters are not kept)")
