"""FIFO keys: one at a time, in order, also across retries; other keys in parallel. See `DeliveryStore`."""

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polystep.contracts.events import Delivery
from polystep.contracts.ports.queue import DeliveryStore
from tests.contract.deliveries import FAILURE, claim, names, new


@pytest.fixture
def queue(deliveries: DeliveryStore) -> DeliveryStore:
    return deliveries


async def _complete(queue: DeliveryStore, delivery: Delivery) -> bool:
    return await queue.complete(delivery, []) is not None


async def _bury(queue: DeliveryStore, delivery: Delivery) -> bool:
    return await queue.bury(delivery, FAILURE, 9000)


FINISHES = [pytest.param(_complete, id="completed"), pytest.param(_bury, id="buried")]


@pytest.mark.parametrize("finish", FINISHES)
@pytest.mark.parametrize("key", ["key", "", "*", "ключ"])
async def test_a_key_runs_one_at_a_time_in_order(
    queue: DeliveryStore, finish: Callable[[DeliveryStore, Delivery], Awaitable[bool]], key: str
) -> None:
    await queue.enqueue([new(name, key=key) for name in "abcd"])
    order: list[str] = []
    for _ in range(4):
        (head,) = await claim(queue)
        assert await claim(queue) == []
        order += names([head])
        assert await finish(queue, head)
    assert (order, await queue.waiting()) == (["a", "b", "c", "d"], [])


async def test_other_keys_other_steps_and_no_key_run_beside_it(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a1", key="a"), new("a2", key="a"), new("b1", key="b"), new("empty1", key="")])
    await queue.enqueue([new("empty2", key=""), new("free1"), new("free2"), new("x1", step="other", key="a")])
    claimed = await claim(queue, {"step": 100, "other": 100})
    assert names(claimed) == ["a1", "b1", "empty1", "free1", "free2", "x1"]


async def test_the_rest_of_a_key_waits_while_its_head_waits_for_a_retry(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key")])
    (a,) = await claim(queue)
    await queue.retry(a, 50_000, FAILURE)
    assert await claim(queue, now_ms=49_999) == []
    (again,) = await claim(queue, now_ms=50_000)
    assert (again.data, again.attempt) == (b"a", 2)
    await queue.complete(again, [])
    assert names(await claim(queue, now_ms=50_000)) == ["b"]


async def test_a_released_head_stays_the_head(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key")])
    (a,) = await claim(queue)
    await queue.release(a, crashed=True)
    assert names(await claim(queue)) == ["a"]


async def test_a_recovered_head_stays_the_head(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key")])
    await claim(queue)
    await queue.recover("host")
    assert names(await claim(queue)) == ["a"]


async def test_a_taken_over_head_stays_the_head(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key")])
    await claim(queue, owner="dead", now_ms=1000)
    assert names(await claim(queue, owner="live", now_ms=10**9)) == ["a"]


async def test_a_superseded_completion_does_not_let_the_next_one_start(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key")])
    (stale,) = await claim(queue)
    await queue.release(stale, crashed=False)
    await claim(queue)
    assert await queue.complete(stale, []) is None
    assert not await queue.bury(stale, FAILURE, 0)
    assert await claim(queue) == []


async def test_a_delivery_emitted_for_its_own_key_comes_behind_what_waits(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key")])
    (a,) = await claim(queue)
    await queue.complete(a, [new("c", key="key")])
    (b,) = await claim(queue)
    await queue.complete(b, [])
    assert (names([b]), names(await claim(queue))) == (["b"], ["c"])


async def test_a_delivery_emitted_for_its_own_idle_key_is_due(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key")])
    (a,) = await claim(queue)
    await queue.complete(a, [new("b", key="key"), new("c", key="key")])
    assert names(await claim(queue)) == ["b"]


async def test_a_key_that_was_drained_starts_again(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key")])
    await queue.complete((await claim(queue))[0], [])
    await queue.enqueue([new("b", key="key")])
    assert names(await claim(queue)) == ["b"]


async def test_a_replayed_delivery_comes_behind_what_waits_for_its_key(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key"), new("c", key="key")])
    await queue.bury((await claim(queue))[0], FAILURE, 0)
    (letter,) = await queue.dead_letters(1)
    await queue.replay(letter.id, 0)
    order = []
    for _ in range(3):
        (head,) = await claim(queue)
        order += names([head])
        await queue.complete(head, [])
    assert order == ["b", "c", "a"]


async def test_orphans_of_a_key_leave_it_free(queue: DeliveryStore) -> None:
    await queue.enqueue([new("a", key="key"), new("b", key="key")])
    assert await queue.bury_orphans([], FAILURE, 0) == [("step", 2)]
    await queue.enqueue([new("c", key="key")])
    assert names(await claim(queue)) == ["c"]


@given(
    actions=st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from(["enqueue", "complete", "retry", "release", "bury"])),
        max_size=40,
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_happens_each_key_keeps_its_order(queue: DeliveryStore, actions: list[tuple[str, str]]) -> None:
    expected: dict[str, list[str]] = {"x": [], "y": [], "z": []}
    for number, (key, action) in enumerate(actions):
        if action == "enqueue":
            await queue.enqueue([new(f"{key}{number}", key=key)])
            expected[key].append(f"{key}{number}")
            continue
        claimed = {delivery.fifo_key: delivery for delivery in await claim(queue)}
        assert {str(head): delivery.data.decode() for head, delivery in claimed.items()} == {
            key: waiting[0] for key, waiting in expected.items() if waiting
        }
        if key in claimed:
            await _end(queue, claimed[key], action)
            if action in ("complete", "bury"):
                expected[key].pop(0)
        await queue.recover("host")
    # The next example starts with an empty queue.
    await queue.bury_orphans([], FAILURE, 0)


async def _end(queue: DeliveryStore, delivery: Delivery, action: str) -> None:
    ends = {
        "complete": lambda: _complete(queue, delivery),
        "retry": lambda: queue.retry(delivery, 0, FAILURE),
        "release": lambda: queue.release(delivery, crashed=False),
        "bury": lambda: queue.bury(delivery, FAILURE, 0),
    }
    assert await ends[action]()
