"""The stores of a host as one bundle, opened from settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.contracts.errors import PolystepError
from polystep.stores import SqliteFiles, open_stores
from polystep.testing import FakeClock
from tests.contract.deliveries import new


async def test_all_hosts_on_a_store_go_by_one_clock(tmp_path: Path) -> None:
    clock = FakeClock()
    files = SqliteFiles(tmp_path, "none", clock)
    assert all(files.stores(owner).clock is clock for owner in ("one", "two"))


async def test_all_go_by_the_clock_of_the_bundle(tmp_path: Path) -> None:
    clock = FakeClock()
    stores = open_stores(tmp_path, "none", clock)
    await stores.start()
    assert stores.clock is clock
    await stores.queue.enqueue([new("x")])
    (delivery,) = (await stores.queue.claim({"step": 1}, "one", clock.now_ms(), 1000)).deliveries
    await stores.stop()
    assert delivery.enqueued_at_ms == clock.now_ms()


async def test_when_one_file_cannot_be_opened_none_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "traces.db").write_text("this is no database, and long enough to be looked at by SQLite " * 20)
    stores = open_stores(tmp_path, "none", FakeClock())
    for _ in range(2):
        with pytest.raises(PolystepError, match=r"traces\.db"):
            await stores.start()
        with pytest.raises(PolystepError, match="not open"):
            await stores.state.get("g", "k")


async def test_the_files_stay_open_for_the_last_host(tmp_path: Path) -> None:
    files = SqliteFiles(tmp_path, "none", FakeClock())
    one, two = files.stores("one"), files.stores("two")
    await one.start()
    await two.start()
    await one.state.set("g", "k", b"1")
    await one.stop()
    await one.stop()
    assert await two.state.get("g", "k") == b"1"
    await two.stop()
    with pytest.raises(PolystepError, match="not open"):
        await two.state.get("g", "k")
