"""Events that cancel runs of steps (`cancelOn`): those that wait, those that run, and those of their calls."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from polystep.contracts.events import Delivery, EventKey, NewDelivery, Outcome
from polystep.contracts.journal import JournalEntry
from polystep.contracts.signals import ChildCall
from polystep.contracts.steps import CancelTopic, QueuePolicy, StepSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.wire import pack
from tests.contract.cluster import ClusterHost
from tests.unit.bus.harness import DONE, BusHarness, cron_step, event_step, flow

ON = (CancelTopic("order.cancelled", "order"),)
POLICY = QueuePolicy(concurrency=1, cancel_on=ON)


class Handlers:
    """Handlers that run until they are let go or ended, as those of a runner."""

    def __init__(self, host: BusHarness | ClusterHost, *steps: str) -> None:
        self.open: dict[str, asyncio.Future[Outcome]] = {}
        self.is_deaf = False
        """Handlers cannot be ended for the moment."""
        host.bus.suspensions.on_cancel(self.end)
        for step in steps:
            host.runner.handlers[step] = self._run

    def end(self, run_id: str, reason: JSONObject | None) -> bool:
        done = self.open.get(run_id)
        if done is None or done.done() or self.is_deaf:
            return False
        done.set_result(Outcome("cancelled", error=reason))
        return True

    async def _run(self, delivery: Delivery) -> Outcome:
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.open[delivery.run_id] = done
        return await done


async def publish(host: BusHarness | ClusterHost, topic: str, value: JSONValue, **more: Any) -> list[NewDelivery]:
    planned = host.bus.plan(topic, pack(value), trace_id="t", parent_run_id=None, value=value, **more)
    await host.bus.publish(planned)
    return list(planned)


def statuses(harness: BusHarness) -> list[str]:
    return [end.status for end in harness.observer.ends]


def removed(harness: BusHarness) -> list[tuple[str, str | None]]:
    """Steps of what was removed, each with the trace of the event."""
    found = []
    for each in harness.observer.removed:
        data: Any = {} if each.reason is None else each.reason["data"]
        found.append((each.step, data.get("traceId")))
    return found


def cancelled_step(name: str, **more: Any) -> StepSpec:
    return event_step(name, name, queue=dataclasses.replace(POLICY, **more))


async def test_an_event_ends_what_runs_removes_what_waits_and_frees_the_place(harness: BusHarness) -> None:
    handlers = Handlers(harness, "S")
    await harness.begin(cancelled_step("S"))
    (first,) = await publish(harness, "S", {"order": 7})
    await publish(harness, "S", {"order": 7})
    (other,) = await publish(harness, "S", {"order": 8})
    await harness.runner.started_count(1)
    await publish(harness, "order.cancelled", {"order": "7"})
    await harness.runner.started_count(2)
    assert [each.run_id for each in harness.runner.started] == [first.run_id, other.run_id]
    assert statuses(harness) == ["cancelled"]
    assert removed(harness) == [("S", "t")]
    handlers.open[other.run_id].set_result(DONE)
    await harness.observer.ends_count(2)
    await harness.quiet()
    assert harness.database.read("SELECT count(*) FROM cancellations") == [(0,)]


async def test_a_fifo_key_goes_on(harness: BusHarness) -> None:
    handlers = Handlers(harness, "S")
    await harness.begin(cancelled_step("S", fifo=True, concurrency=9))
    runs = [(await publish(harness, "S", {"order": id_}))[0] for id_ in (1, 1, 2)]
    await harness.runner.started_count(1)
    await publish(harness, "order.cancelled", {"order": 1})
    await harness.runner.started_count(2)
    assert harness.runner.started[1].run_id == runs[2].run_id
    handlers.open[runs[2].run_id].set_result(DONE)
    await harness.observer.ends_count(2)


async def test_what_is_stored_later_is_not_meant(harness: BusHarness) -> None:
    Handlers(harness, "S")
    await harness.begin(cancelled_step("S"))
    await publish(harness, "order.cancelled", {"order": 1})
    (run,) = await publish(harness, "S", {"order": 1})
    await harness.runner.started_count(1)
    await harness.quiet()
    assert (harness.runner.started[0].run_id, statuses(harness)) == (run.run_id, [])


async def test_subscribers_of_the_topic_get_the_event_too(harness: BusHarness) -> None:
    await harness.begin(cancelled_step("S"), event_step("Tell", "order.cancelled"))
    planned = await publish(harness, "order.cancelled", {"order": 1})
    assert [new.step for new in planned] == ["Tell", "(runs to cancel)"]
    # A value that cannot be compared means no run.
    assert [new.step for new in await publish(harness, "order.cancelled", {"order": [1]})] == ["Tell"]
    await harness.observer.ends_count(2)
    assert [new.step for new in harness.observer.stored if new.step == "Tell"] == ["Tell", "Tell"]


async def test_the_newest_event_takes_the_place_of_those_before_it(harness: BusHarness) -> None:
    handlers = Handlers(harness, "S")
    await harness.begin(event_step("S", "S", queue=QueuePolicy(cancel_on=(CancelTopic("S", "order"),))))
    (old,) = (await publish(harness, "S", {"order": 1}))[:1]
    await harness.runner.started_count(1)
    new = (await publish(harness, "S", {"order": 1}))[0]
    await harness.observer.ends_count(1)
    assert statuses(harness) == ["cancelled"]
    await harness.runner.started_count(2)
    assert [each.run_id for each in harness.runner.started] == [old.run_id, new.run_id]
    handlers.open[new.run_id].set_result(DONE)
    await harness.observer.ends_count(2)


async def test_a_cron_step_is_cancelled_as_a_whole(harness: BusHarness) -> None:
    Handlers(harness, "C")
    policy = QueuePolicy(cancel_on=(CancelTopic("stop"),))
    await harness.begin(dataclasses.replace(cron_step("C"), queue=policy))
    await harness.bus.publish_tick("C", pack(5))
    await harness.runner.started_count(1)
    await publish(harness, "stop", None)
    await harness.observer.ends_count(1)
    assert statuses(harness) == ["cancelled"]


async def test_a_handler_that_cannot_be_ended_yet_is_ended_soon(harness: BusHarness) -> None:
    handlers = Handlers(harness, "S")
    handlers.is_deaf = True
    await harness.begin(cancelled_step("S"))
    await publish(harness, "S", {"order": 1})
    await harness.runner.started_count(1)
    await publish(harness, "order.cancelled", {"order": 1})
    await harness.quiet()
    assert statuses(harness) == []
    handlers.is_deaf = False
    await harness.clock.advance(0.1)
    await harness.observer.ends_count(1)
    assert statuses(harness) == ["cancelled"]


async def test_the_look_that_a_second_event_puts_off_is_not_forgotten(harness: BusHarness) -> None:
    handlers = Handlers(harness, "S")
    handlers.is_deaf = True
    await harness.begin(cancelled_step("S"))
    await publish(harness, "S", {"order": 1})
    await harness.runner.started_count(1)
    await publish(harness, "order.cancelled", {"order": 1})
    await harness.quiet()
    await harness.clock.advance(0.02)
    await publish(harness, "order.cancelled", {"order": 1})
    await harness.quiet()
    await harness.clock.advance(0.03)  # the timer of the first event
    handlers.is_deaf = False
    await harness.clock.advance(0.05)
    await harness.observer.ends_count(1)
    assert statuses(harness) == ["cancelled"]


async def test_what_fails_meanwhile_is_not_tried_again(harness: BusHarness) -> None:
    handlers = Handlers(harness, "S")
    handlers.is_deaf = True
    await harness.begin(cancelled_step("S"))
    (run,) = await publish(harness, "S", {"order": 1})
    await harness.runner.started_count(1)
    await publish(harness, "order.cancelled", {"order": 1})
    handlers.open[run.run_id].set_result(Outcome("failed", error={"name": "Error", "message": "no"}))
    await harness.observer.ends_count(1)
    await harness.quiet()
    assert removed(harness) == [("S", "t")]
    assert await harness.store.waiting() == []


async def test_an_event_of_before_a_stop_is_obeyed_at_the_next_start(harness: BusHarness) -> None:
    handlers = Handlers(harness, "S")
    handlers.is_deaf = True
    await harness.begin(cancelled_step("S"))
    await publish(harness, "S", {"order": 1})
    await harness.runner.started_count(1)
    await publish(harness, "order.cancelled", {"order": 1})
    await harness.bus.stop()
    assert await harness.store.waiting() == [("S", 1)]
    harness.bus = harness.new_bus()
    await harness.begin(cancelled_step("S"))
    await harness.quiet()
    assert (len(harness.runner.started), removed(harness)) == (1, [("S", "t")])


async def test_an_event_that_is_due_later_cancels_then(harness: BusHarness) -> None:
    Handlers(harness, "S")
    await harness.begin(cancelled_step("S"))
    await publish(harness, "S", {"order": 1})
    due_ms = harness.clock.now_ms() + 5000
    await publish(harness, "order.cancelled", {"order": 1}, key=EventKey("c", 1000), due_ms=due_ms)
    await harness.runner.started_count(1)
    await harness.clock.advance(4.9)
    assert statuses(harness) == []
    await harness.clock.advance(0.2)
    await harness.observer.ends_count(1)
    assert statuses(harness) == ["cancelled"]


async def test_the_runs_of_its_calls_go_with_it(harness: BusHarness) -> None:
    handlers = Handlers(harness, "Child")
    children: list[NewDelivery] = []

    async def parent(delivery: Delivery) -> Outcome:
        if delivery.resumes is None:
            child = harness.bus.plan_call("Child", pack(1), trace_id="t", parent_run_id=delivery.run_id, caller="S")
            children.append(child)
            entry = JournalEntry("c", "call", 1, due_ms=10**15)
            assert await harness.bus.suspensions.begin_wait(delivery, entry, [child], [], ChildCall(child.run_id))
        return Outcome("suspended", run_at_ms=10**15)

    harness.runner.handlers["S"] = parent
    await harness.begin(cancelled_step("S"), event_step("Child", "nothing"))
    await publish(harness, "S", {"order": 1})
    await harness.observer.ends_count(1)
    await harness.runner.until(lambda: bool(children) and children[0].run_id in handlers.open)
    await publish(harness, "order.cancelled", {"order": 1})
    await harness.observer.ends_count(2)
    assert statuses(harness) == ["suspended", "cancelled"]
    assert removed(harness) == [("S", "t")]
    assert await harness.store.waiting() == []


async def test_a_step_that_is_called_is_cancelled_by_its_input(harness: BusHarness) -> None:
    await harness.begin(cancelled_step("S"), event_step("T"))
    call = harness.bus.plan_call("S", pack({"order": 3}), trace_id="t", parent_run_id="p", caller="T")
    assert call.cancel_keys == (("order", "3"),)
    assert harness.bus.plan_call("T", pack({}), trace_id="t", parent_run_id="p", caller="S").cancel_keys == ()


async def test_an_event_that_was_parked_makes_a_run_that_can_be_cancelled(harness: BusHarness) -> None:
    Handlers(harness, "S")
    await harness.begin(is_complete=False)
    await publish(harness, "S", {"order": 1})
    harness.bus.replace(flow(cancelled_step("S")))
    await harness.runner.started_count(1)
    await publish(harness, "order.cancelled", {"order": 1})
    await harness.observer.ends_count(1)
    assert statuses(harness) == ["cancelled"]
