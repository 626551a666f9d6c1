"""What every state store must do; see `StateStore`."""

import asyncio
from typing import Any

import pytest

from polystep.contracts.errors import InvalidParams
from polystep.contracts.pages import PageBounds
from polystep.contracts.ports.stores import StateStore
from tests.contract.groups import LARGE, state_items
from tests.contract.sharing import Sharing

STRANGE_TEXTS = [
    "",
    " ",
    "a:b",
    "*",
    "%",
    "_",
    "a*",
    "a%",
    "[a]",
    "?",
    "'",
    '"',
    "\\",
    "ключ",
    "鍵",
    "👩‍🚀",
    "é",
    "e\u0301",
    "\n",
]


async def test_what_was_set_is_read_back(state: StateStore) -> None:
    await state.set("group", "key", b"value")
    assert await state.get("group", "key") == b"value"


async def test_a_missing_value_is_none(state: StateStore) -> None:
    await state.set("group", "key", b"value")
    assert (await state.get("group", "other"), await state.get("other", "key")) == (None, None)


async def test_a_later_write_replaces_the_earlier_one(state: StateStore) -> None:
    await state.set("group", "key", b"first")
    await state.set("group", "key", b"second")
    assert await state_items(state, "group") == [("key", b"second")]


async def test_an_empty_value_is_a_value(state: StateStore) -> None:
    await state.set("group", "key", b"")
    assert await state.get("group", "key") == b""


async def test_every_byte_comes_back(state: StateStore) -> None:
    await state.set("group", "key", bytes(range(256)))
    assert await state.get("group", "key") == bytes(range(256))


async def test_a_value_of_eight_megabytes_comes_back(state: StateStore) -> None:
    value = b"0123456789abcdef" * (8 * 1024 * 64)
    await state.set("group", "key", value)
    assert await state.get("group", "key") == value


@pytest.mark.parametrize("text", STRANGE_TEXTS)
async def test_any_text_names_a_group_and_a_key(state: StateStore, text: str) -> None:
    await state.set(text, text, b"mine")
    assert (await state.get(text, text), await state_items(state, text)) == (b"mine", [(text, b"mine")])


async def test_no_text_is_a_pattern_or_a_prefix_of_another(state: StateStore) -> None:
    for text in STRANGE_TEXTS:
        await state.set(text, "key", text.encode())
    assert {text: await state_items(state, text) for text in STRANGE_TEXTS} == {
        text: [("key", text.encode())] for text in STRANGE_TEXTS
    }


async def test_a_group_and_key_never_run_together(state: StateStore) -> None:
    await state.set("a:b", "c", b"one")
    await state.set("a", "b:c", b"two")
    await state.set("a:b:c", "", b"three")
    assert [await state.get("a:b", "c"), await state.get("a", "b:c"), await state.get("a:b:c", "")] == [
        b"one",
        b"two",
        b"three",
    ]


@pytest.mark.parametrize("cleared", ["user", "user:1", "*", "%", ""])
async def test_clearing_a_group_touches_no_other(state: StateStore, cleared: str) -> None:
    groups = ["user", "user:1", "user:10", "users", "*", "%", ""]
    for group in groups:
        await state.set(group, "a", b"1")
        await state.set(group, "b", b"2")
    assert await state.clear(cleared) == 2
    assert await state.groups() == sorted((group, 2) for group in groups if group != cleared)


async def test_clearing_a_group_that_is_not_there_removes_nothing(state: StateStore) -> None:
    assert await state.clear("nothing") == 0


async def test_delete_returns_what_was_there_once(state: StateStore) -> None:
    await state.set("group", "key", b"value")
    assert [await state.delete("group", "key"), await state.delete("group", "key")] == [b"value", None]
    assert await state.get("group", "key") is None


async def test_of_several_deletes_at_once_one_gets_the_value(state: StateStore) -> None:
    await state.set("group", "key", b"value")
    answers = await asyncio.gather(*(state.delete("group", "key") for _ in range(10)))
    assert sorted(answers, key=lambda answer: answer is None) == [b"value", *[None] * 9]


async def test_items_come_in_the_order_of_their_keys(state: StateStore) -> None:
    for key in ("b", "a", "c", "10", "9", "B", "é"):
        await state.set("group", key, key.encode())
    keys = ["10", "9", "B", "a", "b", "c", "é"]
    assert await state_items(state, "group") == [(key, key.encode()) for key in keys]


@pytest.mark.parametrize("entries_max", [1, 2, 3, 100])
async def test_pages_together_are_the_group(state: StateStore, entries_max: int) -> None:
    for key in STRANGE_TEXTS:
        await state.set("group", key, key.encode())
        await state.set("grou", key, b"other")
    expected = [(key, key.encode()) for key in sorted(STRANGE_TEXTS, key=str.encode)]
    assert await state_items(state, "group", PageBounds(entries_max, 1 << 20)) == expected


async def test_a_page_of_keys_has_no_values(state: StateStore) -> None:
    await state.set("group", "a", b"1" * 1000)
    await state.set("group", "b", b"2" * 1000)
    assert await state.page("group", None, PageBounds(10, 1500), keys_only=True) == ([("a", b""), ("b", b"")], None)


async def test_a_page_ends_before_its_bytes_do_but_never_empty(state: StateStore) -> None:
    for key in "abcd":
        await state.set("group", key, b"x" * (5000 if key == "c" else 100))
    pages, cursor, more = [], None, True
    while more:
        found, cursor = await state.page("group", cursor, PageBounds(10, 250, entry_bytes=10))
        pages.append([key for key, _ in found])
        more = cursor is not None
    assert pages == [["a", "b"], ["c"], ["d"]]


async def test_a_key_that_stays_is_read_once_while_others_come_and_go(state: StateStore) -> None:
    for key in "bdfh":
        await state.set("group", key, b"1")
    found, cursor = await state.page("group", None, PageBounds(2, 1 << 20))
    await state.set("group", "a", b"1")
    await state.delete("group", "d")
    await state.set("group", "g", b"2")
    more, end = await state.page("group", cursor, PageBounds(10, 1 << 20))
    assert ([key for key, _ in found], more, end) == (["b", "d"], [("f", b"1"), ("g", b"2"), ("h", b"1")], None)


@pytest.mark.parametrize("cursor", ["", "x", "1.2"])
async def test_what_is_no_cursor_is_refused(state: StateStore, cursor: str) -> None:
    with pytest.raises(InvalidParams, match="not a cursor of a state group"):
        await state.page("group", cursor, LARGE)


async def test_a_group_without_keys_is_no_group(state: StateStore) -> None:
    await state.set("kept", "key", b"1")
    await state.set("emptied", "key", b"1")
    await state.delete("emptied", "key")
    assert (await state.groups(), await state_items(state, "emptied")) == ([("kept", 1)], [])


async def test_concurrent_writes_to_a_key_apply_in_the_order_of_the_calls(state: StateStore) -> None:
    for turn in range(20):
        await asyncio.gather(*(state.set("group", "key", f"{turn}.{number}".encode()) for number in range(50)))
        assert await state.get("group", "key") == f"{turn}.49".encode()


async def test_concurrent_calls_of_all_kinds_apply_in_order(state: StateStore) -> None:
    answers: list[object] = [
        *await asyncio.gather(
            state.set("group", "key", b"one"),
            state.delete("group", "key"),
            state.set("group", "key", b"two"),
            state.set("group", "other", b"three"),
            state.clear("group"),
            state.set("group", "key", b"four"),
        )
    ]
    assert answers == [None, b"one", None, None, 2, None]
    assert await state_items(state, "group") == [("key", b"four")]


def longer(found: bytes | None) -> bytes:
    return (found or b"") + b"x"


async def test_an_update_makes_the_value_of_the_stored_one(state: StateStore) -> None:
    assert [await state.update("group", "key", longer) for _ in range(3)] == [b"x", b"xx", b"xxx"]
    assert await state.get("group", "key") == b"xxx"
    assert await state.update("group", "key", lambda _: None) is None
    assert (await state.get("group", "key"), await state.groups()) == (None, [])
    assert await state.update("group", "key", lambda _: None) is None


async def test_of_updates_at_once_none_is_lost(state: StateStore) -> None:
    made = await asyncio.gather(*(state.update("group", "key", longer) for _ in range(300)))
    assert sorted(len(each or b"") for each in made) == list(range(1, 301))
    assert await state.get("group", "key") == b"x" * 300


async def test_updates_and_other_writes_apply_in_the_order_of_the_calls(state: StateStore) -> None:
    answers: list[object] = [
        *await asyncio.gather(
            state.set("group", "key", b"one"),
            state.update("group", "key", longer),
            state.delete("group", "key"),
            state.update("group", "key", longer),
        )
    ]
    assert answers == [None, b"onex", b"onex", b"x"]


async def test_an_update_that_refuses_writes_nothing_and_harms_no_write_beside_it(state: StateStore) -> None:
    def refuse(found: bytes | None) -> bytes:
        raise InvalidParams(f"it holds {found!r}")

    await state.set("group", "key", b"kept")
    answers = await asyncio.gather(
        state.set("group", "other", b"1"),
        state.update("group", "key", refuse),
        state.update("group", "key", longer),
        return_exceptions=True,
    )
    assert (answers[0], str(answers[1]), answers[2]) == (None, "it holds b'kept'", b"keptx")
    assert await state_items(state, "group") == [("key", b"keptx"), ("other", b"1")]


async def test_of_updates_of_several_hosts_at_once_none_is_lost(sharing: Sharing) -> None:
    stores = [(await sharing.host(owner)).state for owner in ("one", "two", "three")]
    made = await asyncio.gather(*(state.update("group", "key", longer) for _ in range(100) for state in stores))
    assert sorted(len(each or b"") for each in made) == list(range(1, 301))
    assert [await state.get("group", "key") for state in stores] == [b"x" * 300] * 3


async def test_an_update_that_refuses_shares_the_commit_of_the_writes_beside_it(sharing: Sharing) -> None:
    def refuse(_: bytes | None) -> bytes:
        raise InvalidParams("no")

    state = (await sharing.host("one")).state
    await sharing.quiet()
    before = sharing.commits
    writes: list[asyncio.Future[Any]] = [
        state.set("group", "a", b"1"),
        state.update("group", "b", refuse),
        state.set("group", "c", b"3"),
    ]
    await asyncio.gather(*writes, return_exceptions=True)
    assert sharing.commits - before == 1
    assert await state_items(state, "group") == [("a", b"1"), ("c", b"3")]


async def test_a_name_that_is_too_long_is_refused_and_one_that_just_fits_is_not(state: StateStore) -> None:
    longest = "é" * 512
    await state.set(longest, longest, b"1")
    assert await state.update(longest, longest, longer) == b"1x"
    with pytest.raises(InvalidParams, match="at most 1024"):
        await state.set("group", longest + "x", b"1")
    with pytest.raises(InvalidParams, match="at most 1024"):
        await state.update(longest + "x", "key", longer)
    assert await state.get("group", longest + "x") is None
