"""Short form of the crash harness: 25 kills of a real host and its runners under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.__main__ import has_ruby
from tests.crash.harness import Crash

KILLS = 25
SEED = 20260101


@pytest.mark.e2e
@pytest.mark.timeout(400)
async def test_the_promise_is_kept_over_25_kills(tmp_path: Path) -> None:
    record = await Crash(tmp_path, SEED, KILLS, has_ruby=has_ruby()).run()
    assert record.is_kept, str(record)
    assert record.kills.total() == KILLS
    assert record.accepted["work"] > 0
    assert record.recoveries_s
