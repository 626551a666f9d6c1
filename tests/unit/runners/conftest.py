"""A project of scripted files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.runners.scripted import Script


@pytest.fixture
async def script(tmp_path: Path) -> Script:
    return Script(tmp_path.resolve())
