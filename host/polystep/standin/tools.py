"""Tool calls of the stand-in: the first tool once, with arguments that fit its schema. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from polystep.contracts.values import JSONObject, JSONValue
from polystep.standin.refusal import ModelRefused
from polystep.standin.schemas import SchemaFiller, SchemaUnsupported


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Function that the model calls, with its arguments."""

    id: str
    name: str
    arguments: str
    """JSON."""


def call_of(tools: JSONValue, choice: JSONValue, prompt: str, *, answered: bool) -> ToolCall | None:
    """Return the call for a request, if any.

    Args:
        tools: Functions, either `{type, function: {name, parameters}}` or `{type, name, parameters}`.
        choice: `none`, `auto`, `required`, or the function to call.
        prompt: Text that the arguments fit.
        answered: A tool has answered already, so the model goes on with text.

    Raises:
        ModelRefused: The tools are malformed, or the chosen one is not among them.
    """
    functions = [_function(each, at) for at, each in enumerate(tools)] if isinstance(tools, list) else []
    if not functions and choice not in (None, "auto", "none"):
        raise ModelRefused("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    wanted = _chosen(choice)
    if wanted is not None and wanted not in {function["name"] for function in functions}:
        raise ModelRefused(f"Tool choice '{wanted}' not found in 'tools' parameter.", "tool_choice")
    if choice == "none" or answered or not functions:
        return None
    function = next((each for each in functions if each["name"] == wanted), functions[0])
    parameters = function.get("parameters")
    try:
        value = SchemaFiller(parameters if isinstance(parameters, dict) else {"type": "object"}, prompt).value()
    except SchemaUnsupported as unsupported:
        raise ModelRefused(f"The stand-in cannot fill the parameters: {unsupported}.", "tools") from unsupported
    arguments = orjson.dumps(value).decode()
    name = str(function["name"])
    return ToolCall(f"call_{hashlib.sha256(f'{name}{arguments}'.encode()).hexdigest()[:24]}", name, arguments)


def _function(tool: JSONValue, at: int) -> JSONObject:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise ModelRefused("The stand-in knows tools of the type function, with a name.", f"tools[{at}]")
    return function


def _chosen(choice: JSONValue) -> str | None:
    """Return the name in `{type, function: {name}}` or `{type, name}`."""
    if not isinstance(choice, dict):
        return None
    function = choice.get("function", choice)
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None
