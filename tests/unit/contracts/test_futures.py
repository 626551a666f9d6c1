"""What follows when something is done."""

from __future__ import annotations

import asyncio

import pytest

from polystep.contracts.futures import ready, then


async def test_the_result_is_what_follows() -> None:
    assert await then(ready(20), lambda value: value + 1) == 21


async def test_a_failure_goes_to_whoever_waits_and_nothing_follows() -> None:
    failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    failed.set_exception(ValueError("no"))
    followed: list[int] = []
    with pytest.raises(ValueError, match="no"):
        await then(failed, followed.append)
    assert followed == []


async def test_a_failure_of_what_follows_goes_to_whoever_waits() -> None:
    with pytest.raises(ZeroDivisionError):
        await then(ready(0), lambda value: 1 // value)


async def test_it_follows_also_when_nobody_waits_any_more() -> None:
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    followed: list[str] = []
    then(done, followed.append).cancel()
    done.set_result("stored")
    await asyncio.sleep(0)
    assert followed == ["stored"]


async def test_what_is_cancelled_cancels_what_follows() -> None:
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    following = then(done, str.upper)
    done.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
