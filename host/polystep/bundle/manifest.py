"""Manifest of a bundle: what it holds, what it declares, and what it needs to run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from polystep.bundle.locks import Package
from polystep.bundle.tree import TreeFile
from polystep.contracts.steps import CronTrigger, EventTrigger, Flow, HttpTrigger, StepSpec
from polystep.contracts.values import JSONObject, JSONValue

FORMAT: Final = 1
"""Version of the bundle's layout and of this file; a host refuses one that it does not know."""
_VARIABLE: Final = re.compile(r"^\s*#?\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Maker:
    """The polystep that makes a bundle."""

    version: str
    protocol: str
    """Version of the runner protocol."""
    schema: int
    """Version of the schema of its databases."""


def manifest(
    name: str,
    version: str,
    maker: Maker,
    flow: Flow,
    files: Mapping[str, TreeFile],
    packages: Sequence[Package],
) -> JSONObject:
    """Describe a bundle; the same project gives the same document.

    Args:
        name: The project's.
        version: The project's.
        maker: What runs the bundle at least.
        flow: The project as it was loaded.
        files: Its files by path.
        packages: Its locked packages.
    """
    example = files.get(".env.example")
    return {
        "format": FORMAT,
        "name": name,
        "version": version,
        "polystep": {"version": maker.version, "protocol": maker.protocol, "schema": maker.schema},
        "languages": [*sorted(languages_of(flow))],
        "environment": [] if example is None else variables(example.content.decode("utf-8", "replace")),
        "steps": [_step(step) for _, step in sorted(flow.steps.items())],
        "streams": [
            {"name": stream.name, "file": stream.source.path, "schema": stream.schema}
            for _, stream in sorted(flow.streams.items())
        ],
        "packages": {
            ecosystem: {package.name: package.version for package in packages if package.ecosystem == ecosystem}
            for ecosystem in ("npm", "pypi")
        },
        "files": {
            path: {"sha256": hashlib.sha256(file.content).hexdigest(), "bytes": len(file.content)}
            for path, file in sorted(files.items())
        },
    }


def named(files: Mapping[str, TreeFile]) -> tuple[str, str]:
    """Return the name and version that the files of a project give it; never those of its folder."""
    found: dict[str, str] = {}
    for path, read in (("package.json", json.loads), ("pyproject.toml", tomllib.loads)):
        with contextlib.suppress(KeyError, ValueError, AttributeError):
            value = read(files[path].content.decode("utf-8"))
            value = value.get("project", {}) if path == "pyproject.toml" else value
            texts = {key: value[key] for key in ("name", "version") if isinstance(value.get(key), str) and value[key]}
            found = {**texts, **found}
    return found.get("name", "project"), found.get("version", "0.0.0")


def languages_of(flow: Flow) -> set[str]:
    """List the languages of the steps and streams."""
    sources = [step.source for step in flow.steps.values()] + [each.source for each in flow.streams.values()]
    return {source.language for source in sources}


def variables(example: str) -> list[JSONValue]:
    """List the names in `.env.example`, also of lines that are commented out; never a value."""
    return list(dict.fromkeys(_VARIABLE.findall(example)))


def _step(step: StepSpec) -> JSONObject:
    return {
        "name": step.name,
        "type": step.type,
        "file": step.source.path,
        "language": step.source.language,
        "flows": list(step.flows),
        "emits": [emit.topic for emit in step.emits],
        **_trigger(step),
    }


def _trigger(step: StepSpec) -> JSONObject:
    match step.trigger:
        case HttpTrigger() as http:
            return {
                "method": http.method,
                "path": http.path,
                "bodySchema": http.body_schema,
                "querySchema": http.query_schema,
                "pathSchema": http.path_schema,
                "responseSchema": dict(http.response_schema),
            }
        case EventTrigger() as event:
            return {"subscribes": list(event.topics), "input": event.input_schema, "output": event.output_schema}
        case CronTrigger() as cron:
            return {"cron": cron.expression, "timezone": cron.timezone}
        case _:
            return {}
