"""Several hosts on each store: an id of an event, a key of the project and a request belong to one at a time."""

from __future__ import annotations

import asyncio

from polystep.contracts.events import CANCEL_STEP, EventKey, NewDelivery, RunsOf
from polystep.contracts.journal import JournalEntry
from polystep.contracts.once_keys import TakenKey
from polystep.contracts.request_keys import KeyedRequest, KeyedRun
from tests.contract.deliveries import claim, new
from tests.contract.sharing import Sharing

FAR_MS = 10**15
ROUNDS = 20


def named(number: int, host: str) -> NewDelivery:
    name = f"{number} {host}"
    return new(name, step="named", run_id=name)._replace(key=EventKey(f"id {number}", 1000))


async def test_one_event_with_an_id_is_stored(sharing: Sharing) -> None:
    hosts = [await sharing.host(name) for name in ("one", "two")]
    for number in range(ROUNDS):
        stored = await asyncio.gather(
            *(host.queue.enqueue([named(number, name)]) for name, host in zip("ab", hosts, strict=True))
        )
        assert sum(each.keyed is not None and not each.keyed.duplicates for each in stored) == 1
    assert await hosts[0].queue.waiting() == [("named", ROUNDS)]


async def test_one_request_with_a_key_runs(sharing: Sharing) -> None:
    hosts = [await sharing.host(name) for name in ("one", "two")]
    for number in range(ROUNDS):
        request = KeyedRequest("Make", f"key {number}", b"client", b"print")
        begun = await asyncio.gather(
            *(
                host.queue.requests.begin(request, f"{number} {name}", name, FAR_MS, FAR_MS)
                for name, host in zip(("one", "two"), hosts, strict=True)
            )
        )
        assert sorted(each if isinstance(each, str) else "run" for each in begun) == ["run", "running"]
        (run,) = [each for each in begun if isinstance(each, KeyedRun)]
        assert run.token == 1


async def test_one_run_holds_a_key_of_the_project_and_the_others_get_its_result(sharing: Sharing) -> None:
    hosts = [await sharing.host(name) for name in ("one", "two")]
    for number in range(ROUNDS):
        await hosts[0].queue.enqueue([new(f"{number} {name}") for name in range(4)])
        runs = await claim(hosts[0].queue, owner="one")
        places = [hosts[place % 2].queue for place in range(4)]
        key = f"key {number}"
        wait = JournalEntry(key, "once", 5, due_ms=FAR_MS)
        taken = await asyncio.gather(
            *(queue.once_keys.take(run, wait, FAR_MS, 99) for queue, run in zip(places, runs, strict=True))
        )
        (holder,) = [place for place, each in enumerate(taken) if isinstance(each, TakenKey)]
        others = [place for place in range(4) if place != holder]
        value = JournalEntry(key, "once", 5, b"value")
        # The result comes while they are suspended.
        await asyncio.gather(
            *(places[place].journal.suspend(runs[place], FAR_MS, [key]) for place in others),
            places[holder].once_keys.keep(runs[holder], value, FAR_MS),
        )
        again = await claim(hosts[1].queue, owner="one", now_ms=sharing.clock.now_ms())
        assert {run.run_id for run in again} == {runs[place].run_id for place in others}
        await asyncio.gather(*(hosts[1].queue.complete(run, []) for run in (runs[holder], *again)))


async def test_runs_are_cancelled_while_another_host_stores_and_ends_others(sharing: Sharing) -> None:
    one, two = [await sharing.host(name) for name in ("one", "two")]

    def keyed(number: int, part: int, value: str) -> NewDelivery:
        run = new(f"{number} {part}", key=f"fifo {part % 2}", run_id=f"{number} {part} {value}")
        return run._replace(cancel_keys=(("order", value),))

    for number in range(ROUNDS):
        await one.queue.enqueue([keyed(number, part, f"{number}") for part in range(4)])
        event = new(f"{number}")._replace(step=CANCEL_STEP, cancels=(RunsOf("step", "order", f"{number}"),))
        stored, _ = await asyncio.gather(
            two.queue.enqueue([event]), one.queue.enqueue([keyed(number, part, "kept") for part in range(4)])
        )
        assert stored.cancelled is not None
        assert len(stored.cancelled.removed) == 4
        # Both FIFO keys go on.
        for _ in range(2):
            left = await claim(one.queue, owner="one")
            assert len(left) == 2
            await asyncio.gather(*(one.queue.complete(run, []) for run in left))
        assert await one.queue.waiting() == []
