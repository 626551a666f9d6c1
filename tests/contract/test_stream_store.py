"""What every stream store must do; see `StreamStore`."""

import asyncio

from polystep.contracts.ports import StreamStore


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
    assert await streams.items("stream", "group") == [("z", b"4", 1000), ("a", b"2", 2000), ("m", b"3", 3000)]


async def test_items_made_in_the_same_millisecond_keep_the_order_of_their_writes(streams: StreamStore) -> None:
    names = ["z", "b", "a", "y", "c"]
    for name in names:
        await streams.set("stream", "group", name, b"", 1000)
    assert await streams.items("stream", "group") == [(name, b"", 1000) for name in names]


async def test_a_group_that_is_not_there_is_empty(streams: StreamStore) -> None:
    await streams.set("stream", "group", "id", b"", 1000)
    assert await streams.items("stream", "grou") == []


async def test_of_concurrent_first_writes_one_creates(streams: StreamStore) -> None:
    answers = await asyncio.gather(
        *(streams.set("stream", "group", "id", str(number).encode(), 1000 + number) for number in range(20))
    )
    assert answers == [(True, 1000), *[(False, 1000)] * 19]
    assert await streams.get("stream", "group", "id") == (b"19", 1000)
