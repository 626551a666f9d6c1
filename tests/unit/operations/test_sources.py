"""Text of a step's file, and the feature cards beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polystep.operations import ProjectAdmin
from polystep.operations.sources import SOURCE_CHARS_MAX
from tests.unit.execution.rooms import Rooms
from tests.unit.execution.rooms import rooms as make_rooms
from tests.unit.operations.test_admin import API, EVENT, Admin, rooms_of


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    (tmp_path / "rooms").mkdir()
    async with make_rooms(tmp_path / "rooms", API, EVENT) as built:
        yield built


@pytest.fixture
def admin(rooms: Rooms, tmp_path: Path) -> Admin:
    found = rooms_of(rooms)
    (tmp_path / "steps").mkdir()
    return Admin(ProjectAdmin(dataclasses.replace(found, place=dataclasses.replace(found.place, root=tmp_path))))


async def test_a_step_without_cards_has_its_text_alone(admin: Admin, tmp_path: Path) -> None:
    assert await admin("step_source", step="A") is None
    (tmp_path / "steps/a.step.ts").write_text("one\ntwo\n")
    assert await admin("step_source", step="A") == {
        **{"step": "A", "file": "steps/a.step.ts", "language": "typescript", "text": "one\ntwo\n", "cut": False},
        "features": None,
    }
    assert await admin("step_source", step="none") is None


async def test_cards_come_with_the_text_and_with_what_is_wrong_about_them(admin: Admin, tmp_path: Path) -> None:
    (tmp_path / "steps/a.step.ts").write_text("one\ntwo")
    file = tmp_path / "steps/a.step.ts-features.json"
    file.write_text('[{"id": "i", "title": "T", "description": "D", "lines": ["1-2", "3"], "link": "javascript:x"}]')
    found = await admin("step_source", step="A")
    assert found is not None
    assert found["features"] == {
        "file": "steps/a.step.ts-features.json",
        "cards": [
            {
                **{"id": "i", "title": "T", "description": "D", "link": "javascript:x"},
                "lines": [{"first": 1, "last": 2}, {"first": 3, "last": 3}],
            }
        ],
        "problems": ['Card 1, "T", is about line 3, and the file has 2.'],
    }


async def test_a_file_that_is_cut_has_lines_that_nobody_counts(admin: Admin, tmp_path: Path) -> None:
    (tmp_path / "steps/a.step.ts").write_text("x" * (SOURCE_CHARS_MAX + 1))
    (tmp_path / "steps/a.step.ts-features.json").write_text('[{"title": "T", "lines": ["9"]}]')
    found = await admin("step_source", step="A")
    assert found is not None
    assert (found["cut"], found["features"]["problems"]) == (True, [])  # type: ignore[index,call-overload]
