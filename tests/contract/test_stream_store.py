"""What every stream store must do; see `StreamStore`."""

import asyncio

import pytest

from polystep.contracts.errors import InvalidParams
from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.stores import StreamStore
from tests.contract.groups import LARGE, stream_items


async def test_a_first_write_creates_and_a_second_keeps_the_time(streams: StreamStore) -> None:
    assert await streams.set("stream", "group", "id", b"one", 1000) == (True, 1000)
    assert await streams.set("stream", "group", "id", b"two", 2000) == (False, 1000)
    assert await streams.get("stream", "group", "id") == (b"two", 1000)


async def test_an_item_made_again_after_its_removal_is_new(streams: StreamStore) -> None:
    await streams.set("stream", "group", "id", b"one", 1000)
    assert await streams.delete("stream", "group", "id") == (b"one", 1000)
    assert await streams.set("stream", "group", "id", b"two", 2000) == (True, 2000)


async def test_delete_of_a_missing_item_is_none(streams: StreamStore) -> None:
    assert await streams.delete("stream", "group", "id") is None


async def test_a_missing_item_is_none(streams: StreamStore) -> None:
    await streams.set("stream", "group", "id", b"one", 1000)
    others = [("stream", "group", "x"), ("stream", "x", "id"), ("x", "group", "id")]
    assert [await streams.get(*other) for other in others] == [None, None, None]


async def test_the_same_id_in_other_groups_and_streams_is_another_item(streams: StreamStore) -> None:
    places = [("s", "g", "i"), ("s", "g2", "i"), ("s2", "g", "i"), ("s:g", "", "i"), ("s", ":g", "i"), ("s", "*", "i")]
    for number, place in enumerate(places):
        await streams.set(*place, str(number).encode(), number)
    assert [await streams.get(*place) for place in places] == [
        (str(number).encode(), number) for number in range(len(places))
    ]


async def test_a_group_comes_oldest_first_whatever_was_updated_since(streams: StreamStore) -> None:
    await streams.set("stream", "group", "z", b"1", 1000)
    await streams.set("stream", "group", "a", b"2", 2000)
    await streams.set("stream", "group", "m", b"3", 3000)
    await streams.set("stream", "group", "z", b"4", 4000)
    assert await stream_items(streams, "stream", "group") == [("z", b"4", 1000), ("a", b"2", 2000), ("m", b"3", 3000)]


async def test_items_made_in_the_same_millisecond_keep_the_order_of_their_writes(streams: StreamStore) -> None:
    names = ["z", "b", "a", "y", "c"]
    for name in names:
        await streams.set("stream", "group", name, b"", 1000)
    assert await stream_items(streams, "stream", "group") == [(name, b"", 1000) for name in names]


async def test_a_group_that_is_not_there_is_empty(streams: StreamStore) -> None:
    await streams.set("stream", "group", "id", b"", 1000)
    assert await stream_items(streams, "stream", "grou") == []


async def test_of_concurrent_first_writes_one_creates(streams: StreamStore) -> None:
    answers = await asyncio.gather(
        *(streams.set("stream", "group", "id", str(number).encode(), 1000 + number) for number in range(20))
    )
    assert answers == [(True, 1000), *[(False, 1000)] * 19]
    assert await streams.get("stream", "group", "id") == (b"19", 1000)


@pytest.mark.parametrize("entries_max", [1, 2, 3, 100])
async def test_pages_together_are_the_group_oldest_first(streams: StreamStore, entries_max: int) -> None:
    made = [("z", 1000), ("b", 1000), ("a", 1000), ("y", 500), ("c", 2000), ("", -5)]
    for id, now_ms in made:
        await streams.set("stream", "group", id, id.encode(), now_ms)
        await streams.set("stream", "other", id, b"", now_ms)
    expected = [(id, id.encode(), now_ms) for id, now_ms in sorted(made, key=lambda each: each[1])]
    assert await stream_items(streams, "stream", "group", PageBounds(entries_max, 1 << 20)) == expected


async def test_an_item_that_stays_is_read_once_while_others_come_and_go(streams: StreamStore) -> None:
    for id in "dbca":
        await streams.set("stream", "group", id, b"1", 1000)
    found, cursor = await streams.page("stream", "group", None, PageBounds(2, 1 << 20))
    await streams.delete("stream", "group", "b")
    await streams.set("stream", "group", "d", b"2", 3000)
    await streams.set("stream", "group", "new", b"3", 3000)
    more, end = await streams.page("stream", "group", cursor, PageBounds(10, 1 << 20))
    assert [id for id, _, _ in found] == ["d", "b"]
    assert (more, end) == ([("c", b"1", 1000), ("a", b"1", 1000), ("new", b"3", 3000)], None)


async def test_a_page_of_ids_has_no_values(streams: StreamStore) -> None:
    await streams.set("stream", "group", "a", b"1" * 1000, 1)
    await streams.set("stream", "group", "b", b"1" * 1000, 2)
    page = await streams.page("stream", "group", None, PageBounds(10, 1500), ids_only=True)
    assert page == ([("a", b"", 1), ("b", b"", 2)], None)


@pytest.mark.parametrize("cursor", ["", "k", "1", "1.", "1.2.3", "1.x", "9" * 30 + ".1"])
async def test_what_is_no_cursor_is_refused(streams: StreamStore, cursor: str) -> None:
    with pytest.raises(InvalidParams, match="not a cursor of a stream"):
        await streams.page("stream", "group", cursor, LARGE)


async def test_a_name_that_is_too_long_is_refused_and_one_that_just_fits_is_not(streams: StreamStore) -> None:
    longest = "é" * 512
    await streams.set("s" * 512, longest, longest, b"1", 1)
    assert await streams.get("s" * 512, longest, longest) == (b"1", 1)
    for names in (("s" * 513, "g", "i"), ("s", longest + "x", "i"), ("s", "g", longest + "x")):
        with pytest.raises(InvalidParams, match="and a name has at most"):
            await streams.set(*names, b"1", 1)
        assert await streams.get(*names) is None
