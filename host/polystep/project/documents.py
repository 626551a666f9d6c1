"""Description of a project for other tools: its flow, and its name in `package.json` or `pyproject.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import orjson

from polystep.contracts.ports.http import ProjectView
from polystep.contracts.steps import Flow
from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents import ProjectInformation, asyncapi_document, openapi_document


class ProjectDocuments:
    """Documents of a live project: the port `Documents`."""

    def __init__(self, root: Path, project: ProjectView) -> None:
        self._root = root
        self._project = project

    def openapi(self) -> JSONObject:
        """Describe the routes."""
        return describe_openapi(self._root, self._project.flow)

    def asyncapi(self) -> JSONObject:
        """Describe the topics and streams."""
        return describe_asyncapi(self._root, self._project.flow)


def describe_openapi(root: Path, flow: Flow) -> JSONObject:
    """Make the OpenAPI document of a loaded project."""
    return openapi_document(flow, read_information(root))


def describe_asyncapi(root: Path, flow: Flow) -> JSONObject:
    """Make the AsyncAPI document of a loaded project."""
    return asyncapi_document(flow, read_information(root))


def read_information(root: Path) -> ProjectInformation:
    """Read name, version and description of a project, each from the first file that has it.

    A file that cannot be read is left out: whoever needs it for more reports it.
    """
    files = [_package_json(root / "package.json"), _pyproject(root / "pyproject.toml")]
    name, version, description = (
        next((text for each in files if isinstance(text := each.get(key), str) and text), None)
        for key in ("name", "version", "description")
    )
    return ProjectInformation(name or root.resolve().name or "polystep", version or "0.0.0", description)


def _package_json(path: Path) -> JSONObject:
    try:
        return _object(orjson.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}


def _pyproject(path: Path) -> JSONObject:
    try:
        return _object(tomllib.loads(path.read_text(encoding="utf-8")).get("project"))
    except (OSError, ValueError):
        return {}


def _object(value: JSONValue) -> JSONObject:
    return value if isinstance(value, dict) else {}
