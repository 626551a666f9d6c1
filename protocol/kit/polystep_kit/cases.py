"""The checks, as data: one case per scenario, vector and message schema, from `scenarios/` and `vectors/`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from polystep_kit.folder import SCENARIOS, VECTORS

LEVELS: Final = ("core", "context", "isolation")

_SCHEMA_LEVELS: Final = {
    "envelope": ("PS-4.3", "core"),
    "error": ("PS-9.1", "core"),
    "result:hello": ("PS-5.1", "core"),
    "result:step.load": ("PS-6.1", "core"),
    "params:emit": ("PS-8.3", "core"),
    "params:emit.cancel": ("PS-8.25", "context"),
    "params:state": ("PS-8.3", "core"),
    "params:streams": ("PS-8.3", "context"),
    "params:response": ("PS-8.11", "context"),
    "params:once": ("PS-8.15", "context"),
    "params:wait": ("PS-8.17", "context"),
    "params:ask.answer": ("PS-8.26", "context"),
    "notification:log": ("PS-8.7", "core"),
    "notification:span": ("PS-8.9", "isolation"),
    "notification:span.open": ("PS-8.28", "isolation"),
}


_OF_FEATURES: Final = {
    "params:emit.cancel": "emit.options",
    "params:response": "response.stream",
    "params:once": "durable",
    "params:wait": "durable",
    "params:ask.answer": "durable",
}
"""Kinds of messages that only runners with a feature send."""

_ROOMS: Final = ("state", "streams", "response", "once")
"""Methods of one room share a check."""


@dataclass(frozen=True, slots=True)
class Case:
    """One numbered check."""

    id: str
    clause: str
    level: str
    description: str
    steps: tuple[dict[str, Any], ...] = ()
    start: dict[str, Any] = field(default_factory=dict)
    """Start of the runner for it alone; empty: it shares one that is serving."""
    native: str | None = None
    """The native value that the language must have for the check to make sense."""
    feature: str | None = None
    """The feature (PS-5.5) that the runner must have for it."""
    fault: dict[str, Any] = field(default_factory=dict)
    """Fault of a runner that fails this check; see `faults.py`."""
    schema: tuple[str, ...] = ()
    """Kinds of messages that this check is about, or their beginnings, which end with a dot: it fails when any of them
    was malformed at any time."""

    def judges(self, kind: str) -> bool:
        """Report whether messages of a kind are held against this check."""
        return any(kind == each or (each.endswith(".") and kind.startswith(each)) for each in self.schema)

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the files that must be there to play it; it may name other files, which must not."""
        if self.schema or self.start.get("hello") is False:
            return frozenset()
        named = {step[member] for step in self.steps for member in ("load", "file") if member in step}
        return frozenset({"script", *named})


def all_cases() -> list[Case]:
    """Every check there is, in the order of their files."""
    return [*_scenarios(), *_values(), *_natives(), *_frames(), *_schemas()]


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _scenarios() -> Iterator[Case]:
    for path in sorted(SCENARIOS.glob("*.json")):
        for each in _read(path)["cases"]:
            yield Case(
                each["id"],
                each["clause"],
                each["level"],
                each["description"],
                tuple(each["steps"]),
                each.get("start", {}),
                each.get("native"),
                each.get("feature"),
                each.get("fault", {}),
            )


def _values() -> Iterator[Case]:
    """Bytes that a runner is sent as a value, and what it makes of them."""
    for each in _read(VECTORS / "values.json")["vectors"]:
        sent = {"run": [{"do": "return", "value": {"$hex": each["hex"]}}], "type": "api"}
        refused = {"error": "r", "name": "invalid_value"}
        match each["read"]:
            case "accept":
                expected: dict[str, Any] = {"answer": "r", "exactly": each["value"]}
            case "refuse":
                expected = refused
            case _:
                expected = {"either": [refused, {"answer": "r", "is": {"$type": "any"}}]}
        yield Case(
            f"values.{each['id']}",
            each["clause"],
            "core",
            each["description"],
            (sent, expected, {"ping": True}),
            # What is refused is not decoded, so that the runner that breaks the rule answers a method it does not know.
            fault=each.get("fault") or ({"of": "?", "answer": "taken"} if each["read"] == "refuse" else {}),
        )


def _natives() -> Iterator[Case]:
    """Values that only a language itself can make, and what its runner sends for them."""
    for each in _read(VECTORS / "natives.json")["vectors"]:
        made = {"run": [{"do": "native", "name": each["native"]}], "type": "api"}
        if "refused_at" in each:
            expected: dict[str, Any] = {"error": "r", "name": "invalid_value", "data": {"path": each["refused_at"]}}
        else:
            expected = {"answer": "r", "is": each["value"]}
        yield Case(
            f"natives.{each['native']}",
            each["clause"],
            "core",
            each["description"],
            (made, expected, {"ping": True}),
            native=each["native"],
        )


def _frames() -> Iterator[Case]:
    """Bytes on the channel, whole, cut and broken."""
    for each in _read(VECTORS / "frames.json")["vectors"]:
        yield Case(
            f"frames.{each['id']}",
            each["clause"],
            "core",
            each["description"],
            (_chunks(each), *_frame_outcome(each["outcome"])),
            {"hello": {"frame_bytes_max": each["frame_bytes_max"]}} if "frame_bytes_max" in each else {"hello": {}},
            fault=each.get("fault") or ({"flag": "survives"} if "broken" in each["outcome"] else {}),
        )


def _chunks(vector: dict[str, Any]) -> dict[str, Any]:
    ids = list(vector["outcome"].get("answers", {}))
    return {"chunks": vector["chunks"], "fill": vector.get("fill", 0), "ids": ids}


def _frame_outcome(outcome: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    if "broken" in outcome:
        return ({"exit": "nonzero"}, {"stderr": True})
    steps: list[dict[str, Any]] = []
    for id, error in outcome.get("answers", {}).items():
        if error is None:
            steps.append({"answer": f"#{id}", "is": None})
        else:
            steps.append({"error": f"#{id}", "name": {"$type": "text"} if error == "*" else error})
    return (*steps, {"ping": True})


def _schemas() -> Iterator[Case]:
    for kind, (clause, level) in _SCHEMA_LEVELS.items():
        what = f"every message fits {kind} of schema/messages.schema.json, at any time"
        prefix = kind if ":" not in kind or kind.split(":")[1] not in _ROOMS else f"{kind}."
        feature = _OF_FEATURES.get(kind)
        yield Case(f"schema.{kind.replace(':', '.')}", clause, level, what, feature=feature, schema=(prefix,))
