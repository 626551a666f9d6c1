"""What every store must do with dead letters by filter, in groups, and many at once; see `contracts.ports.letters`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from polystep.contracts.events import UNKNOWN_STEP, NewDelivery
from polystep.contracts.fingerprints import fingerprint
from polystep.contracts.limits import BULKS_KEPT_MAX, PAGE_BYTES_MAX
from polystep.contracts.ports.letters import (
    BulkRecord,
    BulkStore,
    LetterChange,
    LetterFilter,
    LetterQueries,
    NewBulk,
    SearchedWord,
)
from polystep.contracts.ports.queue import DeliveryStore
from polystep.contracts.values import JSONObject
from polystep.stores import Stores
from polystep.wire import pack
from tests.contract.deliveries import claim, names, new
from tests.contract.durable import Durable

ALL = LetterFilter()


@pytest.fixture
def letters(durable: Durable) -> LetterQueries:
    return durable.letters


@pytest.fixture
def queue(durable: Durable) -> DeliveryStore:
    return durable.queue


@pytest.fixture
def bulks(durable: Durable) -> BulkStore:
    return durable.queue.bulks


async def bury(queue: DeliveryStore, *wanted: str, step: str = "step", key: str | None = None, at_ms: int = 0) -> None:
    """Let deliveries die in this order; what follows a colon is the message of the error."""
    for each in wanted:
        name, _, message = each.partition(":")
        await queue.enqueue([new(name, step=step, key=key)])
        (claimed,) = await claim(queue, {step: 1})
        await queue.bury(claimed, {"name": "Error", "message": message}, at_ms)


async def found(letters: LetterQueries, wanted: LetterFilter) -> list[str]:
    page, more = await letters.page(wanted, 100, None, PAGE_BYTES_MAX)
    assert not more
    ids = await letters.ids(wanted, 100)
    assert sorted(ids) == sorted(letter.id for letter in page)
    assert (await letters.count(wanted)).count == len(ids)
    return [letter.data.decode() for letter in reversed(page)]


def words(text: str) -> LetterFilter:
    return LetterFilter(words=[SearchedWord(each) for each in text.split()])


def bulk(chosen: LetterFilter = ALL, count: int | None = None, act: str = "replay", **given: JSONObject) -> NewBulk:
    return NewBulk("discard" if act == "discard" else "replay", chosen, {"all": True, **given}, count, None)


async def test_letters_are_found_by_step_topic_time_error_and_words(
    queue: DeliveryStore, letters: LetterQueries
) -> None:
    await bury(queue, "Vase:no stock for order 17", "bowl:no stock for order 18", at_ms=10)
    await bury(queue, "cup:Timeout", step="mail", at_ms=20)
    no_stock = fingerprint({"name": "Error", "message": "no stock for order 17"})
    for wanted, expected in (
        (ALL, ["Vase", "bowl", "cup"]),
        (LetterFilter(step="mail"), ["cup"]),
        (LetterFilter(topic="topic"), ["Vase", "bowl", "cup"]),
        (LetterFilter(topic="other"), []),
        (LetterFilter(fingerprint=no_stock), ["Vase", "bowl"]),
        (LetterFilter(since_ms=11), ["cup"]),
        (LetterFilter(until_ms=20), ["Vase", "bowl"]),
        (LetterFilter(upto_id=1), ["Vase"]),
        (LetterFilter(ids=[1, 3, 99]), ["Vase", "cup"]),
        (LetterFilter(ids=[]), []),
        (words("vase"), ["Vase"]),
        (words("stock 18"), ["bowl"]),
        (words("error MAIL".lower()), ["cup"]),
        (words("%"), []),
    ):
        assert await found(letters, wanted) == expected, wanted


async def test_a_whole_number_in_data_is_found(queue: DeliveryStore, letters: LetterQueries) -> None:
    await queue.enqueue([of(pack({"order": 12345})), of(pack({"order": 12346}))])
    for claimed in await claim(queue):
        await queue.bury(claimed, {"name": "E", "message": "m"}, 0)
    page, _ = await letters.page(LetterFilter(words=[SearchedWord("12345", pack(12345))]), 10, None, PAGE_BYTES_MAX)
    assert [letter.data for letter in page] == [pack({"order": 12345})]


def of(data: bytes) -> NewDelivery:
    return new(data.hex())._replace(data=data)


async def test_groups_are_errors_without_their_ids(queue: DeliveryStore, letters: LetterQueries) -> None:
    await bury(queue, "a:no stock for order 17", "b:Timeout after 30.5 s", at_ms=1)
    await bury(queue, "c:no stock for order ord_8xK2-1", step="mail", at_ms=2)
    groups = await letters.groups(ALL, 10, 0)
    assert [(each.count, sorted(each.steps), each.first_ms, each.last_ms) for each in groups] == [
        (2, ["mail", "step"], 1, 2),
        (1, ["step"], 1, 1),
    ]
    assert groups[0].error["message"] == "no stock for order ord_8xK2-1"
    assert [each.fingerprint for each in await letters.groups(ALL, 1, 1)] == [groups[1].fingerprint]
    assert [each.count for each in await letters.groups(LetterFilter(step="mail"), 10, 0)] == [1]


async def test_letters_of_before_there_were_fingerprints_are_in_their_group(
    stores: Stores,
) -> None:
    await bury(stores.queue, "a:no stock for order 17", "b:no stock for order 18")
    database = stores.queue._database  # type: ignore[attr-defined]
    await database.write(lambda connection: connection.execute("UPDATE dead_letters SET fingerprint = NULL"))
    assert [each.count for each in await stores.inspection.letters.groups(ALL, 10, 0)] == [2]


async def test_a_refused_event_has_a_fingerprint(queue: DeliveryStore, letters: LetterQueries) -> None:
    refused: JSONObject = {"name": "contract_broken", "message": "n is 5"}
    await queue.enqueue([new("a")._replace(refused=refused)])
    assert [each.fingerprint for each in await letters.groups(ALL, 10, 0)] == [fingerprint(refused)]
    assert UNKNOWN_STEP not in [step for step, _ in (await letters.count(ALL)).steps]


async def test_a_count_says_what_a_bulk_would_find(queue: DeliveryStore, letters: LetterQueries) -> None:
    await bury(queue, "a", "b", key="k1")
    await bury(queue, "c", key="k2")
    await bury(queue, "d", step="mail")
    count = await letters.count(ALL)
    assert (count.count, count.steps, count.fifo_keys, count.upto_id) == (4, [("mail", 1), ("step", 3)], 2, 4)
    nothing = await letters.count(LetterFilter(step="none"))
    assert (nothing.count, nothing.upto_id) == (0, 0)


async def test_a_bulk_replays_what_was_fixed_at_its_begin_in_the_order_of_death(
    queue: DeliveryStore, bulks: BulkStore
) -> None:
    for name in "abcdefg":
        await bury(queue, name, key="k1" if name in "aceg" else "k2")
    begun = await bulks.begin(bulk(count=7), 5)
    assert isinstance(begun, BulkRecord)
    await bury(queue, "late", key="k1")
    ends = []
    for _ in range(4):
        batch = await bulks.advance(begun.id, 3, 6)
        ends.append(([letter.data.decode() for letter in batch.letters], batch.is_last))
    assert ends == [(["a", "b", "c"], False), (["d", "e", "f"], False), (["g"], True), ([], True)]
    assert await bulks.record(begun.id) == replace(begun, status="done", done=7, ended_ms=6)
    assert await bulks.running() == []
    assert [letter.data for letter in await queue.dead_letters(10)] == [b"late"]
    # One of each key at a time, the first to die first.
    order: list[str] = []
    while claimed := await claim(queue):
        order += names(claimed)
        for delivery in claimed:
            await queue.complete(delivery, [])
    assert [name for name in order if name in "aceg"] == list("aceg")
    assert [name for name in order if name in "bdf"] == list("bdf")


async def test_nothing_begins_with_another_number_than_was_seen(queue: DeliveryStore, bulks: BulkStore) -> None:
    await bury(queue, "a", "b")
    assert await bulks.begin(bulk(count=1), 0) == 2
    assert await bulks.records(10, None) == []
    assert isinstance(await bulks.begin(bulk(LetterFilter(upto_id=1), count=1), 0), BulkRecord)


async def test_a_bulk_knows_what_has_become_of_its_events(queue: DeliveryStore, bulks: BulkStore) -> None:
    await bury(queue, "a", "b", "c", "d", "gone")
    begun = await bulks.begin(bulk(), 0)
    assert isinstance(begun, BulkRecord)
    assert await queue.replay(5, 0) is not None
    assert await bulks.outcomes(begun.id) == (0, 0, 0)
    await bulks.advance(begun.id, 10, 0)
    record = await bulks.record(begun.id)
    assert record is not None
    assert (record.total, record.done, record.missing) == (5, 4, 1)
    waiting, running, dead = await bulks.outcomes(begun.id)
    assert (waiting - 1, running, dead) == (4, 0, 0), "the one that somebody else has replayed waits too"
    (first, second) = await claim(queue, 2)
    await queue.complete(first, [])
    await queue.bury(second, {"name": "E", "message": "again"}, 0)
    await claim(queue, 1)
    waiting, running, dead = await bulks.outcomes(begun.id)
    assert (waiting - 1, running, dead) == (1, 1, 1)


async def test_a_patched_bulk_replays_what_fits_and_leaves_the_rest_dead_with_the_reason(
    queue: DeliveryStore, bulks: BulkStore
) -> None:
    for name in "abcdef":
        await bury(queue, name, key="k1" if name in "ace" else None)
    begun = await bulks.begin(replace(bulk(count=6), patch=b"patch"), 5)
    assert isinstance(begun, BulkRecord)
    assert await queue.replay(2, 0) is not None, "b is gone when its turn comes"
    assert [letter.id for letter in await bulks.next(begun.id, 2, 1000)] == [1, 3]
    # As many as fit, but one at least.
    assert [letter.id for letter in await bulks.next(begun.id, 9, 1)] == [1]
    changes = {1: LetterChange(b"A"), 3: LetterChange(None, "data.n is required")}
    batch = await bulks.advance(begun.id, 9, 6, changes)
    assert ([letter.data for letter in batch.letters], batch.is_last) == ([b"A"], False)
    record = await bulks.record(begun.id)
    assert record == replace(begun, done=1, missing=1, refused=1)
    assert await bulks.refusals(begun.id, 9) == [(3, "data.n is required")]
    assert (await bulks.outcomes(begun.id)).dead == 0
    rest = [letter.id for letter in await bulks.next(begun.id, 9, 1000)]
    await bulks.advance(begun.id, 9, 7, {id_: LetterChange(b"X%d" % id_) for id_ in rest})
    assert await bulks.next(begun.id, 9, 1000) == []
    assert await bulks.advance(begun.id, 9, 8, {}) == ([], True)
    record = await bulks.record(begun.id)
    assert record is not None
    assert (record.status, record.done, record.missing, record.refused) == ("done", 4, 1, 1)
    # What stays dead is as it was; the others of its key keep their order.
    assert [letter.data for letter in await queue.dead_letters(10)] == [b"c"]
    order: list[str] = []
    while claimed := await claim(queue):
        order += names(claimed)
        for delivery in claimed:
            await queue.complete(delivery, [])
    assert [name for name in order if name in ("A", "X5")] == ["A", "X5"]


async def test_a_bulk_that_was_stopped_does_no_more(queue: DeliveryStore, bulks: BulkStore) -> None:
    await bury(queue, "a", "b", "c")
    begun = await bulks.begin(bulk(), 0)
    assert isinstance(begun, BulkRecord)
    await bulks.advance(begun.id, 1, 0)
    assert await bulks.running() == [begun.id]
    assert (await bulks.stop(begun.id, 9), await bulks.stop(begun.id, 9)) == (True, False)
    assert (await bulks.advance(begun.id, 5, 9)).letters == ()
    record = await bulks.record(begun.id)
    assert record is not None
    assert (record.status, record.done, record.ended_ms) == ("stopped", 1, 9)
    assert len(await queue.dead_letters(10)) == 2


async def test_a_discard_removes_its_letters_for_good(queue: DeliveryStore, bulks: BulkStore) -> None:
    await bury(queue, "a", "b", step="mail")
    await bury(queue, "c")
    begun = await bulks.begin(bulk(LetterFilter(step="mail"), act="discard"), 0)
    assert isinstance(begun, BulkRecord)
    assert await bulks.advance(begun.id, 10, 0) == ([], True)
    assert [letter.data for letter in await queue.dead_letters(10)] == [b"c"]
    assert await queue.waiting() == []


async def test_the_newest_records_are_kept(queue: DeliveryStore, bulks: BulkStore) -> None:
    await bury(queue, "a")
    for _ in range(BULKS_KEPT_MAX + 2):
        begun = await bulks.begin(bulk(LetterFilter(step="none")), 0)
        assert isinstance(begun, BulkRecord)
        await bulks.advance(begun.id, 1, 0)
    records = await bulks.records(1000, None)
    assert [records[0].id, records[-1].id, len(records)] == [BULKS_KEPT_MAX + 2, 3, BULKS_KEPT_MAX]
    assert [each.id for each in await bulks.records(1, 5)] == [4]
    assert await bulks.record(1) is None
