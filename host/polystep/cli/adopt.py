"""Plan of `polystep init` for an existing folder: the files that it adds, and advice on what to remove."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polystep.app import SOURCE_FOLDERS, project_sources
from polystep.cli.json_members import add_members
from polystep.cli.recipe import LAUNCHER
from polystep.cli.scaffold import CreateRefused, launcher_files, new_package_json, package_name
from polystep.contracts.private import project_home, write_private
from polystep.contracts.steps import SourceFile

PACKAGE: Final = "package.json"
_FOLDERS: Final = ("launcher", LAUNCHER)
"""Folders for the launcher; the second is for projects that have a folder of the first name."""
_SCRIPTS: Final = {"dev": "polystep dev", "start": "polystep start"}
_DEPENDENCIES: Final = ("dependencies", "devDependencies", "optionalDependencies")
_MOTIA: Final = re.compile(r"\bmotia\b")
_NODE_LANGUAGES: Final = frozenset({"typescript", "javascript"})
_CAME_WITH_MOTIA: Final[Mapping[str, tuple[str, ...]]] = {
    "node": ("zod",),
    "python": ("pydantic", "httpx", "jsonschema"),
}
"""Packages that steps could import without naming them, since Motia's own packages brought them."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Plan of what will be written, and of what is left to the user."""

    added: Mapping[str, bytes]
    """New files by path."""
    package_before: str | None = None
    package_after: str | None = None
    """`package.json`; `None` when it stays as it is."""
    advice: tuple[str, ...] = ()
    """Advice on what to remove or add by hand, a sentence each."""
    needs_npm: bool = False
    """The project has a `package.json`, before or after."""

    @property
    def changes_nothing(self) -> bool:
        """Everything is there already."""
        return not self.added and self.package_after is None


def plan_adoption(project: Path) -> Adoption:
    """Find out what a folder lacks; nothing is written.

    Raises:
        CreateRefused: Its `package.json` cannot be used, or the places of the launcher are taken.
    """
    sources = project_sources(project)
    path = project / PACKAGE
    if not path.is_file():
        if not any(source.language in _NODE_LANGUAGES for source in sources):
            return Adoption({}, advice=tuple(_advice({}, project, sources)))
        files = _launcher(project, "launcher", motia=False)
        package = new_package_json(package_name(project.resolve().name))
        return Adoption({PACKAGE: package, **files}, advice=tuple(_advice({}, project, sources)), needs_npm=True)
    try:
        before = path.read_bytes().decode("utf-8")
        package = json.loads(before.removeprefix("\ufeff"))
        after, folder = _with_launcher(before, package, project)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CreateRefused(f"{path} cannot be used: {error}. Mend it, then run this again.") from error
    files = {} if folder is None else _launcher(project, folder, motia=_calls_motia(package))
    return Adoption(
        files,
        None if after == before else before,
        None if after == before else after,
        tuple(_advice(package, project, sources)),
        needs_npm=True,
    )


def apply_adoption(project: Path, plan: Adoption, command: Path | None) -> None:
    """Write what was planned, and note where the polystep command is.

    Raises:
        OSError: The folder cannot be written; `package.json` is written last.
    """
    for name, content in plan.added.items():
        place = project / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:  # never over a file that came meanwhile
            file.write(content)
        if content.startswith(b"#!"):
            place.chmod(place.stat().st_mode | 0o111)
    if plan.package_after is not None:
        _replace((project / PACKAGE).resolve(), plan.package_after.encode())
    if command is not None and plan.needs_npm:
        write_private(project_home(project) / "command", f"{command}\n".encode())


def _with_launcher(text: str, package: Any, project: Path) -> tuple[str, str | None]:
    """Return the text of `package.json` with what it lacks, and the folder for the launcher when that is missing."""
    scripts = package.get("scripts", {})
    text = add_members(text, "scripts", {name: line for name, line in _SCRIPTS.items() if name not in scripts})
    if any(LAUNCHER in package.get(kind, {}) for kind in _DEPENDENCIES):
        return text, None
    folder = next((name for name in _FOLDERS if not (project / name).exists() or _is_launcher(project / name)), None)
    if folder is None:
        raise CreateRefused(f"{project} already holds {' and '.join(_FOLDERS)}. Move one of them away.")
    return add_members(text, "devDependencies", {LAUNCHER: f"file:{folder}"}), folder


def _launcher(project: Path, folder: str, *, motia: bool) -> dict[str, bytes]:
    files = launcher_files(motia=motia)
    return {f"{folder}/{name}": text for name, text in files.items() if not (project / folder / name).exists()}


def _is_launcher(folder: Path) -> bool:
    try:
        package = json.loads((folder / PACKAGE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(package, dict) and package.get("name") == LAUNCHER


def _calls_motia(package: Any) -> bool:
    return any(isinstance(line, str) and _MOTIA.search(line) for line in package.get("scripts", {}).values())


def _advice(package: Any, project: Path, sources: Iterable[SourceFile]) -> Iterator[str]:
    named = {name for kind in _DEPENDENCIES for name in package.get(kind, {})}
    surplus = sorted(
        name
        for name in named
        if name == "motia" or (name.startswith("@motiadev/") and not name.startswith("@motiadev/stream-client"))
    )
    if surplus:
        yield f"polystep needs none of Motia's packages; to remove them: npm uninstall {' '.join(surplus)}"
    for name in ("postinstall", "prepare"):
        if _MOTIA.search(str(package.get("scripts", {}).get(name, ""))):
            yield (
                f'The script "{name}" calls motia. polystep installs Python packages when it starts; to remove it: '
                f"npm pkg delete scripts.{name}"
            )
    for name, what in (("python_modules", "Motia's Python environment"), (".motia", "Motia's compiled steps")):
        if (project / name).is_dir():
            yield f"{name}/ is {what}; polystep does not use it, and it may be deleted."
    yield from _missing(named, project, list(sources))


def _missing(named: set[str], project: Path, sources: list[SourceFile]) -> Iterator[str]:
    """Packages that steps import and nothing names: with Motia's own they came by themselves."""
    lists = "".join(_text(project / name) for name in ("requirements.txt", "pyproject.toml"))
    node = _imported(project, (s for s in sources if s.language in _NODE_LANGUAGES), r"""from\s+['"]({})(?:/|['"])""")
    python = _imported(project, (s for s in sources if s.language == "python"), r"^\s*(?:import|from)\s+({})\b")
    for name in _CAME_WITH_MOTIA["node"]:
        if name in node and name not in named:
            yield f"Steps import {name}, which {PACKAGE} does not name: npm install {name}"
    for name in _CAME_WITH_MOTIA["python"]:
        if name in python and not re.search(rf"\b{name}\b", lists):
            yield f"Steps import {name}, which requirements.txt does not name: add it there."


def _imported(project: Path, sources: Iterable[SourceFile], form: str) -> set[str]:
    names = "|".join(name for group in _CAME_WITH_MOTIA.values() for name in group)
    pattern = re.compile(form.format(names), re.MULTILINE)
    return {name for source in sources for name in pattern.findall(_text(project / source.path))}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.polystep")
    fresh.write_bytes(content)
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)


def describe_place(project: Path) -> str:
    """Say where steps belong in a folder that has none."""
    folders = " or ".join(f"{name}/" for name in SOURCE_FOLDERS)
    return f"No steps were found in {project}. Put files such as hello.step.ts or hello_step.py under {folders}."
