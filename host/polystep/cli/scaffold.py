"""Files of a new project: those of each template, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from polystep.app import first_type_files
from polystep.cli.recipe import LAUNCHER, PACKAGE_NAMES, Language, Recipe, Template
from polystep.contracts.private import private_folder, write_private

_TEMPLATES: Final = Path(__file__).parent / "templates"
_NAME_CHARS_MAX: Final = 214  # npm's limit
_NAME_IF_EMPTY: Final = "polystep-app"
_MADE_BY_TOOLS: Final = {"__pycache__", "node_modules", ".mypy_cache", ".ruff_cache"}
_SHOWN_MAX: Final = 5

_KEPT: Final = ".polystep"
"""Folder of a project that polystep writes to: for its user alone."""


class CreateRefused(ValueError):
    """Refusal to make a project; the message says why and what to do."""


def package_name(folder: str) -> str:
    """Return the nearest name that npm accepts: lower case, digits and `-._`, unlike every package it depends on."""
    plain = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")[:_NAME_CHARS_MAX].rstrip("-._")
    taken = name == "node_modules" or name in PACKAGE_NAMES
    return f"{name}-app" if taken else name or _NAME_IF_EMPTY


def project_files(recipe: Recipe, name: str, command: Path | None) -> dict[str, bytes]:
    """Return every file of a new project by its path in it, with forward slashes.

    Args:
        recipe: What it starts with.
        name: The name in `package.json`, see `package_name`.
        command: The polystep command that its launcher tries before PATH; `None` leaves that to PATH.

    Raises:
        CreateRefused: The installed polystep lacks the template's files.
    """
    files: dict[str, bytes] = {}
    for folder in recipe.folders:
        files |= _read_folder(_TEMPLATES / folder)
    if recipe.template is Template.TICKET_TRIAGE:
        files |= {f"steps/{path}": content for path, content in _read_folder(_sample_steps()).items()}
    files |= _texts(recipe, name)
    files["package.json"] = _package_json(recipe, name)
    if not recipe.has_node:
        del files["tsconfig.json"]
    if recipe.language is Language.JS:
        files["tsconfig.json"] = files["tsconfig.json"].replace(
            b'"allowJs": true', b'"allowJs": true,\n    "checkJs": true'
        )
    # Steps can be loaded and 'motia' is known from the beginning; the first load fills in what the steps declare.
    files |= {
        path: text.encode() for path, text in first_type_files().items() if recipe.has_node or path != "types.d.ts"
    }
    if command is not None:
        files[f"{_KEPT}/command"] = f"{command}\n".encode()
    return dict(sorted(files.items()))


def _texts(recipe: Recipe, name: str) -> dict[str, bytes]:
    """Fill in the pages for people and for coding agents."""
    intro = (_TEMPLATES / "shared" / "README.md").read_text("utf-8")
    about = (_TEMPLATES / recipe.readme / "README.md").read_text("utf-8")
    agents = (_TEMPLATES / "shared" / "AGENTS.md").read_text("utf-8")
    words = {"name": name, **recipe.texts}
    return {
        path: re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), text).encode()
        for path, text in (("README.md", intro + about), ("AGENTS.md", agents))
    }


def launcher_files(*, motia: bool) -> dict[str, bytes]:
    """Return the launcher for a project that is there already, by file name.

    Args:
        motia: Whether it also answers to the name `motia`, for npm scripts that were written for Motia.
    """
    files = _read_folder(_TEMPLATES / "shared" / "launcher")
    if motia:
        files |= _read_folder(_TEMPLATES / "init" / "launcher")
        package = json.loads(files["package.json"])
        package["bin"]["motia"] = "motia.mjs"
        files["package.json"] = (json.dumps(package, indent=2) + "\n").encode()
    return files


def new_package_json(name: str) -> bytes:
    """Return the `package.json` of a folder that has steps and no such file."""
    content = {
        "name": name,
        "version": "0.1.0",
        "private": True,
        "scripts": {"dev": "polystep dev", "start": "polystep start"},
        "devDependencies": {LAUNCHER: "file:launcher"},
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def write_project(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a project into a folder that is new, or that exists and has room for it.

    The files are written beside their place first and moved when all of them exist; a failure leaves nothing behind.

    Raises:
        CreateRefused: The place is taken or cannot be written.
    """
    try:
        if target.exists():
            _fill(target, files)
        else:
            _make(target, files)
    except OSError as error:
        raise CreateRefused(
            f"The project could not be written to {target}: {error.strerror or error}. Nothing was left behind."
        ) from error


def check_place(target: Path, files: Mapping[str, bytes]) -> None:
    """Find out that a place is taken before anything is written.

    The current folder may hold other files; every other folder must be new or empty.

    Raises:
        CreateRefused: It is taken; the message names what is in the way.
    """
    if target.is_symlink() and not target.exists():
        raise CreateRefused(f"{target} is a link that leads nowhere. Choose another name.")
    if not target.exists():
        if not target.parent.is_dir():
            raise CreateRefused(f"The folder {target.parent} does not exist. Make it first, or choose another place.")
        return
    if not target.is_dir():
        raise CreateRefused(f"{target} is a file. Choose another name.")
    present = {entry.name for entry in target.iterdir()}
    if target.resolve() == Path.cwd():
        in_the_way = sorted(present & {path.split("/")[0] for path in files})
        advice = (
            "Move them away, or create the project in a folder of its own: polystep create my-app. "
            "To run a project that is there already: polystep init"
        )
    else:
        in_the_way = sorted(present)
        advice = "Choose another name, or empty the folder first."
    if in_the_way:
        shown = ", ".join(in_the_way[:_SHOWN_MAX]) + (", …" if len(in_the_way) > _SHOWN_MAX else "")
        raise CreateRefused(f"{target.resolve()} already holds {shown}. {advice}")


def _make(target: Path, files: Mapping[str, bytes]) -> None:
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write_all(staging, files)
        staging.chmod(0o777 & ~_umask())  # mkdtemp makes folders that nobody else may read
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _fill(target: Path, files: Mapping[str, bytes]) -> None:
    staging = Path(tempfile.mkdtemp(prefix=".polystep-create-", dir=target))
    moved: list[Path] = []
    try:
        _write_all(staging, files)
        for entry in sorted(staging.iterdir()):
            place = target / entry.name
            entry.rename(place)
            moved.append(place)
    except BaseException:
        for place in moved:
            if place.is_dir():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        place = folder / path
        if path.startswith(f"{_KEPT}/"):
            private_folder(place.parent)
            write_private(place, content)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if content.startswith(b"#!"):
            place.chmod(place.stat().st_mode | 0o111)


def _read_folder(folder: Path) -> dict[str, bytes]:
    """Files by relative path; a leading `dot.` stands for the dot that would hide the file here."""
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not _MADE_BY_TOOLS & set(inside.parts):
            name = re.sub(r"^dot\.", ".", inside.name)
            files[inside.with_name(name).as_posix()] = path.read_bytes()
    return files


def _sample_steps() -> Path:
    """Return the folder of the ticket-triage steps: beside the package in a wheel, in the root of a checkout."""
    package = Path(__file__).resolve().parents[1]
    places = [package / "_templates" / Template.TICKET_TRIAGE / "steps", package.parents[1] / "steps"]
    for place in places:
        if (place / "submit-ticket.step.ts").is_file():
            return place
    raise CreateRefused(
        f'The steps of the template "{Template.TICKET_TRIAGE}" are missing from this installation. '
        "Install polystep again from its wheel, or choose another template."
    )


def _package_json(recipe: Recipe, name: str) -> bytes:
    content: dict[str, object] = {
        "name": name,
        "version": "0.1.0",
        "private": True,
        "type": "module",
        "engines": {"node": ">=20"},
        "scripts": recipe.scripts,
        "dependencies": recipe.packages,
        "devDependencies": recipe.dev_packages,
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
