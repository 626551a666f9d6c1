"""Texts of calls of language models: parts of messages, calls of tools, and streamed answers that are put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import orjson

from polystep.contracts.values import JSONObject, JSONValue

TEXT_CHARS_MAX: Final = 6000
"""Of one message; the rest is counted."""
_CALLS_MAX: Final = 20


def json_of(text: str) -> Any:
    """Return the value of a JSON text; `None` for what is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def mapped(value: object) -> JSONObject:
    """Return a map, or an empty one for what is none."""
    return cast("JSONObject", value) if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """Return a list, or an empty one for what is none."""
    return value if isinstance(value, list) else []


def text_of(content: object) -> str:
    """Return the text of a message: of its parts those that are text, the others by their type."""
    text = _whole_text(content)
    more = len(text) - TEXT_CHARS_MAX
    return text if more <= 0 else f"{text[:TEXT_CHARS_MAX]}… ({more} more characters are not kept)"


def calls_of(message: JSONObject) -> list[JSONObject]:
    """Return the calls of tools in a message, of each its name, id and arguments."""
    given = [*listed(message.get("tool_calls")), *listed(message.get("output")), message]
    given += [*listed(message.get("content")), *listed(message.get("parts"))]
    found: list[JSONObject] = []
    for each in map(mapped, given):
        function = mapped(each.get("function") or each.get("functionCall"))
        is_call = each.get("type") in ("tool_use", "function_call") or function
        if not is_call:
            continue
        name = function.get("name", each.get("name"))
        given_arguments = function.get("arguments", function.get("args", each.get("arguments", each.get("input"))))
        # As values, so that members with the names of secrets are hidden like all others.
        read = json_of(given_arguments) if isinstance(given_arguments, str) else given_arguments
        call: JSONObject = {"name": text_of(name), "arguments": given_arguments if read is None else read}
        if isinstance(id_ := each.get("call_id", each.get("id")), str):
            call["id"] = id_
        found.append(call)
    return found[:_CALLS_MAX]


def merged(text: str, content_type: str) -> JSONObject:
    """Return an answer as one value; a streamed one is put together from its events."""
    if "event-stream" not in content_type:
        whole = json_of(text)
        if isinstance(whole, dict):
            return whole
        if isinstance(whole, list):  # Google's stream without events
            return _together(iter(whole))
    return _together(_events(text))


def _events(text: str) -> Iterator[Any]:
    """Yield the values of a stream of events or of lines."""
    for line in text.split("\n"):
        data = line.removeprefix("data:").strip()
        if data.startswith("{"):
            yield json_of(data)


def _together(events: Iterator[Any]) -> JSONObject:
    stream = _Streamed()
    for event in map(mapped, events):
        stream.add(event)
    return stream.answer()


class _Streamed:
    """Answer that grows by its events."""

    def __init__(self) -> None:
        self._whole: JSONObject = {}
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._reason: JSONValue = None
        self._usage: JSONObject = {}

    def add(self, event: JSONObject) -> None:
        """Take one event."""
        if isinstance(response := event.get("response"), dict):  # OpenAI's responses: the last event has all of it
            self._whole = {**self._whole, **response}
        message = mapped(event.get("message"))  # Anthropic's first event; Ollama's lines
        for source in (event, message):
            for name in ("model", "modelVersion", "error", "done_reason", "prompt_eval_count", "eval_count"):
                if source.get(name):
                    self._whole[name] = source[name]
            self._usage = {**self._usage, **mapped(source.get("usage") or source.get("usageMetadata"))}
        if isinstance(message.get("content"), str):
            self._texts.append(str(message["content"]))
        if isinstance(response, str):
            self._texts.append(response)
        for choice in map(mapped, [*listed(event.get("choices")), *listed(event.get("candidates"))]):
            self._choice(choice)
        self._block(event)

    def answer(self) -> JSONObject:
        """Return the whole answer in the shape of OpenAI's."""
        if "output" in self._whole:
            return self._whole
        calls = [{"id": call.get("id"), "function": call} for call in self._calls.values()]
        message: JSONObject = {"content": "".join(self._texts), "tool_calls": cast("JSONValue", calls)}
        choice: JSONObject = {"message": message, "finish_reason": self._reason}
        return {**self._whole, "usage": self._usage, "choices": [choice]}

    def _choice(self, choice: JSONObject) -> None:
        if choice.get("index", 0) != 0:
            return
        delta = mapped(choice.get("delta"))
        content = delta.get("content", choice.get("text"))
        self._texts.append(content if isinstance(content, str) else _whole_text(choice.get("content")))
        for call in map(mapped, listed(delta.get("tool_calls"))):
            function = mapped(call.get("function"))
            self._grow(call.get("index"), call.get("id"), function.get("name"), function.get("arguments"))
        self._reason = choice.get("finish_reason") or choice.get("finishReason") or self._reason

    def _block(self, event: JSONObject) -> None:
        """Take a block of Anthropic's, or a part of one."""
        block, delta = mapped(event.get("content_block")), mapped(event.get("delta"))
        if block.get("type") == "tool_use":
            self._grow(event.get("index"), block.get("id"), block.get("name"), "")
        if isinstance(text := delta.get("text"), str):
            self._texts.append(text)
        if isinstance(part := delta.get("partial_json"), str):
            self._grow(event.get("index"), None, None, part)
        self._reason = delta.get("stop_reason") or self._reason

    def _grow(self, index: object, id_: object, name: object, arguments: object) -> None:
        call = self._calls.setdefault(index if isinstance(index, int) else 0, {"arguments": ""})
        if isinstance(id_, str):
            call["id"] = id_
        if isinstance(name, str):
            call["name"] = name
        if isinstance(arguments, str):
            call["arguments"] += arguments


def _whole_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(_part, content)))
    return _part(content)


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    given = mapped(part)
    if isinstance(text := given.get("text", given.get("thinking")), str):
        return text
    if "parts" in given or "content" in given:
        return _whole_text(given.get("parts", given.get("content")))
    if given.get("type") in ("tool_use", "function_call") or "functionCall" in given:
        return ""
    kind = given.get("type") or next(iter(given), None)
    return f"[{kind}]" if isinstance(kind, str) else ""
