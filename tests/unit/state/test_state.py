"""What handlers do with state, on a real store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from polystep.contracts.errors import FrameTooLarge, InvalidValue
from polystep.contracts.pages import PageQuery
from polystep.contracts.values import JSONObject, JSONValue
from polystep.state import State
from polystep.stores import SqliteStateStore, open_durable
from polystep.wire import unpack
from tests.patience import HANG_S

VALUES: list[JSONValue] = [
    True, 0, -1.5, 2**53 - 1, "", "тест", b"\x00\xff", [], {}, {"list": [1, {"deep": None}]}, {"": ""},
]  # fmt: skip


async def group_of(state: State) -> JSONValue:
    return unpack((await state.whole("group", 1 << 20)).data)


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    database = open_durable(tmp_path / "polystep.db", "none")
    await database.start()
    async with asyncio.timeout(HANG_S):
        yield State(SqliteStateStore(database))
    await database.stop()


@pytest.mark.parametrize("value", VALUES)
async def test_a_value_comes_back_equal(state: State, value: JSONValue) -> None:
    await state.set("group", "key", value)
    assert (await state.get("group", "key"), await state.delete("group", "key")) == (value, value)


async def test_a_stored_null_is_told_from_a_missing_key(state: State) -> None:
    await state.set("group", "null", None)
    assert [await state.get("group", key) for key in ("null", "missing")] == [None, None]
    assert [await state.find("group", key) for key in ("null", "missing")] == [(None,), None]


async def test_a_group_is_read_in_the_order_of_its_keys(state: State) -> None:
    for key in ("b", "c", "a"):
        await state.set("group", key, {"was": key})
    assert await group_of(state) == [{"was": "a"}, {"was": "b"}, {"was": "c"}]
    first, cursor = await state.entries("group", None, 2)
    rest, end = await state.entries("group", cursor, 2)
    assert list((first | rest).items()) == [(key, {"was": key}) for key in "abc"]
    assert (len(first), end) == (2, None)


@pytest.mark.parametrize("frame_bytes", [1000, 4096, 1 << 24])
async def test_pages_fit_a_message_and_together_are_the_group(state: State, frame_bytes: int) -> None:
    expected: list[JSONValue] = []
    for number in range(300):
        value: JSONValue = {"n": number, "text": "x" * (number % 40)}
        await state.set("group", f"{number:03}", value)
        expected.append({"key": f"{number:03}", "value": value})
    found: list[JSONValue] = []
    query: PageQuery | None = PageQuery()
    while query is not None:
        page = await state.page("group", query, frame_bytes)
        assert len(page.data) <= frame_bytes
        read = unpack(page.data)
        assert isinstance(read, dict)
        found += cast("list[JSONValue]", read["items"])
        query = PageQuery(cast("str", read["cursor"])) if "cursor" in read else None
    assert found == expected


async def test_a_value_larger_than_a_message_is_refused_by_name(state: State) -> None:
    await state.set("group", "a", "small")
    await state.set("group", "b", "x" * 5000)
    await state.set("group", "c", "small")
    first = cast("JSONObject", unpack((await state.page("group", PageQuery(), 1024)).data))
    assert first["items"] == [{"key": "a", "value": "small"}]
    with pytest.raises(FrameTooLarge, match='The value of "b" in the state group "group" takes 5003 bytes') as caught:
        await state.page("group", PageQuery(cast("str", first["cursor"])), 1024)
    assert caught.value.data == {"key": "b"}
    assert unpack((await state.page("group", PageQuery(only="keys"), 1024)).data) == {"items": ["a", "b", "c"]}


async def test_a_group_that_a_runner_cannot_read_in_parts_is_refused_with_the_way(state: State) -> None:
    for number in range(30):
        await state.set("group", str(number), "x" * 100)
    with pytest.raises(FrameTooLarge, match=r"getGroup\(group, \{cursor, limit\}\)"):
        await state.whole("group", 1024)


@pytest.mark.parametrize(("count", "on_loop"), [(200, True), (201, False)])
async def test_many_values_are_decoded_off_the_loop(
    state: State, monkeypatch: pytest.MonkeyPatch, count: int, on_loop: bool
) -> None:
    threads = set()

    def noted(payload: bytes) -> JSONValue:
        threads.add(threading.get_ident())
        return unpack(payload)

    await asyncio.gather(*(state.set("group", f"{number:04}", number) for number in range(count)))
    monkeypatch.setattr("polystep.state.state.unpack", noted)
    entries, cursor = await state.entries("group", None, 1000)
    assert (len(entries), cursor, threads == {threading.get_ident()}) == (count, None, on_loop)


async def test_clear_and_delete_say_what_they_removed(state: State) -> None:
    await state.set("group", "a", 1)
    await state.set("group", "b", 2)
    await state.set("other", "a", 3)
    assert (await state.delete("group", "a"), await state.delete("group", "a")) == (1, None)
    assert (await state.clear("group"), await state.clear("group")) == (1, 0)
    assert (await state.groups(), await group_of(state)) == ([("other", 1)], [])


async def test_a_value_that_cannot_be_carried_writes_nothing(state: State) -> None:
    await state.set("group", "key", "before")
    with pytest.raises(InvalidValue):
        await state.set("group", "key", {1, 2})  # type: ignore[arg-type]
    assert await state.get("group", "key") == "before"
