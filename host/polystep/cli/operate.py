"""Verbs that ask a running host: one for each operation of the table, made of its parameters.

What stands in an operation's path is an argument, and so is what `Face.arguments` names; the rest are options. `--json`
prints the result as it is.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from polystep.cli.asking import TIMEOUT_S, ask
from polystep.cli.options import JsonOption, ProjectOption, YesOption, confirm, fail
from polystep.cli.printing import show_json
from polystep.cli.tables import Show, show_table, tell_more
from polystep.operations import Operation
from polystep.operations.schemas import AnyOperation, parameters

Question = Callable[[Path, Mapping[str, Any]], str]
"""Makes what is asked before something is lost."""

_TYPES: Final[Mapping[str, type]] = {"string": str, "integer": int, "boolean": bool, "number": float}


@dataclass(frozen=True, slots=True)
class Face:
    """Face of an operation on the command line."""

    show: Show = show_table
    arguments: tuple[str, ...] = ()
    """Parameters that are arguments beside those of the path."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    """Names of options that differ from those of their parameters."""
    files: tuple[str, ...] = ()
    """Options that name a file with JSON; `-` is the standard input."""
    question: Question | None = None
    further: tuple[str, ...] = ()
    """Arguments that are no parameters of the operation, and may be left out."""
    instead: Callable[[Mapping[str, Any]], AnyOperation | None] = lambda _: None
    """Another operation that the arguments ask for."""
    timeout_s: float = TIMEOUT_S
    follow: Callable[[Path, AnyOperation, dict[str, Any], bool], None] | None = None
    """Goes on with what comes later, with `--follow`."""


def verb_of(operation: AnyOperation, face: Face) -> Callable[..., None]:
    """Make the verb of an operation."""
    schema = parameters(operation)
    members: dict[str, Any] = schema.get("properties", {})
    names = {model_name: info.alias or model_name for model_name, info in operation.params.model_fields.items()}

    def verb(**given: Any) -> None:
        project, plain_json = given.pop("project"), given.pop("as_json")
        yes, follows = given.pop("yes", False), given.pop("follow", False)
        params = {
            names[name]: _read(name, members[names[name]], _text_of(value) if name in face.files else value)
            for name, value in given.items()
            if name in names
        }
        params |= {name: given[name] for name in face.further}
        if follows and face.follow is not None:
            face.follow(project, operation, params, plain_json)
        else:
            _run(project, operation, face, params, plain_json=plain_json, yes=yes)

    required = {*schema.get("required", ())} - {*face.defaults}
    places = [*operation.in_path, *face.arguments]
    shown = [_parameter(name, names[name], members[names[name]], names[name] in places, face, required)
             for name in names]  # fmt: skip
    shown.sort(key=lambda each: (names[each.name] not in places, _place(places, names[each.name])))
    shown += [inspect.Parameter(name, _KEYWORD, default=None, annotation=_FURTHER) for name in face.further]
    shown.append(inspect.Parameter("project", _KEYWORD, default=Path(), annotation=ProjectOption))
    if face.follow is not None:
        shown.append(inspect.Parameter("follow", _KEYWORD, default=False, annotation=_FOLLOW))
    if face.question is not None:
        shown.append(inspect.Parameter("yes", _KEYWORD, default=False, annotation=YesOption))
    shown.append(inspect.Parameter("as_json", _KEYWORD, default=False, annotation=JsonOption))
    verb.__name__ = operation.name
    verb.__doc__ = operation.help
    verb.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what typer reads
    verb.__annotations__ = {each.name: each.annotation for each in shown}
    return verb


_KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY
_FOLLOW: Final = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")]
_FURTHER: Final = Annotated[str | None, typer.Argument()]


def _run(
    project: Path, operation: Operation[Any, Any], face: Face, params: dict[str, Any], *, plain_json: bool, yes: bool
) -> None:
    chosen = face.instead(params) or operation
    if face.question is not None:
        confirm(face.question(project, params), yes)
    known = {info.alias or name for name, info in chosen.params.model_fields.items()}
    given = {name: value for name, value in params.items() if name in known}
    result = ask(project, chosen, given, face.timeout_s)
    if plain_json or chosen is not operation:
        show_json(result)
    else:
        face.show(result, params)
    tell_more(result)


def _place(places: list[str], name: str) -> int:
    return places.index(name) if name in places else len(places)


def _parameter(
    name: str, alias: str, schema: dict[str, Any], is_argument: bool, face: Face, required: set[str]
) -> inspect.Parameter:
    kind = _kind(schema)
    about = schema.get("description", "")
    if "enum" in _option(schema):
        about = f"{', '.join(_option(schema)['enum'][:-1])} or {_option(schema)['enum'][-1]}. {about}".strip()
    default: Any = face.defaults.get(name, inspect.Parameter.empty if alias in required else schema.get("default"))
    annotation: Any = kind if default is not None or kind is bool else kind | None
    if is_argument:
        return inspect.Parameter(
            name, _KEYWORD, default=default, annotation=Annotated[annotation, typer.Argument(help=about or None)]
        )
    flag = face.options.get(name, f"--{name.replace('_', '-')}")
    bounds = {}
    if kind is int and "maximum" in schema and "minimum" in schema and schema["minimum"]:
        bounds = {"min": schema["minimum"], "max": schema["maximum"]}
    option = typer.Option(flag, help=about or None, **bounds)
    return inspect.Parameter(name, _KEYWORD, default=default, annotation=Annotated[annotation, option])


def _option(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that is not null."""
    options = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    return options[0] if options else {}


def _kind(schema: dict[str, Any]) -> Any:
    option = _option(schema)
    if option.get("type") == "array":
        return list[int] if option.get("items", {}).get("type") == "integer" else list[str]
    return _TYPES.get(option.get("type", ""), str)


def _text_of(path: Any) -> Any:
    if path is None or path == "-":
        return path
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path} cannot be read: {error}")


def _read(name: str, schema: dict[str, Any], value: Any) -> Any:
    """Return a parameter as JSON has it: values are given as JSON text, `-` reads it from the input."""
    if not isinstance(value, str) or _option(schema).get("type") in _TYPES:
        return value or None if isinstance(value, list) else value
    text = sys.stdin.read() if value == "-" else value
    try:
        return json.loads(text)
    except ValueError as error:
        fail(f"{name} is not JSON: {error}. Quote texts twice, such as '\"text\"'.")
