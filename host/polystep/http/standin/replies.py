"""What the stand-in answers: checks a request, then fills a schema or a shape, or says that it is canned. Pure."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import orjson

from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.standin.phrases import CANNED
from polystep.http.standin.schemas import SchemaFiller, SchemaUnsupported
from polystep.http.standin.shapes import fill_shape, find_shape

MADE_AT_S: Final = 1_735_689_600
"""`created` of every answer: the same request gets the same bytes."""

_SUMMARY_CHARS_MAX: Final = 160
_CHOICES_MAX: Final = 8
_CHARS_PER_TOKEN: Final = 4


class ChatRefused(Exception):
    """A request the API would refuse, with the parameter at fault."""

    def __init__(self, message: str, param: str | None = None, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code

    def to_json(self) -> JSONObject:
        """Shape: `{error: {message, type, param, code}}`."""
        error: JSONObject = {
            "message": self.message,
            "type": "invalid_request_error",
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}


@dataclass(frozen=True, slots=True)
class Reply:
    """One chat completion before it is put on the wire, whole or in chunks."""

    id: str
    model: str
    text: str
    choices: int
    usage: JSONObject

    def completion(self) -> JSONObject:
        """The `chat.completion` object."""
        message: JSONObject = {"role": "assistant", "content": self.text, "refusal": None}
        return {
            **self._head("chat.completion"),
            "choices": [
                {"index": at, "message": message, "logprobs": None, "finish_reason": "stop"}
                for at in range(self.choices)
            ],
            "usage": self.usage,
        }

    def chunks(self, *, with_usage: bool) -> list[JSONObject]:
        """The `chat.completion.chunk` objects of a streamed answer, in order."""
        head = self._head("chat.completion.chunk")
        words = self.text.split(" ")
        pieces = [word if at == 0 else f" {word}" for at, word in enumerate(words)]
        deltas: list[tuple[JSONObject, JSONValue]] = [({"role": "assistant", "content": ""}, None)]
        deltas += [({"content": piece}, None) for piece in pieces]
        deltas += [({}, "stop")]
        chunks: list[JSONObject] = [
            {**head, "choices": [{"index": at, "delta": delta, "logprobs": None, "finish_reason": reason}]}
            for at in range(self.choices)
            for delta, reason in deltas
        ]
        if with_usage:
            chunks = [{**chunk, "usage": None} for chunk in chunks]
            chunks.append({**head, "choices": [], "usage": self.usage})
        return chunks

    def _head(self, kind: str) -> JSONObject:
        return {
            "id": self.id,
            "object": kind,
            "created": MADE_AT_S,
            "model": self.model,
            "system_fingerprint": "polystep-stand-in",
        }


def reply_to(request: JSONValue) -> Reply:
    """Answer a chat completion request; the same request always gets the same answer.

    Raises:
        ChatRefused: The request breaks the API's rules, or asks for what the stand-in cannot do.
    """
    if not isinstance(request, dict):
        raise ChatRefused("The body must be a JSON object.")
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise ChatRefused("you must provide a model parameter", "model")
    texts = _texts(request.get("messages"))
    choices = request.get("n", 1)
    if choices is None:
        choices = 1
    if not isinstance(choices, int) or not 1 <= choices <= _CHOICES_MAX:
        raise ChatRefused(f"n must be a whole number from 1 to {_CHOICES_MAX}.", "n")
    if request.get("tool_choice") not in (None, "auto", "none"):
        raise ChatRefused("The stand-in answers with text only and cannot be made to call a tool.", "tool_choice")
    text = _content(request.get("response_format"), texts)
    digest = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Reply(f"chatcmpl-{digest[:24]}", model, text, choices, _usage(texts, text, choices))


def _texts(messages: JSONValue) -> list[str]:
    """The text of each message; parts that are not text, such as images, are passed over."""
    if not isinstance(messages, list) or not messages:
        raise ChatRefused("'messages' must be an array of at least one message.", "messages")
    texts: list[str] = []
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ChatRefused("Each message is an object with a role.", f"messages[{at}]")
        content = message.get("content")
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, dict)]
            content = "\n".join(part for part in parts if isinstance(part, str))
        if content is not None and not isinstance(content, str):
            raise ChatRefused("content must be text or an array of parts.", f"messages[{at}].content")
        texts.append(content or "")
    return texts


def _content(response_format: JSONValue, texts: list[str]) -> str:
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if response_format is None or kind == "text":
        return _plain(texts)
    if kind == "json_object":
        return orjson.dumps(_object(texts)).decode()
    if kind == "json_schema" and isinstance(response_format, dict):
        return orjson.dumps(_by_schema(response_format.get("json_schema"), texts)).decode()
    raise ChatRefused("response_format.type must be text, json_object or json_schema.", "response_format.type")


def _plain(texts: list[str]) -> str:
    summary = " ".join(texts[-1].split())
    if len(summary) > _SUMMARY_CHARS_MAX:
        summary = summary[:_SUMMARY_CHARS_MAX].rsplit(" ", 1)[0] + "…"
    return f"{CANNED} You wrote: {summary}"


def _object(texts: list[str]) -> JSONValue:
    found = find_shape(texts)
    if found is None:
        return {"reply": _plain(texts)}
    shape, prompt = found
    return fill_shape(shape, prompt)


def _by_schema(given: JSONValue, texts: list[str]) -> JSONValue:
    schema = given.get("schema") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(schema, dict):
        raise ChatRefused("json_schema needs a name and a schema.", "response_format.json_schema")
    if not isinstance(given.get("name"), str):
        raise ChatRefused("Missing required parameter: name.", "response_format.json_schema.name")
    try:
        return SchemaFiller(schema, "\n".join(texts)).value()
    except SchemaUnsupported as unsupported:
        raise ChatRefused(
            f"The stand-in cannot fill this schema: {unsupported}.", "response_format.json_schema.schema"
        ) from unsupported


def _usage(texts: list[str], text: str, choices: int) -> JSONObject:
    prompt = sum(4 + math.ceil(len(each) / _CHARS_PER_TOKEN) for each in texts)
    completion = choices * max(1, math.ceil(len(text) / _CHARS_PER_TOKEN))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
