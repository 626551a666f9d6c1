"""Operations on the first steps of an empty project: what they would be, and writing them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from polystep.contracts.operations import OperationRefused
from polystep.operations.operation import NoParams, Operation, Params, Result
from polystep.operations.rooms import Rooms
from polystep.operations.starter_texts import STARTERS, STEPS, Language

FOLDER: Final = "steps"


class StarterFile(Result):
    """File that `create_starter` would write."""

    file: str
    text: str
    exists: bool


class Starter(Result):
    """First steps in one language."""

    language: Language
    files: list[StarterFile]


class Starters(Result):
    """First steps in each language, and the folder that they would be written to."""

    folder: str
    starters: list[Starter]


class StarterParams(Params):
    """Choose a language."""

    language: Language


class Created(Result):
    """Files that were written, relative to the project."""

    files: list[str]


async def starters(rooms: Rooms, _: NoParams) -> Starters:
    """List the first steps that can be written into an empty project, by language, with their texts."""
    root = rooms.place.root
    return Starters(folder=str(root.resolve() / FOLDER), starters=await asyncio.to_thread(_listed, root))


async def create_starter(rooms: Rooms, params: StarterParams) -> Created:
    """Write the first steps in a language: an HTTP step, and an event step that follows it. Nothing is overwritten."""
    taken = [step for name in STEPS if (step := rooms.project.declared.steps.get(name)) is not None]
    if taken:
        where = ", ".join(f"{step.name} in {step.source.path}" for step in taken)
        raise OperationRefused(409, "Already there", f"The project has {where}.")
    files = await asyncio.to_thread(_write, rooms.place.root, STARTERS[params.language])
    return Created(files=files)


def _listed(root: Path) -> list[Starter]:
    return [
        Starter(
            language=language,
            files=[
                StarterFile(file=f"{FOLDER}/{name}", text=text, exists=_exists(root / FOLDER / name))
                for name, text in texts.items()
            ],
        )
        for language, texts in STARTERS.items()
    ]


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _write(root: Path, texts: Mapping[str, str]) -> list[str]:
    """Write all files or none.

    Raises:
        OperationRefused: One is there already, or the folder leads out of the project or cannot be written.
    """
    folder = root / FOLDER
    written: list[Path] = []
    try:
        folder.mkdir(exist_ok=True)
        if folder.resolve() != root.resolve() / FOLDER:
            raise OperationRefused(409, "Not in the project", f"{folder} is a link to {folder.resolve()}.")
        for name, text in texts.items():
            # Mode "x" creates the file: it neither overwrites one nor follows a link.
            with (folder / name).open("x", encoding="utf-8") as file:
                written.append(folder / name)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise OperationRefused(409, "Already there", f"{error.filename} exists; nothing was written.") from error
        hint = f"{folder} cannot be written: {error.strerror or error}."
        raise OperationRefused(409, "Not writable", hint) from error
    return [f"{FOLDER}/{name}" for name in texts]


OPERATIONS = (
    Operation("starters", "GET starters", NoParams, Starters, "reads", starters),
    Operation("create_starter", "POST starters/{language}", StarterParams, Created, "changes", create_starter),
)
