"""Streams: stored first, then told once to everyone who listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from polystep.contracts.errors import InvalidParams, StreamNotFound
from polystep.contracts.events import StreamChange
from polystep.contracts.pages import PageQuery
from polystep.contracts.ports.streams import StreamHub
from polystep.contracts.steps import SourceFile, StreamSpec
from polystep.contracts.values import JSONValue
from polystep.stores import SqliteChanges, SqliteStreamStore, open_durable
from polystep.streams import Streams
from polystep.testing import FakeClock, StreamListener
from polystep.wire import pack, unpack
from tests.patience import HANG_S

NOW_MS = 1_767_225_600_000


def spec(name: str) -> StreamSpec:
    return StreamSpec(name, SourceFile(f"{name}.stream.ts", "stream", "typescript", "node"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW_MS)


@pytest.fixture
async def streams(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Streams]:
    database = open_durable(tmp_path / "polystep.db", "none")
    await database.start()
    made = Streams(SqliteStreamStore(database, SqliteChanges(clock)), clock)
    made.replace({name: spec(name) for name in ("s", "other")})
    async with asyncio.timeout(HANG_S):
        yield made
    await database.stop()


@pytest.fixture
def listener() -> StreamListener:
    return StreamListener()


def hub(streams: Streams) -> StreamHub:
    """The type checker holds `Streams` against the port here."""
    return streams


async def test_an_item_is_its_data_with_what_the_host_adds(streams: Streams, clock: FakeClock) -> None:
    origin = {"type": "state-stream", "streamName": "s", "groupId": "g", "id": "i"}
    expected = {"text": "one", "id": "i", "_createdAt": NOW_MS, "__motia": origin}
    assert await streams.set("s", "g", "i", {"text": "one"}) == expected
    await clock.advance(5)
    assert [await streams.get("s", "g", "i"), await group_of(streams)] == [expected, [expected]]
    assert await streams.set("s", "g", "i", {"text": "two"}) == {**expected, "text": "two"}
    assert await streams.delete("s", "g", "i") == {**expected, "text": "two"}
    assert [await streams.get("s", "g", "i"), await group_of(streams)] == [None, []]


async def group_of(streams: Streams) -> JSONValue:
    return unpack((await streams.whole("s", "g", 1 << 20)).data)


async def test_an_item_that_was_read_can_be_written_back_without_growing(streams: Streams) -> None:
    made = await streams.set("s", "g", "i", {"text": "one"})
    assert made is not None
    assert await streams.set("s", "g", "i", {**made, "id": "forged", "_createdAt": 1}) == made


async def test_each_change_is_told_with_the_whole_item(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", None)
    await streams.set("s", "g", "i", {"n": 1})
    await streams.set("s", "g", "i", {"n": 2})
    await streams.delete("s", "g", "i")
    item: dict[str, JSONValue] = {"id": "i", "_createdAt": NOW_MS}
    assert listener.changes == [
        StreamChange("create", "s", "g", "i", {"n": 1, **item}, NOW_MS),
        StreamChange("update", "s", "g", "i", {"n": 2, **item}, NOW_MS + 1),
        StreamChange("delete", "s", "g", "i", {"n": 2, **item}, NOW_MS + 2),
    ]


async def test_deleting_what_is_not_there_tells_nobody(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", None)
    assert await streams.delete("s", "g", "i") is None
    assert listener.changes == []


async def test_setting_no_data_writes_and_tells_nothing(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", None)
    assert await streams.set("s", "g", "i", None) is None
    assert (await streams.get("s", "g", "i"), listener.changes) == (None, [])


@pytest.mark.parametrize("data", [1, "text", [1], True])
async def test_data_that_is_no_object_is_refused_by_name(
    streams: Streams, listener: StreamListener, data: JSONValue
) -> None:
    streams.subscribe(listener, "s", "g", None)
    with pytest.raises(InvalidParams, match=r'streams\.s\.set\("g", "i", …\) takes an object'):
        await streams.set("s", "g", "i", data)
    assert (await streams.get("s", "g", "i"), listener.changes) == (None, [])


async def test_changes_are_told_in_the_order_of_their_writes(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", None)
    await asyncio.gather(*(streams.set("s", "g", "i", {"n": number}) for number in range(50)))
    seen = [change.data["n"] for change in listener.changes if isinstance(change.data, dict)]
    times = [change.timestamp_ms for change in listener.changes]
    assert seen == list(range(50))
    assert times == list(range(NOW_MS, NOW_MS + 50))


async def test_a_subscriber_of_group_and_item_gets_one_frame(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", None)
    streams.subscribe(listener, "s", "g", "i")
    streams.subscribe(listener, "s", "g", "i")
    await streams.set("s", "g", "i", {})
    assert listener.seen == [("create", "g", "i")]


async def test_an_items_room_includes_its_group(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", "i")
    await streams.set("s", "other", "i", {})
    await streams.set("other", "g", "i", {})
    await streams.set("s", "g", "j", {})
    await streams.set("s", "g", "i", {})
    assert listener.seen == [("create", "g", "i")]


async def test_a_groups_room_hears_of_all_its_items_and_of_no_other_group(
    streams: Streams, listener: StreamListener
) -> None:
    streams.subscribe(listener, "s", "g", None)
    await streams.set("s", "g", "i", {})
    await streams.set("s", "g", "j", {})
    await streams.set("s", "g:i", "i", {})
    assert listener.seen == [("create", "g", "i"), ("create", "g", "j")]


async def test_events_go_to_a_group_or_to_one_items_room_and_are_not_stored(streams: Streams) -> None:
    of_group, of_item = StreamListener(), StreamListener()
    streams.subscribe(of_group, "s", "g", None)
    streams.subscribe(of_item, "s", "g", "i")
    streams.send("s", "g", None, {"type": "ping", "data": {"n": 1}, "extra": 1})
    streams.send("s", "g", "i", {"type": "pong"})
    to_item = StreamChange("event", "s", "g", "i", {"type": "pong", "data": None}, NOW_MS + 1)
    to_group = StreamChange("event", "s", "g", None, {"type": "ping", "data": {"n": 1}}, NOW_MS)
    assert (of_group.changes, of_item.changes) == ([to_group, to_item], [to_item])
    assert await group_of(streams) == []


@pytest.mark.parametrize("event", [{}, {"type": 1}, {"data": {}}])
async def test_an_event_without_a_type_is_refused(
    streams: Streams, listener: StreamListener, event: dict[str, JSONValue]
) -> None:
    streams.subscribe(listener, "s", "g", None)
    with pytest.raises(InvalidParams, match="event needs a text `type`"):
        streams.send("s", "g", None, event)
    assert listener.changes == []


async def test_leaving_a_room_leaves_the_others(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", None)
    streams.subscribe(listener, "s", "g", "i")
    streams.unsubscribe(listener, "s", "g", None)
    streams.unsubscribe(listener, "s", "never joined", None)
    await streams.set("s", "g", "i", {})
    await streams.set("s", "g", "j", {})
    assert listener.seen == [("create", "g", "i")]


async def test_a_client_that_has_gone_is_told_nothing_and_leaves_nothing_behind(streams: Streams) -> None:
    gone, stays = StreamListener(), StreamListener()
    for listener in (gone, stays):
        streams.subscribe(listener, "s", "g", None)
        streams.subscribe(listener, "s", "g", "i")
    streams.forget(gone)
    streams.forget(gone)
    await streams.set("s", "g", "i", {})
    assert (gone.seen, stays.seen) == ([], [("create", "g", "i")])
    streams.unsubscribe(stays, "s", "g", None)
    streams.unsubscribe(stays, "s", "g", "i")
    assert (streams._subscribers._by_subject, streams._subscribers._subjects) == ({}, {})


async def test_a_client_may_leave_while_it_is_told(streams: Streams, listener: StreamListener) -> None:
    class Leaving(StreamListener):
        def changed(self, change: StreamChange) -> None:
            super().changed(change)
            streams.forget(self)

    leaving = Leaving()
    streams.subscribe(leaving, "s", "g", None)
    streams.subscribe(listener, "s", "g", None)
    await streams.set("s", "g", "i", {})
    await streams.set("s", "g", "i", {})
    assert (len(leaving.changes), len(listener.changes)) == (1, 2)


async def test_timestamps_grow_when_the_clock_stands_still_or_goes_back(tmp_path: Path) -> None:
    times = iter([1000, 1000, 900, 100, 1005, 1005, 5000])

    class Odd(FakeClock):
        def now_ms(self) -> int:
            return next(times)

    clock = Odd()
    streams = Streams(SqliteStreamStore(open_durable(tmp_path / "unused.db"), SqliteChanges(clock)), clock)
    assert [streams.next_timestamp_ms() for _ in range(7)] == [1000, 1001, 1002, 1003, 1005, 1006, 5000]


async def test_a_snapshot_is_the_item_or_the_group_oldest_first(streams: Streams, clock: FakeClock) -> None:
    await streams.set("s", "g", "z", {"n": 1})
    await clock.advance(1)
    await streams.set("s", "g", "a", {"n": 2})
    z: dict[str, JSONValue] = {"n": 1, "id": "z", "_createdAt": NOW_MS}
    a: dict[str, JSONValue] = {"n": 2, "id": "a", "_createdAt": NOW_MS + 1000}
    assert [await hub(streams).snapshot("s", "g", id_) for id_ in ("a", "missing")] == [a, None]
    assert [[page async for page in hub(streams).pages("s", group)] for group in ("g", "empty")] == [[[z, a]], [[]]]
    first, cursor = await streams.entries("s", "g", None, 1)
    assert (first, await streams.entries("s", "g", cursor, 1)) == ([z], ([a], None))


async def test_many_items_are_decoded_and_encoded_off_the_loop(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[tuple[str, int]] = set()

    def noted(name: str, function: Any) -> Any:
        def call(*args: Any) -> Any:
            threads.add((name, threading.get_ident()))
            return function(*args)

        return call

    await asyncio.gather(*(streams.set("s", "g", str(number), {}) for number in range(300)))
    monkeypatch.setattr("polystep.streams.streams.unpack", noted("unpack", unpack))
    monkeypatch.setattr("polystep.streams.streams.pack", noted("pack", pack))
    assert [len(page) async for page in streams.pages("s", "g")] == [300]
    page = await streams.page("s", "g", PageQuery(), 1 << 20)
    assert len(cast("Any", unpack(page.data))["items"]) == 300
    assert {name for name, _ in threads} == {"pack", "unpack"}
    assert threading.get_ident() not in {thread for _, thread in threads}


async def test_no_change_falls_between_subscription_and_snapshot(streams: Streams, listener: StreamListener) -> None:
    writes = [asyncio.ensure_future(streams.set("s", "g", str(n), {})) for n in range(20)]
    await asyncio.sleep(0)
    streams.subscribe(listener, "s", "g", None)
    known = {str(item["id"]) async for page in streams.pages("s", "g") for item in page}
    await asyncio.gather(*writes)
    assert known | {str(change.id) for change in listener.changes} == {str(n) for n in range(20)}


async def test_an_unknown_stream_is_named_with_those_there_are(streams: Streams) -> None:
    message = 'There is no stream "nope". Loaded streams: other, s.'
    for call in (
        lambda: streams.get("nope", "g", "i"),
        lambda: streams.set("nope", "g", "i", {}),
        lambda: streams.delete("nope", "g", "i"),
        lambda: streams.whole("nope", "g", 1 << 20),
    ):
        with pytest.raises(StreamNotFound, match=message):
            await call()
    with pytest.raises(StreamNotFound, match=message):
        streams.send("nope", "g", None, {"type": "x"})


async def test_subscriptions_outlive_a_reload(streams: Streams, listener: StreamListener) -> None:
    streams.subscribe(listener, "s", "g", None)
    streams.replace({"s": spec("s")})
    await streams.set("s", "g", "i", {})
    assert listener.seen == [("create", "g", "i")]
