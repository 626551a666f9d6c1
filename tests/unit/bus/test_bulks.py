"""Many dead letters that are tried again at once, while everything else goes on."""

from __future__ import annotations

import asyncio

import pytest

from polystep.bus import bulks as bulks_module
from polystep.bus.backlog import QueueBound
from polystep.contracts.events import Delivery, NewDelivery, Outcome
from polystep.contracts.ports.letters import BulkRecord, LetterChange, LetterFilter, NewBulk
from tests.unit.bus.harness import DONE, BusHarness, event_step

REFUSED = {"name": "E", "message": "no"}


async def bury(harness: BusHarness, step: str, *names: str, key: str | None = None) -> None:
    """Store dead letters, in this order."""
    await harness.store.enqueue(
        [
            NewDelivery(name, "event", step, step, name.encode(), "t", f"{step}.{name}", None, key, 0, {**REFUSED})
            for name in names
        ]
    )


async def begin(
    harness: BusHarness, chosen: LetterFilter, per_second: int | None = None, patch: bytes | None = None
) -> int:
    new = NewBulk("replay", chosen, {}, None, per_second, patch)
    record = await harness.store.bulks.begin(new, harness.clock.now_ms())
    assert isinstance(record, BulkRecord)
    harness.bus.bulks.begin()
    return record.id


async def test_ten_thousand_letters_run_again_and_the_order_of_each_key_is_kept(harness: BusHarness) -> None:
    for number in range(1000):
        await bury(harness, "a", str(number), key=f"k{number % 7}")
    await bury(harness, "a", *(str(number) for number in range(1000, 10_000)))
    seen: list[int] = []
    harness.bus.bulks.on_progress = seen.append
    await harness.begin(event_step("a"), event_step("b"))
    id_ = await begin(harness, LetterFilter(step="a"))
    # Other events do not wait for the end of it.
    await harness.publish("b", "between")
    async with asyncio.timeout(60):
        while len(harness.observer.ends) < 10_001:
            harness.observer.told.clear()
            await harness.observer.told.wait()
    place = next(at for at, end in enumerate(harness.observer.ends) if end.data == "between")
    assert place < 5000
    keyed = [int(each.data) for each in harness.runner.started if each.fifo_key is not None]
    for key in range(7):
        assert [number for number in keyed if number % 7 == key] == list(range(key, 1000, 7))
    await harness.quiet()
    record = await harness.store.bulks.record(id_)
    assert record is not None
    assert (record.status, record.total, record.done) == ("done", 10_000, 10_000)
    assert seen == [id_] * (10_000 // bulks_module.BATCH_MAX + 1)


async def test_a_bulk_goes_on_after_a_stop(harness: BusHarness) -> None:
    await bury(harness, "a", *(str(number) for number in range(250)))
    id_ = await begin(harness, LetterFilter())
    await harness.store.bulks.advance(id_, 100, 0)
    await harness.begin(event_step("a"))
    await harness.observer.ends_count(250)
    await harness.quiet()
    assert await harness.store.bulks.running() == []


async def test_a_patch_changes_each_letter_that_fits_and_keeps_the_order_of_keys(
    harness: BusHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulks_module, "CHANGED_BYTES_MAX", 100)
    for number in range(300):
        await bury(harness, "a", str(number), key=f"k{number % 3}")
    harness.bus.bulks.change = lambda letter, patch: (
        LetterChange(None, "it is 7") if letter.data == b"7" else LetterChange(letter.data + patch)
    )
    await harness.begin(event_step("a"))
    id_ = await begin(harness, LetterFilter(), patch=b"!")
    await harness.observer.ends_count(299)
    await harness.quiet()
    for key in range(3):
        ran = [each.data for each in harness.runner.started if each.fifo_key == f"k{key}"]
        assert ran == [b"%d!" % number for number in range(key, 300, 3) if number != 7]
    record = await harness.store.bulks.record(id_)
    assert record is not None
    assert (record.status, record.done, record.refused, record.missing) == ("done", 299, 1, 0)
    assert [reason for _, reason in await harness.store.bulks.refusals(id_, 9)] == ["it is 7"]


async def test_a_patched_bulk_waits_for_the_steps_of_a_host_that_starts(harness: BusHarness) -> None:
    await bury(harness, "a", "1", "2")
    id_ = await begin(harness, LetterFilter(), patch=b"!")
    await harness.bus.start()
    await harness.advance(2.0)
    record = await harness.store.bulks.record(id_)
    assert record is not None
    assert (record.refused, record.done) == (0, 0)
    # Without them for too long, letters are asked about all the same: nothing here can change them.
    await harness.advance(float(bulks_module.LOADING_S))
    await harness.quiet()
    record = await harness.store.bulks.record(id_)
    assert record is not None
    assert (record.status, record.refused) == ("done", 2)


async def test_a_rate_is_kept(harness: BusHarness) -> None:
    await bury(harness, "a", *(str(number) for number in range(25)))
    await harness.begin(event_step("a"))
    await begin(harness, LetterFilter(), per_second=10)
    await harness.quiet()
    for expected in (10, 20, 25):
        assert len(harness.runner.started) == expected
        await harness.advance(1.0)


async def test_it_waits_while_the_queue_is_full_and_ends_with_the_bus(harness: BusHarness) -> None:
    gate = asyncio.Event()

    async def wait(_: Delivery) -> Outcome:
        await gate.wait()
        return DONE

    harness.runner.handlers["a"] = wait
    harness.bus._backlog._bound = QueueBound(events=50)
    await bury(harness, "a", *(str(number) for number in range(150)))
    await harness.begin(event_step("a"))
    id_ = await begin(harness, LetterFilter())
    await harness.advance(5.0)
    record = await harness.store.bulks.record(id_)
    assert record is not None
    assert (record.done, record.status) == (100, "running")
    gate.set()
    await harness.observer.ends_count(100)
    await harness.advance(2.0)
    await harness.observer.ends_count(150)
