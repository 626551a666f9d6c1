"""The Responses API of the stand-in, whole or as events. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.refusal import ModelRefused
from polystep.standin.replies import MADE_AT_S, usage_of
from polystep.standin.texts import pieces, required_model, text_of, text_of_content
from polystep.standin.tools import ToolCall, call_of


@dataclass(frozen=True, slots=True)
class Response:
    """Response before it is sent."""

    id: str
    request: JSONObject
    texts: list[str]
    text: str
    call: ToolCall | None

    def whole(self) -> JSONObject:
        """Return the `response` object."""
        return {**self._head("completed"), "output": [self._item("completed")], "usage": self._usage()}

    def events(self) -> Iterator[JSONObject]:
        """Return the events of a stream, in order; each has its type and number."""
        for number, event in enumerate(self._events()):
            yield {**event, "sequence_number": number}

    def _events(self) -> Iterator[JSONObject]:
        begun: JSONObject = {**self._head("in_progress"), "output": [], "usage": None}
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        yield {"type": "response.output_item.added", "output_index": 0, "item": self._item("in_progress")}
        yield from self._text_events() if self.call is None else self._call_events(self.call)
        yield {"type": "response.output_item.done", "output_index": 0, "item": self._item("completed")}
        yield {"type": "response.completed", "response": self.whole()}

    def _text_events(self) -> Iterator[JSONObject]:
        at: JSONObject = {"item_id": self._item_id, "output_index": 0, "content_index": 0}
        yield {"type": "response.content_part.added", **at, "part": _part("")}
        for piece in pieces(self.text):
            yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
        yield {"type": "response.output_text.done", **at, "text": self.text, "logprobs": []}
        yield {"type": "response.content_part.done", **at, "part": _part(self.text)}

    def _call_events(self, call: ToolCall) -> Iterator[JSONObject]:
        at: JSONObject = {"item_id": self._item_id, "output_index": 0}
        kind = "response.function_call_arguments"
        yield {"type": f"{kind}.delta", **at, "delta": call.arguments}
        yield {"type": f"{kind}.done", **at, "name": call.name, "arguments": call.arguments}

    @property
    def _item_id(self) -> str:
        return f"{'msg' if self.call is None else 'fc'}_{self.id.removeprefix('resp_')}"

    def _item(self, status: str) -> JSONObject:
        head: JSONObject = {"id": self._item_id, "status": status}
        is_done = status == "completed"
        if self.call is not None:
            arguments = self.call.arguments if is_done else ""
            called: JSONObject = {"call_id": self.call.id, "name": self.call.name, "arguments": arguments}
            return {**head, "type": "function_call", **called}
        content: list[JSONValue] = [_part(self.text)] if is_done else []
        return {**head, "type": "message", "role": "assistant", "content": content}

    def _head(self, status: str) -> JSONObject:
        asked = self.request
        return {
            "id": self.id, "object": "response", "created_at": MADE_AT_S, "status": status, "error": None,
            "incomplete_details": None, "instructions": asked.get("instructions"), "max_output_tokens": None,
            "metadata": asked.get("metadata") or {}, "model": asked["model"], "parallel_tool_calls": True,
            "previous_response_id": asked.get("previous_response_id"), "reasoning": {"effort": None, "summary": None},
            "store": False, "temperature": 1.0, "text": asked.get("text") or {"format": {"type": "text"}},
            "tool_choice": asked.get("tool_choice") or "auto", "tools": asked.get("tools") or [], "top_p": 1.0,
            "truncation": "disabled",
        }  # fmt: skip

    def _usage(self) -> JSONObject:
        used = usage_of(self.texts, self.text if self.call is None else self.call.arguments)
        return {
            "input_tokens": used["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": used["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used["total_tokens"],
        }


def response_to(request: JSONValue) -> Response:
    """Answer a request of the Responses API; the same request always gets the same response.

    Raises:
        ModelRefused: The request breaks the API's rules, or asks for what the stand-in cannot do.
    """
    if not isinstance(request, dict):
        raise ModelRefused("The body must be a JSON object.")
    required_model(request)
    texts, answered = _texts(request)
    prompt = "\n".join(texts)
    call = call_of(request.get("tools"), request.get("tool_choice"), prompt, answered=answered)
    text = _text(request.get("text"), texts) if call is None else ""
    digest = hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Response(f"resp_{digest[:32]}", request, texts, text, call)


def _texts(request: JSONObject) -> tuple[list[str], bool]:
    """Return the texts of instructions and messages, and whether a tool has answered since the user last wrote."""
    given = request.get("input")
    instructions = request.get("instructions")
    texts = [instructions] if isinstance(instructions, str) else []
    if isinstance(given, str):
        return [*texts, given], False
    if not isinstance(given, list) or not given:
        raise ModelRefused("'input' must be a text or an array of at least one item.", "input")
    answered = False
    for at, item in enumerate(given):
        if not isinstance(item, dict):
            raise ModelRefused("Each item of the input is an object.", f"input[{at}]")
        if item.get("type") == "function_call_output":
            answered = True
        elif "content" in item:
            answered = answered and item.get("role") != "user"
            texts.append(text_of_content(item.get("content"), f"input[{at}].content"))
    return texts or [""], answered


def _text(given: JSONValue, texts: list[str]) -> str:
    form = given.get("format") if isinstance(given, dict) else None
    form = form if isinstance(form, dict) else {}
    return text_of(form.get("type"), form.get("schema"), form.get("name"), texts, "text.format")


def _part(text: str) -> JSONObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
