"""Several hosts on one store: changes of stream items reach the subscribers of every host, in one order."""

from __future__ import annotations

import asyncio
import random

from polystep.contracts.steps import SourceFile, StreamSpec
from polystep.streams import Streams
from polystep.testing import StreamListener
from tests.contract.sharing import Sharing

SPEC = StreamSpec("s", SourceFile("s.stream.ts", "stream", "typescript", "node"))


async def listening(sharing: Sharing, owner: str, group: str = "g") -> tuple[Streams, StreamListener]:
    """Add a host with one subscriber."""
    streams, listener = (await sharing.host(owner)).streams, StreamListener()
    streams.replace({"s": SPEC})
    streams.subscribe(listener, "s", group, None)
    return streams, listener


async def test_every_host_tells_its_subscribers_the_same(sharing: Sharing) -> None:
    one, here = await listening(sharing, "one")
    two, there = await listening(sharing, "two")
    await one.set("s", "g", "i", {"n": 1})
    await two.set("s", "g", "i", {"n": 2})
    await two.delete("s", "g", "i")
    one.send("s", "g", None, {"type": "ping"})
    await sharing.quiet()
    assert here.seen == [("create", "g", "i"), ("update", "g", "i"), ("delete", "g", "i"), ("event", "g", None)]
    assert here.changes == there.changes
    assert [change.data["n"] for change in here.changes[:3] if isinstance(change.data, dict)] == [1, 2, 2]


async def test_timestamps_grow_over_hosts(sharing: Sharing) -> None:
    one, here = await listening(sharing, "one")
    two, there = await listening(sharing, "two")
    for turn in range(6):
        await (one, two)[turn % 2].set("s", "g", "i", {"turn": turn})
        if turn == 3:
            sharing.clock.set_by_s = -60
    await sharing.quiet()
    stamps = [change.timestamp_ms for change in there.changes]
    assert stamps == sorted(set(stamps))
    assert [change.timestamp_ms for change in here.changes] == stamps
    assert two.next_timestamp_ms() > stamps[-1]


async def test_changes_come_in_the_order_of_their_commits(sharing: Sharing) -> None:
    chance = random.Random(7)
    one, here = await listening(sharing, "one")
    two, there = await listening(sharing, "two")
    for burst in range(20):
        await asyncio.gather(
            *(chance.choice((one, two)).set("s", "g", "i", {"n": burst * 10 + number}) for number in range(10))
        )
    await sharing.quiet()
    assert here.changes == there.changes
    last = here.changes[-1].data
    assert isinstance(last, dict)
    assert await two.snapshot("s", "g", "i") == last
    assert len(here.changes) == 200


async def test_a_write_is_answered_after_its_own_subscribers_have_it(sharing: Sharing) -> None:
    one, here = await listening(sharing, "one")
    await one.set("s", "g", "i", {})
    assert here.seen == [("create", "g", "i")]


async def test_subscribers_of_another_group_get_nothing(sharing: Sharing) -> None:
    one, _ = await listening(sharing, "one")
    _, elsewhere = await listening(sharing, "two", "h")
    await one.set("s", "g", "i", {})
    await one.set("s", "h", "i", {})
    await sharing.quiet()
    assert [change.group for change in elsewhere.changes] == ["h"]


async def test_a_host_that_has_stopped_is_told_nothing(sharing: Sharing) -> None:
    one, here = await listening(sharing, "one")
    _, there = await listening(sharing, "two")
    await sharing.hosts[1].stores.stop()
    await one.set("s", "g", "i", {})
    assert (len(here.changes), there.changes) == (1, [])
