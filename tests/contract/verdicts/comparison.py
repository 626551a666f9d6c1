"""Asks host and library for their verdicts on the same payloads, and collects where they differ."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import jsonschema_rs
import orjson

from polystep.contracts.errors import LoadFailed
from polystep.discovery import SchemaValidator
from polystep_runner.adapters.schemas import check_of, describe_type
from tests.contract.verdicts.python_sources import HEADER

Raw: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]

_BASE: Final = "generated_types"


@dataclass(frozen=True, slots=True)
class Declared:
    """A schema as its source declares it, and as it is exported."""

    library: str
    source: str
    schema: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for which one side refuses a value; a union has `branches`, each the reasons of one of them."""

    library: str
    """`host` or the name of the library."""
    code: str
    """The keyword of JSON Schema, or the library's own code."""
    path: Path
    value: Any
    """The part of the payload that `path` leads to; None if there is none."""
    about: Any
    """The value of the keyword, or all that the library says."""
    branches: tuple[tuple[Refusal, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Divergence:
    """A payload that one side takes and the other refuses."""

    declared: Declared
    payload: Any
    refused_by: str
    """`host` or `native`."""
    reasons: tuple[Refusal, ...]

    def __str__(self) -> str:
        reasons = "\n".join(f"    {each}" for each in self.reasons)
        schema, payload = json.dumps(self.declared.schema)[:1500], json.dumps(self.payload)
        head = f"{self.declared.library}: {self.declared.source}\n  exported as {schema}\n  payload {payload}"
        return f"{head}\n  refused by the {self.refused_by} alone:\n{reasons}"


@contextmanager
def python_types(sources: list[str]) -> Iterator[list[tuple[Declared, Any]]]:
    """Run each module after the header; its `Schema` comes along. Pydantic looks names up in `sys.modules`."""
    names = [_BASE, *(f"{_BASE}_{index}" for index in range(len(sources)))]
    sys.modules.update({name: types.ModuleType(name) for name in names})
    try:
        base = sys.modules[_BASE].__dict__
        exec(HEADER, base)
        yield [_declared(source, name, base) for source, name in zip(sources, names[1:], strict=True)]
    finally:
        for name in names:
            del sys.modules[name]


def _declared(source: str, name: str, base: dict[str, Any]) -> tuple[Declared, Any]:
    namespace = sys.modules[name].__dict__
    namespace.update({key: value for key, value in base.items() if not key.startswith("__")})
    exec(source, namespace)
    schema = namespace["Schema"]
    return Declared("pydantic", source, orjson.loads(orjson.dumps(describe_type(schema)))), schema


def host_of(declared: Declared) -> SchemaValidator:
    """The host's validator of a schema: all that is exported must be usable."""
    try:
        return SchemaValidator(declared.schema)
    except LoadFailed as error:
        raise AssertionError(f"{error.message}\n{declared.source}\n{declared.schema}") from error


def compare(declared: Declared, payloads: list[Any], refused: dict[int, list[Raw]]) -> Iterator[Divergence]:
    """Where the host's verdict differs from the library's, given all that the library refused, by index."""
    host = host_of(declared)
    for index, payload in enumerate(payloads):
        fits, native = not host.issues(payload), refused.get(index)
        if fits and native is not None:
            yield Divergence(declared, payload, "native", natives(declared.library, native, payload, ()))
        elif not fits and native is None:
            errors = jsonschema_rs.validator_for(declared.schema, validate_formats=True).iter_errors(payload)
            yield Divergence(declared, payload, "host", tuple(_host_refusal(error) for error in errors))


def refused_by_pydantic(schema: Any, payloads: list[Any]) -> dict[int, list[Raw]]:
    """Which payloads the type refuses, by index, with the issues of `check_of`."""
    check = check_of(schema)
    assert check is not None

    def issues(payload: Any) -> list[Raw]:
        try:
            return check(payload)[1]
        except Exception as error:  # noqa: BLE001 - whatever the validators of a type raise
            return [{"path": [], "code": "thrown", "message": repr(error)}]

    return {index: found for index, payload in enumerate(payloads) if (found := issues(payload))}


def natives(library: str, raws: list[Raw], root: Any, base: Path) -> tuple[Refusal, ...]:
    """What a library says, with the branches of its unions."""
    if library == "pydantic":
        return _pydantic_refusals([(tuple(raw["path"]), raw) for raw in raws], root, ())
    return tuple(_zod_refusal(library, raw, root, base) for raw in raws)


def _zod_refusal(library: str, raw: Raw, root: Any, base: Path) -> Refusal:
    path = (*base, *raw["path"])
    branches: tuple[tuple[Refusal, ...], ...] = ()
    if raw["code"] == "invalid_union":
        branches = tuple(natives(library, branch, root, path) for branch in raw.get("errors", ()))
    return Refusal(library, raw["code"], path, _at(root, path), raw, branches)


def _pydantic_refusals(raws: list[tuple[Path, Raw]], root: Any, base: Path) -> tuple[Refusal, ...]:
    """Pydantic gives the branches of a union as parts of the path that are no keys: what they lead to is told apart."""
    found: list[Refusal] = []
    unions: dict[Path, dict[str | int, list[tuple[Path, Raw]]]] = {}
    for rest, raw in raws:
        known, value = base, _at(root, base)
        while rest and _leads(value, rest[0]):
            known, value, rest = (*known, rest[0]), value[rest[0]], rest[1:]
        if not rest or (len(rest) == 1 and raw["code"] == "missing"):
            found.append(Refusal("pydantic", raw["code"], (*known, *rest), value if not rest else None, raw))
        else:
            unions.setdefault(known, {}).setdefault(rest[0], []).append((rest[1:], raw))
    for path, labels in unions.items():
        branches = tuple(_pydantic_refusals(branch, root, path) for branch in labels.values())
        found.append(
            Refusal("pydantic", "union", path, _at(root, path), {"labels": sorted(map(str, labels))}, branches)
        )
    return tuple(found)


def _leads(value: Any, key: str | int) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)


def _at(value: Any, path: Path) -> Any:
    for key in path:
        if not _leads(value, key):
            return None
        value = value[key]
    return value


def _host_refusal(error: Any) -> Refusal:
    about = error.kind.as_dict()
    branches = tuple(tuple(_host_refusal(each) for each in branch) for branch in about.pop("context", ()))
    if "error" in about:  # of a key
        branches = ((_host_refusal(about.pop("error")),),)
    path = tuple(error.instance_path)
    return Refusal("host", error.kind.name, path, error.instance, about | {"at": error.schema_path}, branches)
