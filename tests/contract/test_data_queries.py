"""What every store's lists by prefix and compared writes must do; see `DataQueries`."""

from __future__ import annotations

import asyncio

import pytest

from polystep.contracts.errors import InvalidParams
from polystep.contracts.ports.inspection import DataQueries
from polystep.contracts.ports.stores import StateStore, StreamStore
from tests.contract.groups import state_items

NAMES = ["", "a", "a%", "a_", "aa", "ab", "b", "\ud7ff", "\ue000", "👩‍🚀", "\U0010ffff", "\U0010ffffx"]


@pytest.mark.parametrize("prefix", ["", "a", "a%", "b", "x", "\ud7ff", "\U0010ffff", "👩"])
async def test_names_are_found_by_their_beginning_in_order(
    state: StateStore, streams: StreamStore, queries: DataQueries, prefix: str
) -> None:
    for name in NAMES:
        await state.set(name, "key", b"1")
        await state.set("group", name, b"123")
        await streams.set("stream", name, "id", b"1", 1)
        await streams.set("other", name, "id", b"1", 1)
    expected = sorted(name for name in NAMES if name.startswith(prefix))
    groups = sorted([*expected, *(["group"] if "group".startswith(prefix) else [])])
    assert [name for name, _ in await queries.state_groups(prefix, None, 100)] == groups
    assert await queries.state_keys("group", prefix, None, 100) == [(name, 3) for name in expected]
    assert await queries.stream_groups("stream", prefix, None, 100) == [(name, 1) for name in expected]


async def test_lists_go_on_behind_a_name(state: StateStore, queries: DataQueries) -> None:
    for name in ("a1", "a2", "a3", "b"):
        await state.set("g", name, b"")
        await state.set(name, "k", b"")
    assert await queries.state_keys("g", "a", None, 2) == [("a1", 0), ("a2", 0)]
    assert await queries.state_keys("g", "a", "a2", 2) == [("a3", 0)]
    assert await queries.state_groups("a", "a1", 1) == [("a2", 1)]


async def test_a_value_is_changed_only_by_who_has_seen_it(state: StateStore, queries: DataQueries) -> None:
    assert await queries.change_state("g", "k", b"1", "") is None
    first = await queries.state_value("g", "k")
    assert first is not None and first.value == b"1"
    assert await queries.change_state("g", "k", b"2", "") == first
    assert await queries.change_state("g", "k", b"2", first.version) == first
    assert await state.get("g", "k") == b"2"
    found = await queries.change_state("g", "k", b"3", first.version)
    assert found is not None and found.value == b"2"
    assert await state.get("g", "k") == b"2"
    assert await queries.change_state("g", "k", None, found.version) == found
    assert await queries.state_value("g", "k") is None
    assert await queries.change_state("g", "k", None, None) is None
    await queries.change_state("g", "k", b"4", None)
    assert await state.get("g", "k") == b"4"


async def test_of_changes_at_once_that_have_seen_the_same_one_is_made(state: StateStore, queries: DataQueries) -> None:
    await state.set("g", "k", b"0")
    seen = await queries.state_value("g", "k")
    assert seen is not None
    found = await asyncio.gather(*(queries.change_state("g", "k", str(n).encode(), seen.version) for n in range(1, 9)))
    assert sum(each == seen for each in found) == 1


async def test_a_value_moves_to_a_free_key_alone(state: StateStore, queries: DataQueries) -> None:
    await state.set("g", "a", b"1")
    await state.set("g", "b", b"2")
    value = await queries.state_value("g", "a")
    assert value is not None
    assert await queries.rename_state("g", "missing", "c", None) is None
    assert await queries.rename_state("g", "a", "b", None) == "taken"
    assert await queries.rename_state("g", "a", "c", "another") == value
    assert await state_items(state, "g") == [("a", b"1"), ("b", b"2")]
    assert await queries.rename_state("g", "a", "c", value.version) == value
    assert await state_items(state, "g") == [("b", b"2"), ("c", b"1")]
    with pytest.raises(InvalidParams, match="at most 1024"):
        await queries.rename_state("g", "c", "x" * 1025, None)
    with pytest.raises(InvalidParams, match="at most 1024"):
        await queries.change_state("g", "x" * 1025, b"", None)


async def test_moves_and_writes_apply_in_the_order_of_the_calls(state: StateStore, queries: DataQueries) -> None:
    await asyncio.gather(state.set("g", "a", b"1"), queries.rename_state("g", "a", "b", None))
    assert await state_items(state, "g") == [("b", b"1")]
    moved = await asyncio.gather(*(queries.rename_state("g", key, to, None) for key, to in ("bc", "cd", "bx")))
    assert [each is not None for each in moved] == [True, True, False]
    assert await state_items(state, "g") == [("d", b"1")]
