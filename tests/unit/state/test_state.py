"""What handlers do with state, on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polystep.contracts.errors import InvalidValue
from polystep.contracts.values import JSONValue
from polystep.state import State
from polystep.stores import SqliteStateStore, open_durable

VALUES: list[JSONValue] = [
    True, 0, -1.5, 2**53 - 1, "", "тест", b"\x00\xff", [], {}, {"list": [1, {"deep": None}]}, {"": ""},
]  # fmt: skip


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    database = open_durable(tmp_path / "polystep.db", "none")
    await database.start()
    async with asyncio.timeout(5):
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
    assert await state.get_group("group") == [{"was": "a"}, {"was": "b"}, {"was": "c"}]
    assert list((await state.items("group")).items()) == [(key, {"was": key}) for key in "abc"]


async def test_clear_and_delete_say_what_they_removed(state: State) -> None:
    await state.set("group", "a", 1)
    await state.set("group", "b", 2)
    await state.set("other", "a", 3)
    assert (await state.delete("group", "a"), await state.delete("group", "a")) == (1, None)
    assert (await state.clear("group"), await state.clear("group")) == (1, 0)
    assert (await state.groups(), await state.get_group("group")) == ([("other", 1)], [])


async def test_a_value_that_cannot_be_carried_writes_nothing(state: State) -> None:
    await state.set("group", "key", "before")
    with pytest.raises(InvalidValue):
        await state.set("group", "key", {1, 2})  # type: ignore[arg-type]
    assert await state.get("group", "key") == "before"
