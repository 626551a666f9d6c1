from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.bus.harness import BusHarness, open_harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[BusHarness]:
    async with open_harness(tmp_path) as opened:
        yield opened
