"""Calls of language models: what a call asked and was answered, read from the texts that a bridge has kept of it.

The shapes are those of OpenAI (chat, responses, completions), Anthropic, Google and Ollama; most others answer like one
of them. What an answer does not tell stays out: nothing is guessed.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from polystep.contracts.values import JSONObject
from polystep.execution.model_texts import calls_of, json_of, listed, mapped, merged, text_of

_PROVIDERS: Final = {
    "api.openai.com": "OpenAI",
    "api.anthropic.com": "Anthropic",
    "generativelanguage.googleapis.com": "Google",
    "api.mistral.ai": "Mistral",
    "api.groq.com": "Groq",
    "openrouter.ai": "OpenRouter",
    "api.deepseek.com": "DeepSeek",
    "api.x.ai": "xAI",
    "api.together.xyz": "Together",
}
_MESSAGES_MAX: Final = 50
"""Of one call; of more the first and the last are kept."""
_TOKENS: Final = {
    "tokensIn": ("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count"),
    "tokensOut": ("completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count"),
    "tokensCached": ("cache_read_input_tokens", "cachedContentTokenCount", "cached_tokens"),
    "tokensCacheWritten": ("cache_creation_input_tokens",),
    "tokensReasoning": ("thoughtsTokenCount", "reasoning_tokens"),
}


def model_call(url: str, exchange: JSONObject) -> tuple[JSONObject, JSONObject] | None:
    """Return attributes of a call, and its conversation; `None` when it asked no model."""
    asked = mapped(json_of(str(exchange.get("request") or "")))
    model = asked.get("model") or _model_in(urlsplit(url).path)
    if not isinstance(model, str) or not model:
        return None
    answered = merged(str(exchange.get("response") or ""), str(exchange.get("content_type") or ""))
    host = urlsplit(url).hostname or ""
    attributes: JSONObject = {
        "model": _text(answered, "model", "modelVersion") or model,
        "provider": _PROVIDERS.get(host) or ("Azure OpenAI" if host.endswith(".openai.azure.com") else host),
    }
    usage = _usage(answered)
    for name, members in _TOKENS.items():
        found = next((usage[each] for each in members if isinstance(usage.get(each), int)), None)
        if found is not None:
            attributes[name] = found
    answer = _answer(answered)
    if (reason := answer.pop("reason", None)) is not None:
        attributes["finishReason"] = reason
    first_ms = exchange.get("first_ms")
    if isinstance(first_ms, (int, float)):
        attributes["firstChunkMs"] = round(first_ms, 1)
    attributes["streamed"] = bool(asked.get("stream")) or "event-stream" in str(exchange.get("content_type"))
    conversation: JSONObject = {**_asked(asked), "answer": answer or None}
    if exchange.get("cut"):
        conversation["cut"] = True
    if isinstance(error := answered.get("error"), (dict, str)):
        attributes["refusal"] = text_of(error.get("message") if isinstance(error, dict) else error)
    return attributes, conversation


def _model_in(path: str) -> str | None:
    """Return the model that the path of Google's API names."""
    name = path.rpartition("/")[2].partition(":")[0]
    return name if path.endswith("enerateContent") else None


def _usage(answered: JSONObject) -> JSONObject:
    usage = mapped(answered.get("usage") or answered.get("usageMetadata"))
    if not usage and isinstance(answered.get("eval_count"), int):
        usage = answered
    details = ("prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details")
    return {**usage, **{name: value for each in details for name, value in mapped(usage.get(each)).items()}}


def _asked(asked: JSONObject) -> JSONObject:
    messages = [_message(each) for each in listed(asked.get("messages")) or listed(asked.get("contents"))]
    prompt = asked.get("input", asked.get("prompt"))
    if not messages and prompt is not None:
        parts = listed(prompt)
        is_talk = any("role" in mapped(each) or "type" in mapped(each) for each in parts)
        messages = [_message(each) for each in parts] if is_talk else [{"role": "user", "text": text_of(prompt)}]
    system = asked.get("system", asked.get("instructions", asked.get("systemInstruction")))
    if system:
        messages.insert(0, {"role": "system", "text": text_of(system)})
    left = len(messages) - _MESSAGES_MAX
    kept: JSONObject = {"messages": [*messages[:1], *messages[left + 1 :]] if left > 0 else [*messages]}
    if left > 0:
        kept["messagesLeftOut"] = left
    tools = [_tool_name(mapped(each)) for each in listed(asked.get("tools"))[:_MESSAGES_MAX]]
    return {**kept, "tools": [*tools]} if tools else kept


def _tool_name(tool: JSONObject) -> str:
    return _text(tool, "name") or _text(mapped(tool.get("function")), "name") or _text(tool, "type") or "tool"


def _message(given: Any) -> JSONObject:
    message = mapped(given)
    content = message.get("content", message.get("parts", message.get("output")))
    shown: JSONObject = {"role": _text(message, "role") or _text(message, "type") or "user", "text": text_of(content)}
    calls = calls_of(message)
    if calls:
        shown["calls"] = [*calls]
    of = message.get("tool_call_id", message.get("call_id"))
    results = [mapped(part).get("tool_use_id") for part in listed(content)]
    if isinstance(result := of or next((each for each in results if each), None), str):
        shown["resultOf"] = result
    return shown


def _answer(answered: JSONObject) -> JSONObject:
    """Return text, calls of tools and the reason of the end, as far as there are any."""
    choice = mapped(next(iter(listed(answered.get("choices")) or listed(answered.get("candidates"))), None))
    message = mapped(choice.get("message") or choice.get("content") or answered.get("message"))
    reason = choice.get("finish_reason") or choice.get("finishReason") or answered.get("stop_reason")
    if not message:
        output = listed(answered.get("output"))
        parts = [part for each in output for part in listed(mapped(each).get("content"))]
        message = {"content": answered.get("content") or parts or answered.get("response"), "output": output}
        incomplete = mapped(answered.get("incomplete_details")).get("reason")
        reason = reason or incomplete or (answered.get("status") if output else None)
    text = text_of(message.get("content", message.get("parts"))) or text_of(choice.get("text"))
    calls = calls_of(message)
    reason = reason or answered.get("done_reason")
    found: JSONObject = {"text": text} if text else {}
    if calls:
        found["calls"] = [*calls]
    if isinstance(reason, str):
        found["reason"] = reason
    return found


def _text(members: JSONObject, *names: str) -> str | None:
    return next((value for name in names if isinstance(value := members.get(name), str) and value), None)
