"""Older spellings of a config, and values out of range: read as they were meant, each with a note.

Source: reference of Motia 0.17, 1.3 and 1.5. A config with a sane reading never loses its step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

from polystep.contracts.limits import RUN_TIMEOUT_S
from polystep.contracts.values import JSONObject, JSONValue

_LEAST: Final = {
    ("queue", "maxRetries"): 0,
    ("queue", "max_retries"): 0,
    ("queue", "concurrency"): 1,
    ("queue", "delaySeconds"): 0,
    ("queue", "delay_seconds"): 0,
}
_DURATION_MAX_S: Final = 1_000_000_000
"""Thirty years; neither the store nor a runner can hold a later time."""
_MOST: Final = {
    ("queue", "delaySeconds"): _DURATION_MAX_S,
    ("queue", "delay_seconds"): _DURATION_MAX_S,
    ("handler", "timeout"): _DURATION_MAX_S,
}
_WHOLE: Final = frozenset({"maxRetries", "max_retries", "concurrency"})
_WITHOUT_EFFECT: Final = {
    ("queue", "messageGroupId"): "pass messageGroupId to emit()",
    ("queue", "message_group_id"): "pass messageGroupId to emit()",
    ("handler", "machineType"): "the handler runs on this machine",
    ("handler", "machine_type"): "the handler runs on this machine",
}


def modern(config: JSONObject) -> tuple[JSONObject, list[str]]:
    """Return the config in the current spelling, and one sentence for each member that was read differently."""
    notes: list[str] = []
    renewed = dict(config)
    for name in ("emits", "virtualEmits", "virtual_emits"):
        if isinstance(emits := renewed.get(name), list):
            renewed[name] = [_emit(emit, f"config.{name}.{at}", notes.append) for at, emit in enumerate(emits)]
    _rename_response(renewed, notes.append)
    infrastructure = renewed.get("infrastructure")
    if isinstance(infrastructure, dict):
        renewed["infrastructure"] = {
            name: dict(_infrastructure(name, section, notes.append)) if isinstance(section, dict) else section
            for name, section in infrastructure.items()
        }
    return renewed, notes


def old_file_name(path: str) -> str | None:
    """Return a hint about a Python file with a name from before Motia 0.7; `None` for other files."""
    for kind in ("step", "stream"):
        if path.endswith(f".{kind}.py"):
            name = path.rsplit("/", 1)[-1]
            better = name.removesuffix(f".{kind}.py").replace("-", "_") + f"_{kind}.py"
            return f"The name ends in .{kind}.py, which is the old spelling: rename the file to {better}."
    return None


def _emit(emit: JSONValue, where: str, note: Callable[[str], None]) -> JSONValue:
    if not isinstance(emit, dict) or "topic" in emit or not isinstance(emit.get("type"), str):
        return emit
    note(f"{where}.type is the old spelling of topic: write topic.")
    return {"topic" if key == "type" else key: value for key, value in emit.items()}


def _rename_response(config: JSONObject, note: Callable[[str], None]) -> None:
    for name in ("responseBody", "response_body"):
        if config.get("type") != "api" or name not in config:
            continue
        schema = config.pop(name)
        if config.get("responseSchema") or config.get("response_schema"):
            note(f"config.{name} has no effect beside responseSchema: remove it.")
        elif schema is not None:
            config["responseSchema"] = {"200": schema}
            note(f"config.{name} is the old spelling of responseSchema: write responseSchema: {{200: …}}.")


def _infrastructure(name: str, section: JSONObject, note: Callable[[str], None]) -> Iterator[tuple[str, JSONValue]]:
    """Return the members of one section that have an effect."""
    for key, value in section.items():
        where = f"config.infrastructure.{name}.{key}"
        if (instead := _WITHOUT_EFFECT.get((name, key))) is not None:
            if value is not None:
                note(f"{where} has no effect: {instead}.")
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            yield key, value
        elif (name, key) == ("handler", "timeout") and value <= 0:
            note(f"{where} is {value}, but must be above 0 seconds; {RUN_TIMEOUT_S:g} is used, the default.")
        else:
            used = min(max(value, _LEAST.get((name, key), value)), _MOST.get((name, key), math.inf))
            used = math.floor(used) if key in _WHOLE else used
            if used != value:
                note(f"{where} is {value}; {used} is used, the nearest that is possible.")
            yield key, used
