"""File with the places of nodes in the graphs of flows: part of the project, written to be reviewed and merged."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import orjson

from polystep.contracts.operations import OperationRefused

LAYOUT_FILE: Final = "polystep-workbench.json"
MOTIA_FILE: Final = "motia-workbench.json"
"""Read for flows that the file of polystep does not name, never written."""
PLACES_MAX: Final = 10_000
"""Nodes of one flow."""
COORDINATE_MAX: Final = 1_000_000

_BYTES_MAX: Final = 8 * 1024 * 1024
_VERSION: Final = 1
_NUMBERS: Final = (int, float)

Positions: TypeAlias = dict[str, tuple[int, int]]
"""Left and top of nodes, by their keys."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of the nodes of one flow."""

    places: Positions
    file: str | None
    """File that holds them."""
    problem: str | None
    """Reason why the file cannot be used."""

    @property
    def version(self) -> str:
        """Fingerprint of the places: a write names the one that it began with."""
        return hashlib.sha256(_lines(self.places).encode()).hexdigest()[:16]


def read_layout(root: Path, flow: str) -> Layout:
    """Find the places of a flow; a file that cannot be used has none, and says why."""
    try:
        own = _own(root)
    except ValueError as error:
        return Layout({}, LAYOUT_FILE, str(error))
    if flow in own:
        return Layout(own[flow], LAYOUT_FILE, None)
    try:
        found = _of_motia(_parsed(root / MOTIA_FILE), flow)
    except ValueError as error:
        return Layout({}, MOTIA_FILE, str(error))
    return Layout(found or {}, MOTIA_FILE if found else None, None)


def write_layout(root: Path, flow: str, places: Mapping[str, tuple[float, float]], version: str) -> Layout:
    """Replace the places of a flow if they still have a version, and leave the other flows as they are.

    Raises:
        OperationRefused: 409, they have another version, or the file is not one that this polystep may replace; 500,
            the file cannot be written.
    """
    with _alone(root):
        now = read_layout(root, flow)
        if now.problem is not None and now.file == LAYOUT_FILE:
            raise OperationRefused(409, "The file was left alone", now.problem)
        if now.version != version:
            hint = f"Somebody else has moved nodes of {flow} since you read them; read them again."
            raise OperationRefused(409, "The places have changed", hint, version=now.version)
        flows = _own(root) | {flow: {key: _whole(left, top) for key, (left, top) in places.items()}}
        try:
            _replace(root / LAYOUT_FILE, _text(flows).encode())
        except OSError as error:
            raise OperationRefused(
                500,
                f"{LAYOUT_FILE} cannot be written",
                f"{error.strerror or error}. The host needs to write the project's folder to keep places.",
            ) from error
    return Layout(flows[flow], LAYOUT_FILE, None)


def _own(root: Path) -> dict[str, Positions]:
    path = root / LAYOUT_FILE
    given = _parsed(path)
    if given is None:
        return {}
    flows = given.get("flows") if isinstance(given, dict) else None
    if not isinstance(flows, dict):
        raise ValueError(f"{LAYOUT_FILE} has no object `flows`. Mend or remove it.")  # noqa: TRY004  # not its caller's
    if given.get("version") != _VERSION:
        raise ValueError(f"{LAYOUT_FILE} has another version than {_VERSION}. Another polystep wrote it.")
    return {flow: _places(nodes) for flow, nodes in flows.items()}


def _of_motia(given: object, flow: str) -> Positions | None:
    """Return the places that Motia's Workbench kept: `[{id, config: {file: {x, y}}}]`."""
    for each in given if isinstance(given, list) else ():
        if isinstance(each, dict) and each.get("id") == flow:
            return _places(each.get("config"))
    return None


def _places(given: object) -> Positions:
    found: Positions = {}
    for key, place in given.items() if isinstance(given, dict) else ():
        left, top = (place.get("x"), place.get("y")) if isinstance(place, dict) else (None, None)
        # A truth value is a whole number to Python, and no place.
        if type(left) in _NUMBERS and type(top) in _NUMBERS and len(found) < PLACES_MAX:
            found[key] = _whole(cast("float", left), cast("float", top))
    return found


def _whole(left: float, top: float) -> tuple[int, int]:
    return _bounded(left), _bounded(top)


def _bounded(value: float) -> int:
    return round(max(-COORDINATE_MAX, min(COORDINATE_MAX, value)))


def _parsed(path: Path) -> Any:
    """Return the JSON of a file; `None` when there is none.

    Raises:
        ValueError: It cannot be read, or is too large or no JSON.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    if len(content) > _BYTES_MAX:
        raise ValueError(f"{path.name} is larger than {_BYTES_MAX} bytes. Remove it.")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{path.name} is no JSON ({error}). Mend or remove it.") from error


def _text(flows: Mapping[str, Positions]) -> str:
    """Write the file so that a moved node is one changed line."""
    parts = [f"    {_quoted(flow)}: {_lines(flows[flow])}" for flow in sorted(flows)]
    inner = "{\n" + ",\n".join(parts) + "\n  }"
    return f'{{\n  "version": {_VERSION},\n  "flows": {inner}\n}}\n'


def _lines(places: Positions) -> str:
    if not places:
        return "{}"
    rows = [f'      {_quoted(key)}: {{ "x": {left}, "y": {top} }}' for key, (left, top) in sorted(places.items())]
    return "{\n" + ",\n".join(rows) + "\n    }"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Let one writer at a time, of all hosts on this folder, compare and replace."""
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place whole; a link is replaced, not followed."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        mask = os.umask(0o022)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
