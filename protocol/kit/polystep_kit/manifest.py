"""`kit.json`: read, and refused with the member, what is wrong with it and what it may be."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polystep_kit.cases import LEVELS
from polystep_kit.features import FEATURES
from polystep_kit.natives import NATIVES

FILE: Final = "kit.json"
ROLES: Final = ("script", "cron", "broken", "bare", "exits", "noop", "stream", "schemas", "layers", "access", "guarded")
_MEMBERS: Final = ("language", "levels", "files", "natives", "features", "command")


class NoSteps(Exception):
    """There are no usable conformance steps for a language; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Contents of `kit.json`. Only `language` must be there."""

    language: str
    levels: tuple[str, ...]
    """Levels that the language's runner is expected to reach."""
    files: dict[str, str]
    """By role, such as `script` → `steps/script_step.rb`."""
    natives: frozenset[str]
    """Native values that the script step can make."""
    features: frozenset[str]
    """Features of its runner (PS-5.5)."""
    command: tuple[str, ...]
    """Command of the shipped runner, where there is one."""


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in a folder.

    Raises:
        NoSteps: There is none, or it is not usable; the text has every problem.
    """
    path = folder / FILE
    try:
        given = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NoSteps(f"{path} does not exist. Name a folder that has one with --steps.") from None
    except (OSError, ValueError) as error:
        raise NoSteps(f"{path} cannot be read as JSON: {error}") from error
    problems = _problems(given)
    if problems:
        raise NoSteps(f"{path} is not usable:\n" + "\n".join(f"  {each}" for each in problems))
    return Manifest(
        given["language"],
        tuple(given.get("levels", LEVELS[:1])),
        dict(given.get("files", {})),
        frozenset(given.get("natives", ())),
        frozenset(given.get("features", ())),
        tuple(given.get("command", ())),
    )


def _problems(given: Any) -> list[str]:
    if not isinstance(given, dict):
        return ['it must be an object, such as {"language": "perl"}']
    problems = [_unknown(f"there is no member {name!r}", name, _MEMBERS) for name in given if name not in _MEMBERS]
    language = given.get("language")
    if not isinstance(language, str) or not language:
        problems.append(f'language must be what the runner says in hello, such as "perl"; {_came(given, "language")}')
    problems += _names(given, "levels", LEVELS)
    problems += _files(given)
    problems += _names(given, "natives", NATIVES)
    problems += _names(given, "features", FEATURES)
    if not _is_texts(given.get("command", [])):
        problems.append(f'command must be a list of texts, such as ["perl", "runner.pl"]; {_came(given, "command")}')
    return problems


def _names(given: dict[str, Any], member: str, known: Collection[str]) -> list[str]:
    listed = given.get(member, [])
    if not _is_texts(listed):
        return [f"{member} must be a list of texts; {_came(given, member)}"]
    if member == "levels" and member in given and not listed:
        return [f"levels must have one of {', '.join(known)}"]
    return [_unknown(f"{member}: there is no {name!r}", name, known) for name in listed if name not in known]


def _files(given: dict[str, Any]) -> list[str]:
    files = given.get("files", {})
    if not isinstance(files, dict):
        return [f"files must be an object of paths by role; {_came(given, 'files')}"]
    problems = [_unknown(f"files: there is no role {role!r}", role, ROLES) for role in files if role not in ROLES]
    return problems + [
        f"files.{role} must be a path below the folder of kit.json; it is {path!r}"
        for role, path in files.items()
        if not isinstance(path, str) or not path or Path(path).is_absolute() or ".." in Path(path).parts
    ]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"{what}. Did you mean {near[0]!r}?" if near else f"{what}. There are: {', '.join(known)}."


def _came(given: dict[str, Any], member: str) -> str:
    return f"it is {given[member]!r:.100}" if member in given else "it is missing"
