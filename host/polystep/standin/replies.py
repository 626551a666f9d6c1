"""Chat completions of the stand-in. Pure."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import orjson

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.refusal import ModelRefused
from polystep.standin.texts import pieces, required_model, text_of, text_of_content
from polystep.standin.tools import ToolCall, call_of

MADE_AT_S: Final = 1_735_689_600
"""`created` of every reply: the same request gets the same bytes."""

_CHOICES_MAX: Final = 8
_CHARS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class Reply:
    """Chat completion before it is sent, whole or in chunks."""

    id: str
    model: str
    text: str
    choices: int
    usage: JSONObject
    call: ToolCall | None = None

    def completion(self) -> JSONObject:
        """Return the `chat.completion` object."""
        message: JSONObject = {"role": "assistant", "content": self.text, "refusal": None}
        if self.call is not None:
            message = {**message, "content": None, "tool_calls": [_shown(self.call)]}
        return {
            **self._head("chat.completion"),
            "choices": [
                {"index": at, "message": message, "logprobs": None, "finish_reason": self._reason}
                for at in range(self.choices)
            ],
            "usage": self.usage,
        }

    def chunks(self, *, with_usage: bool) -> list[JSONObject]:
        """Return the `chat.completion.chunk` objects of a streamed reply, in order."""
        head = self._head("chat.completion.chunk")
        deltas: list[tuple[JSONObject, JSONValue]] = [({"role": "assistant", "content": ""}, None)]
        if self.call is None:
            deltas += [({"content": piece}, None) for piece in pieces(self.text)]
        else:
            begun: JSONObject = {**_shown(self.call), "index": 0, "function": {"name": self.call.name, "arguments": ""}}
            deltas += [({"tool_calls": [begun]}, None)]
            more: JSONObject = {"index": 0, "function": {"arguments": self.call.arguments}}
            deltas += [({"tool_calls": [more]}, None)]
        deltas += [({}, self._reason)]
        chunks: list[JSONObject] = [
            {**head, "choices": [{"index": at, "delta": delta, "logprobs": None, "finish_reason": reason}]}
            for at in range(self.choices)
            for delta, reason in deltas
        ]
        if with_usage:
            chunks = [{**chunk, "usage": None} for chunk in chunks]
            chunks.append({**head, "choices": [], "usage": self.usage})
        return chunks

    @property
    def _reason(self) -> str:
        return "stop" if self.call is None else "tool_calls"

    def _head(self, kind: str) -> JSONObject:
        return {
            "id": self.id,
            "object": kind,
            "created": MADE_AT_S,
            "model": self.model,
            "system_fingerprint": "polystep-stand-in",
        }


def _shown(call: ToolCall) -> JSONObject:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def reply_to(request: JSONValue) -> Reply:
    """Answer a chat completion request; the same request always gets the same reply.

    Raises:
        ModelRefused: The request breaks the API's rules, or asks for what the stand-in cannot do.
    """
    if not isinstance(request, dict):
        raise ModelRefused("The body must be a JSON object.")
    model = required_model(request)
    texts = _texts(request.get("messages"))
    choices = request.get("n", 1)
    if choices is None:
        choices = 1
    if not isinstance(choices, int) or not 1 <= choices <= _CHOICES_MAX:
        raise ModelRefused(f"n must be a whole number from 1 to {_CHOICES_MAX}.", "n")
    prompt = "\n".join(texts)
    call = call_of(request.get("tools"), request.get("tool_choice"), prompt, answered=_is_answered(request))
    text = _content(request.get("response_format"), texts) if call is None else ""
    digest = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    written = text if call is None else call.arguments
    return Reply(f"chatcmpl-{digest[:24]}", model, text, choices, usage_of(texts, written, choices), call)


def _is_answered(request: JSONObject) -> bool:
    """Report whether a tool has answered since the user last wrote."""
    messages = request.get("messages")
    roles = [each.get("role") for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
    last = max((at for at, role in enumerate(roles) if role == "user"), default=-1)
    return "tool" in roles[last + 1 :] or "function" in roles[last + 1 :]


def _texts(messages: JSONValue) -> list[str]:
    if not isinstance(messages, list) or not messages:
        raise ModelRefused("'messages' must be an array of at least one message.", "messages")
    texts: list[str] = []
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ModelRefused("Each message is an object with a role.", f"messages[{at}]")
        texts.append(text_of_content(message.get("content"), f"messages[{at}].content"))
    return texts


def _content(response_format: JSONValue, texts: list[str]) -> str:
    if response_format is None:
        return text_of(None, None, None, texts, "response_format")
    if not isinstance(response_format, dict):
        raise ModelRefused("response_format.type must be text, json_object or json_schema.", "response_format.type")
    named = response_format.get("json_schema")
    named = named if isinstance(named, dict) else {}
    kind, where = response_format.get("type"), "response_format"
    where = f"{where}.json_schema" if kind == "json_schema" else where
    # A format without a type is not one of the three.
    return text_of(kind if kind is not None else "", named.get("schema"), named.get("name"), texts, where)


def usage_of(texts: list[str], text: str, choices: int = 1) -> JSONObject:
    """Count tokens, at four characters each."""
    prompt = sum(4 + math.ceil(len(each) / _CHARS_PER_TOKEN) for each in texts)
    completion = choices * max(1, math.ceil(len(text) / _CHARS_PER_TOKEN))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
