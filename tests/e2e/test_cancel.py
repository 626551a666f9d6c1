"""Runs that somebody cancels: queued, suspended and running, in every language."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running
from tests.e2e.tools import need
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


async def run_of(host: Running, trace_id: str, step: str) -> dict[str, Any]:
    """The run of a step in a trace, once it is there."""
    async with asyncio.timeout(HANG_S):
        while True:
            for run in (await host.api(f"traces/{trace_id}"))["runs"]:
                if run["step"] == step:
                    return dict(run)
            await asyncio.sleep(0.05)


async def cancel(host: Running, run_id: str) -> None:
    async with host.http.delete(f"/__polystep/api/runs/{run_id}") as answer:
        assert answer.status == 200, await answer.text()


async def ends(host: Running, trace_id: str, step: str) -> str:
    """The status of a run that is over."""
    async with asyncio.timeout(HANG_S):
        while True:
            run = await run_of(host, trace_id, step)
            if run["endedAt"] is not None:
                return str(run["status"])
            await asyncio.sleep(0.05)


async def test_a_run_is_cancelled_and_its_fifo_key_goes_on(tmp_path: Path) -> None:
    async with Running(make_durable(tmp_path)) as host:
        for language in LANGUAGES:
            step, name = f"Do-{language}", f"-{language}"
            emit, pause = {"do": "emit", "what": "x"}, {"do": "pause", "ms": 60_000}
            running = await begin(host, language, f"running{name}", emit, pause, group="k")
            queued = await begin(host, language, f"queued{name}", emit, group="k")
            behind = await begin(host, language, f"behind{name}", emit, group="k")
            waits = await begin(host, language, f"waits{name}", emit, {"do": "sleep", "key": "s", "for": "1h"})
            await reaches(host, f"running{name}", "leg")
            await reaches(host, f"waits{name}", "out:x")
            for trace_id in (queued, waits, running):
                run = await run_of(host, trace_id, step)
                status, text = await host.command("cancel", run["runId"])
                assert (status, "was cancelled" in text) == (0, True), text
                assert await ends(host, trace_id, step) == "cancelled"
            assert await result(host, f"behind{name}") == {}
            assert await ends(host, behind, step) == "completed"
            # What had not been committed is dropped; what left with the wait has left.
            found = [await counts(host, f"{what}{name}") for what in ("running", "queued", "waits")]
            assert [each.get("out:x", 0) for each in found] == [0, 0, 1]
        assert (await host.api("dead-letters"))["deadLetters"] == []
        assert (await host.api("queues"))["queues"] == []
        async with host.http.delete("/__polystep/api/runs/0000000000000000") as answer:
            assert answer.status == 404


CHILD = """
export const config = { type: 'event', name: 'Child', subscribes: [], emits: ['out'],
  infrastructure: { queue: { type: 'fifo', maxConcurrency: 1 } } }
export const handler = async ({ id, what }, { sleep, emit, call, state }) => {
  await state.set('n', `${id}/child`, 1)
  if (what === 'sleeps') await sleep('s', '1h')
  if (what === 'calls') await call('c', 'Grandchild', { id })
  if (what === 'runs') await new Promise((resolve) => { setTimeout(resolve, 60_000) })
  await emit({ topic: 'out', data: { id, what } })
}
"""
GRANDCHILD = CHILD.replace("Child", "Grandchild").replace("if (what === 'sleeps') ", "")


async def test_cancelling_a_parent_cancels_the_runs_of_its_calls(tmp_path: Path) -> None:
    more = {"steps/child.step.ts": CHILD, "steps/grand.step.ts": GRANDCHILD}
    async with Running(make_durable(tmp_path, "ts", "py", more=more)) as host:
        for language in ("ts", "py"):
            for what, called in (("sleeps", "Child"), ("calls", "Grandchild"), ("runs", "Child"), ("queued", "Child")):
                id_ = f"{what}-{language}"
                if what == "queued":
                    blocker = await begin(host, "ts", f"by-{id_}", call_child(f"by-{id_}", "runs"))
                    await reaches(host, f"by-{id_}", "child")
                trace_id = await begin(host, language, id_, call_child(id_, what))
                await (run_of(host, trace_id, called) if what == "queued" else reaches(host, id_, "child"))
                parent, child = await run_of(host, trace_id, f"Do-{language}"), await run_of(host, trace_id, called)
                assert child["endedAt"] is None
                await cancel(host, parent["runId"])
                assert await ends(host, trace_id, f"Do-{language}") == "cancelled"
                for step in {"Child", called}:
                    assert await ends(host, trace_id, step) == "cancelled", (id_, step)
                if what == "queued":  # what runs has another parent
                    assert (await run_of(host, blocker, "Child"))["endedAt"] is None
                    await cancel(host, (await run_of(host, blocker, "Do-ts"))["runId"])
                    assert await ends(host, blocker, "Child") == "cancelled"
        assert (await host.api("dead-letters"))["deadLetters"] == []
        assert (await host.api("queues"))["queues"] == []


def call_child(id_: str, what: str) -> dict[str, Any]:
    return {"do": "call", "key": "c", "step": "Child", "input": {"id": id_, "what": what}}


ORDER_TS = """
export const config = { type: 'event', name: 'Order-ts', subscribes: ['order.ts'], emits: ['out', 'order.cancelled'],
  infrastructure: { queue: { concurrency: 2, cancelOn: [{ topic: 'order.cancelled', by: 'order.id' }] } } }
export const handler = async ({ order, what, run }, { sleep, emit, call, state }) => {
  await state.set('n', `${run}/begun`, 1)
  await emit({ topic: 'out', data: { id: run, what: 'dropped' } })
  if (what === 'sleeps') await sleep('s', '1h')
  if (what === 'calls') await call('c', 'Child', { id: run, what: 'runs' })
  if (what === 'runs') await new Promise((resolve) => { setTimeout(resolve, 60_000) })
  await state.set('n', `${run}/ended`, 1)
}
"""
ORDER_PY = """
import asyncio

config = {"type": "event", "name": "Order-py", "subscribes": ["order.py"], "emits": ["out"],
          "infrastructure": {"queue": {
              "concurrency": 2, "cancel_on": [{"topic": "order.cancelled", "by": "order.id"}]}}}


async def handler(data, context):
    run, what = data["run"], data["what"]
    await context.state.set("n", f"{run}/begun", 1)
    await context.emit(topic="out", data={"id": run, "what": "dropped"})
    if what == "sleeps":
        await context.sleep("s", "1h")
    if what == "calls":
        await context.call("c", "Child", {"id": run, "what": "runs"})
    if what == "runs":
        await asyncio.sleep(60)
    await context.state.set("n", f"{run}/ended", 1)
"""
ORDER_RB = """
def config = { type: "event", name: "Order-rb", subscribes: ["order.rb"], emits: ["out"],
  infrastructure: { queue: { concurrency: 2, cancelOn: [{ topic: "order.cancelled", by: "order.id" }] } } }

def handler(data, context)
  run, what = data["run"], data["what"]
  context.state.set("n", "#{run}/begun", 1)
  context.emit(topic: "out", data: { id: run, what: "dropped" })
  context.sleep("s", "1h") if what == "sleeps"
  context.call("c", "Child", { id: run, what: "runs" }) if what == "calls"
  Kernel.sleep(60) if what == "runs"
  context.state.set("n", "#{run}/ended", 1)
end
"""
SHOP = """
export const config = { type: 'api', name: 'Shop', method: 'POST', path: '/shop',
  emits: ['order.ts', 'order.py', 'order.rb', 'order.cancelled'] }
export const handler = async ({ body }, { emit, traceId }) => {
  for (const each of body) await emit(each)
  return { status: 200, body: { traceId } }
}
"""


async def test_an_event_cancels_the_runs_that_its_field_names(tmp_path: Path) -> None:
    files = {
        "steps/order-ts.step.ts": ORDER_TS, "steps/order_py_step.py": ORDER_PY, "steps/order_rb_step.rb": ORDER_RB,
        "steps/shop.step.ts": SHOP, "steps/child.step.ts": CHILD, "steps/grand.step.ts": GRANDCHILD,
    }  # fmt: skip
    async with Running(make_durable(tmp_path, "ts", more=files)) as host:

        async def order(language: str, run: str, what: str, id_: Any = 7, **more: str) -> str:
            data = {"order": {"id": id_}, "what": what, "run": run}
            return str((await host.post("/shop", [{"topic": f"order.{language}", "data": data, **more}]))["traceId"])

        for language in ("ts", "py", "rb"):
            step, at = f"Order-{language}", f"{language}-"
            kept = await order(language, f"{at}kept", "sleeps", 8)
            sleeps = await order(language, f"{at}sleeps", "sleeps")
            calls = await order(language, f"{at}calls", "calls")
            for what in ("kept", "sleeps", "calls"):
                await reaches(host, f"{at}{what}", "begun")
            await reaches(host, f"{at}calls", "child")
            # Two places: these take them, and what follows is queued.
            runs = [await order(language, f"{at}runs{n}", "runs", messageGroupId=f"{at}k{n}") for n in (1, 2)]
            for n in (1, 2):
                await reaches(host, f"{at}runs{n}", "begun")
            queued = await order(language, f"{at}queued", "runs", messageGroupId=f"{at}k1")
            behind = await order(language, f"{at}behind", "ends", 8, messageGroupId=f"{at}k1")
            gone = str(
                (await host.post("/shop", [{"topic": "order.cancelled", "data": {"order": {"id": "7"}}}]))["traceId"]
            )
            for trace_id in (sleeps, calls, *runs, queued):
                assert await ends(host, trace_id, step) == "cancelled"
                run = await run_of(host, trace_id, step)
                assert (run["error"]["data"]["topic"], run["error"]["data"]["traceId"]) == ("order.cancelled", gone)
                assert gone in run["error"]["message"]
            assert await ends(host, calls, "Child") == "cancelled"
            # The key has gone on, and the places are free.
            assert await ends(host, behind, step) == "completed"
            await reaches(host, f"{at}behind", "ended")
            after = await order(language, f"{at}after", "ends")
            assert await ends(host, after, step) == "completed"
            assert (await run_of(host, kept, step))["endedAt"] is None
            await cancel(host, (await run_of(host, kept, step))["runId"])
            assert (await counts(host, f"{at}runs1")).get("out:dropped", 0) == 0
        assert (await host.api("dead-letters"))["deadLetters"] == []
        assert (await host.api("queues"))["queues"] == []
        # No other step takes the topic, and yet nobody misses one.
        _, text = await host.command("check")
        assert ("0 errors" in text, "order.cancelled" in text) == (True, False), text
