"""Origins of settings: defaults, `polystep.toml`, variables, flags; each overrides those before it."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from polystep.contracts.errors import LoadFailed
from polystep.project.settings import OWN_PROBLEMS, ForeignSection, Settings

FILE: Final = "polystep.toml"
PREFIX: Final = "POLYSTEP_"
"""Beginning of the variables that are settings: `POLYSTEP_HTTP_DOCS` is `http.docs`."""
DEFAULT: Final = "default"

_NOTHING: Final[Mapping[str, str]] = {}
_TYPES: Final = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "a text", "tuple": "a list",
    "list": "a list", "model": "a section", "dict": "a section",
}  # fmt: skip
"""Beginnings of pydantic's types of errors, with the wanted value."""
_SHOWN_CHARS_MAX: Final = 80
_PASSWORD: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*(?=@)")
"""Of an address, as the one of a database."""

Names = tuple[str, ...]
"""Names of a setting and of its sections."""


class Override(NamedTuple):
    """Setting that a variable or a flag gives."""

    path: Names
    text: str
    origin: str
    """The variable, or `--set`."""


class SourcedSetting(NamedTuple):
    """Value of a setting that is in use, and where it comes from."""

    name: str
    """Such as `http.docs`."""
    value: object
    """As in JSON; passwords in addresses are hidden."""
    origin: str
    """`default`, `polystep.toml`, a variable, or `--set`."""
    variable: str
    """Variable that sets it."""


class SettingSources:
    """Everything that has a say in the settings of one start."""

    def __init__(self, project: Path, environment: Mapping[str, str] = _NOTHING, flags: Sequence[str] = ()) -> None:
        """Take what was given.

        Args:
            project: The project's folder, with or without a `polystep.toml`.
            environment: Variables of this process; those that are empty count as not set.
            flags: `SECTION.SETTING=VALUE` each.
        """
        self._path = project / FILE
        self._environment = environment
        self._flags = flags

    def read(self) -> Settings:
        """Return the settings.

        Raises:
            LoadFailed: The file, a variable or a flag is not valid; the message lists every problem.
        """
        return self._read()[0]

    def listed(self) -> list[SourcedSetting]:
        """List every setting with its origin, in the order of the sections.

        Raises:
            LoadFailed: As of `read`.
        """
        settings, in_file, overrides = self._read()
        origins = {given.path: given.origin for given in overrides}
        return [
            SourcedSetting(
                ".".join(path),
                _shown(_at(settings, path)),
                origins.get(path) or (FILE if _has(in_file, path) else DEFAULT),
                variable_of(path),
            )
            for path in _leaves(in_file)
        ]

    def _read(self) -> tuple[Settings, Mapping[str, object], Sequence[Override]]:
        in_file = self._parsed()
        overrides = [*_of_variables(self._environment, in_file), *_of_flags(self._flags, in_file)]
        given = in_file if not overrides else _merged(in_file, overrides)
        try:
            return Settings.model_validate(given), in_file, overrides
        except ValidationError as error:
            raise LoadFailed(self._told(error.errors(include_url=False), overrides)) from error

    def _parsed(self) -> Mapping[str, object]:
        if not self._path.is_file():
            return {}
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise LoadFailed(f"{self._path} is no text in UTF-8: save it in this encoding.") from error
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise LoadFailed(f"{self._path}: {error}") from error

    def _told(self, errors: Sequence[ErrorDetails], overrides: Sequence[Override]) -> str:
        origins = {given.path: given.origin for given in overrides}
        named = [(origins.get(_path_in(each["loc"], origins)), _problem(each)) for each in errors]
        if not any(origin for origin, _ in named):
            return f"{self._path} is not usable:\n" + "\n".join(f"  {problem}" for _, problem in named)
        return "The settings are not usable:\n" + "\n".join(
            f"  {origin or FILE}: {problem}" for origin, problem in named
        )


def read_settings(project: Path, environment: Mapping[str, str] = _NOTHING, flags: Sequence[str] = ()) -> Settings:
    """Read the settings of a project, as `SettingSources` does.

    Raises:
        LoadFailed: Something that was given is not valid; the message lists every problem.
    """
    return SettingSources(project, environment, flags).read()


def variable_of(path: Names) -> str:
    """Return the name of the variable that sets a setting."""
    return PREFIX + "_".join(path).upper().replace("-", "_")


def _of_variables(environment: Mapping[str, str], in_file: Mapping[str, object]) -> list[Override]:
    """Read the variables that are settings.

    Raises:
        LoadFailed: One begins like a section, and there is no such setting.
    """
    set_here = {name: text for name, text in environment.items() if name.startswith(PREFIX) and text}
    if not set_here:
        return []
    paths = {variable_of(path): path for path in _leaves(in_file)}
    sections = tuple(f"{PREFIX}{section.upper()}_" for section in Settings.model_fields)
    unknown = [
        f"  {name}: there is no such setting.{_near(name, paths)} `polystep config` lists them."
        for name in sorted(set_here)
        if name not in paths and name.startswith(sections)
    ]
    if unknown:
        raise LoadFailed("The environment has variables that are no settings:\n" + "\n".join(unknown))
    return [Override(paths[name], text, name) for name, text in sorted(set_here.items()) if name in paths]


def _of_flags(flags: Sequence[str], in_file: Mapping[str, object]) -> list[Override]:
    """Read `--set` flags.

    Raises:
        LoadFailed: One is no `NAME=VALUE`, or there is no such setting.
    """
    if not flags:
        return []
    paths = {".".join(path): path for path in _leaves(in_file)}
    found = []
    for flag in flags:
        name, equals, text = flag.partition("=")
        if not equals:
            raise LoadFailed(f"--set takes SECTION.SETTING=VALUE, such as --set http.docs=false; this is {flag!r}.")
        if name not in paths:
            raise LoadFailed(
                f"--set {name}: there is no such setting.{_near(name, paths)} `polystep config` lists them."
            )
        found.append(Override(paths[name], text, "--set"))
    return found


def _near(name: str, known: Mapping[str, Names]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f" Did you mean {near[0]}?" if near else ""


def _merged(in_file: Mapping[str, object], overrides: Sequence[Override]) -> dict[str, object]:
    """Return the content of the file with what variables and flags say; the file's own is left as it is."""
    merged = dict(in_file)
    for given in overrides:
        section, names = merged, given.path[:-1]
        for name in names:
            before = section.get(name)
            if before is not None and not isinstance(before, dict):
                break  # the file has something else there, which is told as wrong
            section[name] = section = dict(before or {})
        else:
            section[given.path[-1]] = _value(given)
    return merged


def _value(given: Override) -> object:
    """Read the text of an override: a list in the form of TOML or with commas, else the text that pydantic converts."""
    if not _is_list(given.path):
        return given.text
    if given.text.lstrip().startswith("["):
        try:
            return tomllib.loads(f"v = {given.text}")["v"]
        except tomllib.TOMLDecodeError:
            return given.text
    return [part.strip() for part in given.text.split(",") if part.strip()]


def _is_list(path: Names) -> bool:
    field = _model_of(path[:-1]).model_fields[path[-1]]
    return typing.get_origin(field.annotation) is tuple


def _model_of(sections: Sequence[int | str]) -> type[BaseModel]:
    """Return the model of a section; what `[runners]` does not name is a runner of others."""
    model: type[BaseModel] = Settings
    for name in sections:
        field = model.model_fields.get(str(name))
        model = ForeignSection if field is None else cast("type[BaseModel]", field.annotation)
    return model


def _leaves(in_file: Mapping[str, object], model: type[BaseModel] = Settings, within: Names = ()) -> Iterator[Names]:
    """List the settings that a file could have, with those of its runners of others."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(in_file, kind, (*within, name))
        else:
            yield (*within, name)
    if within == ("runners",):
        runners = in_file.get("runners")
        for name, section in runners.items() if isinstance(runners, dict) else ():
            if name not in model.model_fields and isinstance(section, dict):
                yield from _leaves(in_file, ForeignSection, (*within, name))


def _has(given: Mapping[str, object], path: Names) -> bool:
    section: object = given
    for name in path:
        if not isinstance(section, dict) or name not in section:
            return False
        section = section[name]
    return True


def _at(settings: Settings, path: Names) -> object:
    value: object = settings
    for name in path:
        value = getattr(value, name)
    return value


def _shown(value: object) -> object:
    """Return a value as in JSON, without the passwords of addresses."""
    if isinstance(value, str):
        return _PASSWORD.sub(r"\1:…", value)
    return [_shown(each) for each in value] if isinstance(value, tuple) else value


def _path_in(place: Sequence[int | str], origins: Mapping[Names, str]) -> Names:
    """Return the setting of an error: its place may be within a list."""
    names = tuple(str(part) for part in place)
    return next((path for path in origins if names[: len(path)] == path), names)


def _problem(error: ErrorDetails) -> str:
    """Describe one wrong entry: its path, and the values that are allowed there."""
    path = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            known = list(_model_of(error["loc"][:-1]).model_fields)
            near = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            return f"{path}: there is no such setting. {hint}Here may be: {', '.join(known)}"
        case "missing":
            return f"{path} is missing"
        case str(kind) if kind in OWN_PROBLEMS:
            return f"{path}: {error['msg']}"
    return f"{path} must be {_wanted(error)}; it is {_toml(error['input'])}"


def _wanted(error: ErrorDetails) -> str:
    """Describe the type or size that an entry must have."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "greater_than":
            return f"greater than {limits['gt']}"
        case "greater_than_equal":
            return f"at least {limits['ge']}"
        case "less_than_equal":
            return f"at most {limits['le']}"
        case "literal_error":
            return str(limits["expected"]).replace("'", '"')
        case kind:
            return next((wanted for start, wanted in _TYPES.items() if kind.startswith(start)), "something else")


def _toml(value: object) -> str:
    """Write a value as the file has it, cut."""
    if isinstance(value, dict):
        return "a section"
    try:
        shown = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        shown = str(value)
    return shown if len(shown) <= _SHOWN_CHARS_MAX else shown[:_SHOWN_CHARS_MAX] + "…"
