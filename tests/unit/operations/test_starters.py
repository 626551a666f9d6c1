"""The first steps of an empty project: written into its steps folder and nowhere else, and over nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polystep.contracts.operations import OperationRefused
from polystep.contracts.steps import Flow
from polystep.operations import Rooms as ProjectRooms
from polystep.operations import starters as operations
from polystep.operations.operation import NoParams
from polystep.operations.starter_texts import STARTERS
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.test_admin import EVENT, admin_of, rooms_of


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[ProjectRooms]:
    project = tmp_path / "project"
    project.mkdir()
    async with make_rooms(tmp_path, EVENT) as built:
        rooms = rooms_of(built, flow=Flow({}, {}))
        yield replace(rooms, place=replace(rooms.place, root=project))


async def _create(rooms: ProjectRooms, language: Any) -> list[str]:
    return (await operations.create_starter(rooms, operations.StarterParams(language=language))).files


@pytest.mark.parametrize("language", list(STARTERS))
async def test_both_files_of_a_language_are_written_and_named(rooms: ProjectRooms, language: str) -> None:
    listed = await operations.starters(rooms, NoParams())
    assert listed.folder == str(rooms.place.root.resolve() / "steps")
    assert not (rooms.place.root / "steps").exists()  # a read writes nothing
    files = await _create(rooms, language)
    listed = await operations.starters(rooms, NoParams())
    (found,) = [each for each in listed.starters if each.language == language]
    assert [each.file for each in found.files] == files
    assert all(each.exists and (rooms.place.root / each.file).read_text() == each.text for each in found.files)


@pytest.mark.parametrize("at", [0, 1])
async def test_a_file_that_is_there_is_not_overwritten_and_no_other_is_written(rooms: ProjectRooms, at: int) -> None:
    folder = rooms.place.root / "steps"
    folder.mkdir()
    (folder / list(STARTERS["python"])[at]).write_text("mine")
    with pytest.raises(OperationRefused, match="nothing was written"):
        await _create(rooms, "python")
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


async def test_no_link_leads_out_of_the_project(rooms: ProjectRooms, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = rooms.place.root / "steps"
    folder.symlink_to(outside)
    with pytest.raises(OperationRefused, match="is a link"):
        await _create(rooms, "python")
    folder.unlink()
    folder.mkdir()
    (folder / "hello_step.py").symlink_to(outside / "new.py")
    with pytest.raises(OperationRefused, match="exists"):
        await _create(rooms, "python")
    assert list(outside.iterdir()) == []


async def test_a_step_of_that_name_elsewhere_is_named(tmp_path: Path) -> None:
    async with make_rooms(tmp_path, EVENT) as built:
        admin = admin_of(built, flow=Flow({"Hello": replace(EVENT, name="Hello")}, {}))
        with pytest.raises(OperationRefused, match=r"Hello in steps/e\.step\.ts"):
            await admin("create_starter", language="python")


async def test_another_language_is_refused(tmp_path: Path) -> None:
    async with make_rooms(tmp_path, EVENT) as built:
        with pytest.raises(OperationRefused, match="give one of typescript"):
            await admin_of(built)("create_starter", language="../../etc")
