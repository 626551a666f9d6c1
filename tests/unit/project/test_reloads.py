"""Loads of each language: by themselves, together what comes meanwhile, again after a pause when a runner fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from polystep.contracts.errors import HostStopping
from polystep.project.reloads import RETRY_PAUSES_S, Reloads
from polystep.testing import FakeClock
from tests.patience import HANG_S


class Loads:
    """What was loaded, and how it ends."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.begun: list[tuple[str, list[str]]] = []
        self.ends: dict[str, bool | Exception] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.reloads = Reloads(self.load, self.clock)

    async def load(self, name: str, changed: frozenset[str]) -> bool:
        self.begun.append((name, sorted(changed)))
        if name in self.gates:
            await self.gates[name].wait()
        end = self.ends.get(name, True)
        if isinstance(end, Exception):
            raise end
        return end

    async def ask(self, *names: str, changed: str = "") -> None:
        async with asyncio.timeout(HANG_S):
            await self.reloads.ask(names, frozenset(changed))


@pytest.fixture
async def loads() -> AsyncIterator[Loads]:
    made = Loads()
    await made.reloads.start(["a", "b"])
    yield made
    await made.reloads.stop()


async def test_one_that_hangs_keeps_no_other_waiting_and_what_is_asked_meanwhile_is_loaded_together(
    loads: Loads,
) -> None:
    loads.gates["a"] = asyncio.Event()
    first = loads.reloads.ask(["a"], frozenset("1"))
    await loads.clock.settle()
    second, third = loads.reloads.ask(["a"], frozenset("2")), loads.reloads.ask(["a"], frozenset("3"))
    await loads.ask("b", changed="4")
    assert (loads.begun, first.done()) == ([("a", ["1"]), ("b", ["4"])], False)
    loads.gates["a"].set()
    async with asyncio.timeout(HANG_S):
        await asyncio.gather(first, second, third)
    assert loads.begun[2:] == [("a", ["2", "3"])]


async def test_a_runner_that_does_not_start_is_tried_again_after_pauses_that_grow(loads: Loads) -> None:
    loads.ends["a"] = False
    await loads.ask("a")
    for count, pause_s in enumerate((*RETRY_PAUSES_S, RETRY_PAUSES_S[-1]), start=1):
        await loads.clock.advance(pause_s - 0.5)
        assert len(loads.begun) == count
        await loads.clock.advance(0.5)
        assert len(loads.begun) == count + 1
    # A save does not wait for the pause, and one that starts ends the tries.
    loads.ends["a"] = True
    await loads.ask("a", changed="1")
    tries = len(loads.begun)
    await loads.clock.advance(600)
    assert len(loads.begun) == tries


async def test_a_load_that_fails_in_the_host_is_told_and_is_not_the_last(
    loads: Loads, caplog: pytest.LogCaptureFixture
) -> None:
    loads.ends["a"] = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        await loads.ask("a")
    assert "Loading the a steps failed" in caplog.text
    loads.ends["a"] = True
    await loads.ask("a")


async def test_a_stop_ends_those_who_wait(loads: Loads) -> None:
    loads.gates["a"] = asyncio.Event()
    loads.ends["b"] = HostStopping("stopping")
    waiting = loads.reloads.ask(["a"], frozenset())
    with pytest.raises(HostStopping):
        await loads.ask("b")
    await loads.reloads.stop()
    await loads.reloads.stop()
    with pytest.raises(asyncio.CancelledError):
        await waiting
