"""Rooms over files of the test, and the parts of the execution room over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.execution.parts import STEP, Parts, Pool, executing
from tests.unit.execution.rooms import Rooms
from tests.unit.execution.rooms import rooms as make_rooms


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with make_rooms(tmp_path, STEP) as built:
        yield built


@pytest.fixture
def pool(rooms: Rooms) -> Pool:
    return Pool(rooms)


@pytest.fixture
def parts(rooms: Rooms, pool: Pool) -> Parts:
    return executing(rooms, pool)
