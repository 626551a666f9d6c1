"""Describes a project to other tools: its flow, and what `package.json` or `pyproject.toml` say of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import orjson

from polystep.contracts.ports import ProjectView
from polystep.contracts.steps import Flow
from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents import ProjectInformation, asyncapi_document, openapi_document


class ProjectDocuments:
    """Implements `Documents` for a live project."""

    def __init__(self, root: Path, project: ProjectView) -> None:
        self._root = root
        self._project = project

    def openapi(self) -> JSONObject:
        """Of the routes."""
        return describe_openapi(self._root, self._project.flow)

    def asyncapi(self) -> JSONObject:
        """Of the topics and streams."""
        return describe_asyncapi(self._root, self._project.flow)


def describe_openapi(root: Path, flow: Flow) -> JSONObject:
    """The OpenAPI document of a loaded project."""
    return openapi_document(flow, read_information(root))


def describe_asyncapi(root: Path, flow: Flow) -> JSONObject:
    """The AsyncAPI document of a loaded project."""
    return asyncapi_document(flow, read_information(root))


def read_information(root: Path) -> ProjectInformation:
    """Name, version and description of a project, each from the first file that has it.

    A file that cannot be read says nothing here: whoever needs it for more reports it.
    """
    said = [_package_json(root / "package.json"), _pyproject(root / "pyproject.toml")]
    name, version, description = (
        next((text for each in said if isinstance(text := each.get(key), str) and text), None)
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
