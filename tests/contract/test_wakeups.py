"""What every store must do with calls between its hosts; see `Wakeups`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from tests.contract.sharing import Sharing, SharingHost


class Heard:
    """Calls that a host hears."""

    def __init__(self, host: SharingHost) -> None:
        self.due: set[str] = set()
        self.freed: set[str] = set()
        self._more = asyncio.Event()
        host.queue.wakeups.listen(self._hear)

    def _hear(self, due: Collection[str], freed: Collection[str]) -> None:
        self.due |= {*due}
        self.freed |= {*freed}
        self._more.set()

    async def until(self, *, due: Collection[str] = (), freed: Collection[str] = ()) -> None:
        while not (self.due >= {*due} and self.freed >= {*freed}):
            await self._more.wait()
            self._more.clear()


async def met(host: SharingHost) -> None:
    """Return when a host knows of others; from then on it hears them."""
    while not host.queue.wakeups.has_peers:  # noqa: ASYNC110 - an attribute, of which nobody tells
        await asyncio.sleep(0)


async def two_hosts(sharing: Sharing) -> tuple[SharingHost, SharingHost, Heard, Heard]:
    """Two hosts that know of each other."""
    one, two = [await sharing.host(name) for name in ("one", "two")]
    heard = Heard(one), Heard(two)
    for host in (one, two):
        await met(host)
    return one, two, *heard


async def test_a_call_reaches_the_other_host_and_not_the_caller(sharing: Sharing) -> None:
    one, two, at_one, at_two = await two_hosts(sharing)
    one.queue.wakeups.announce(due=["a", "b"], freed=["c"])
    await at_two.until(due=["a", "b"], freed=["c"])
    two.queue.wakeups.announce(due=["back"])
    await at_one.until(due=["back"])
    assert (at_one.due, at_one.freed) == ({"back"}, set())
    assert (at_two.due, at_two.freed) == ({"a", "b"}, {"c"})


async def test_many_calls_arrive_whatever_steps_are_named(sharing: Sharing) -> None:
    one, _, _, at_two = await two_hosts(sharing)
    steps = {f"step {number} " + "x" * 100 for number in range(300)} | {'"', "\\", "\0", "шаг"}
    for step in steps:
        one.queue.wakeups.announce(due=[step])
    await at_two.until(due=steps)
    assert (at_two.due, at_two.freed) == (steps, set())


async def test_a_host_that_is_alone_has_no_peers(sharing: Sharing) -> None:
    one = await sharing.host("one")
    Heard(one)
    assert not one.queue.wakeups.has_peers
    one.queue.wakeups.announce(due=["a"])


async def test_who_has_closed_hears_nothing(sharing: Sharing) -> None:
    one, two, at_one, at_two = await two_hosts(sharing)
    three = await sharing.host("three")
    at_three = Heard(three)
    await met(three)
    two.queue.wakeups.close()
    two.queue.wakeups.close()
    one.queue.wakeups.announce(due=["a"])
    await at_three.until(due=["a"])
    await sharing.quiet()
    assert (at_one.due, at_two.due) == (set(), set())
