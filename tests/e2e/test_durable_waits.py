"""Runs that wait: in memory and out of it, beside FIFO keys, limits, reloads, kills of their runner, other branches."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import NODE, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running, children_of
from tests.e2e.test_durable import emit, once, sleep

pytestmark = pytest.mark.e2e

LIMITED = "infrastructure: { queue: { concurrency: 1 } } }"
ONE = NODE.replace("LANG", "one").replace("'any'] }", f"'any'], {LIMITED}", 1)


def step(name: str, body: str, more: str = "") -> str:
    """A step of `go` that counts its legs."""
    return f"""
export const config = {{ type: 'event', name: '{name}', subscribes: ['go'], emits: ['out'], {more} }}
export const handler = async ({{ id }}, {{ once, sleep, emit, state, logger }}) => {{
  const bump = async (what) => {{
    const n = ((await state.get('n', `${{id}}/${{what}}`)) ?? 0) + 1
    await state.set('n', `${{id}}/${{what}}`, n)
    return n
  }}
  const leg = await bump('{name}')
  const done = (value) => state.set('results', `${{id}}-{name}`, value)
  {body}
}}
"""


BRANCHES = step(
    "branches",
    """
  const slow = async () => { await sleep('slow', '4s'); await once('after slow', () => bump('after slow')) }
  const fast = async () => { await sleep('fast', '700ms'); await once('after fast', () => bump('after fast')) }
  const began = Date.now()
  await Promise.all([slow(), fast()])
  await done(Date.now() - began)""",
)
PARALLEL = step(
    "parallel",
    """
  const order = leg === 1 ? 7 : 5
  const all = await Promise.all(Array.from({ length: 32 }, async (_, i) =>
    once(`item-${(i * order) % 32}`, async () => bump(`item-${(i * order) % 32}`))))
  if (leg === 1) throw Object.assign(new Error('once more'), { retryAfter: '50ms' })
  await done(all.reduce((sum, n) => sum + n, 0))""",
)
TIMED = step(
    "timed",
    """
  await once('long', () => new Promise((resolve) => setTimeout(() => resolve(1), 2500)))
  await sleep('s', '1500ms')
  await done('in time')""",
    "infrastructure: { handler: { timeout: 1 }, queue: { maxRetries: 0 } }",
)
CHANGED = step("changed", "await sleep('s', leg === 1 ? '400ms' : '300d')\n  await done(leg)")
RACED = step(
    "raced",
    "const first = await Promise.race([sleep('s', '30d'), once('quick', () => 'quick')])\n  await done(first)",
)
UNUSED = step("unused", "const never = sleep('s', '30d')\n  await done(typeof never.then)")
SECRET = step(
    "secret",
    "await once('s', () => ({ word: `hush-${4000 + 711}` }), { sensitive: true })\n"
    "  if (leg === 1) throw Object.assign(new Error('again'), { retryAfter: '50ms' })\n  await done(1)",
)
JOINED = step(
    "joined",
    """
  const work = async () => { await new Promise((resolve) => setTimeout(resolve, 200)); return bump('work') }
  const both = await Promise.all([once('a', work), once('a', work, { shared: true })])
  const errors = await Promise.allSettled([
    once('b', async () => { await new Promise((r) => setTimeout(r, 100)); throw new TypeError('no') }),
    once('b', work, { shared: true })])
  await done([both, errors.map(({ reason }) => `${reason.name}: ${reason.message}`)])""",
)
AT_ONCE = step(
    "atonce",
    """
  const found = await Promise.allSettled([once('a', () => bump('a')), once('a', () => bump('a'))])
  await done(found.map(({ status, reason }) => reason?.name ?? status))""",
)
TYPES = step(
    "types",
    """
  const value = await once('date', () => ({ at: new Date(0), none: undefined, list: [1n === 1n] }))
  const seen = `${typeof value.at} ${value.at} ${'none' in value}`
  if (leg === 1) {
    await state.set('results', `${id}-first`, seen)
    throw Object.assign(new Error(''), { retryAfter: '50ms' })
  }
  await done(seen)""",
)
ZOD = "import { z } from 'zod'\n" + step(
    "zod",
    """
  const schema = z.object({ at: z.coerce.date() })
  const value = await once('date', () => ({ at: new Date(0).toISOString() }), { schema })
  const seen = value.at.getTime()
  if (leg === 1) {
    await state.set('results', `${id}-zodfirst`, seen)
    throw Object.assign(new Error(''), { retryAfter: '50ms' })
  }
  await done(seen)""",
)
API = """
export const config = { type: 'api', name: 'Api', method: 'GET', path: '/api', emits: [] }
export const handler = async (_, { once, sleep }) => {
  const value = await once('a', () => 7)
  const refused = await Promise.resolve(sleep('s', '1s')).catch((error) => `${error.name}: ${error.message}`)
  return { status: 200, body: { value, refused } }
}
"""
CRON = """
export const config = { type: 'cron', name: 'Tick', cron: '* * * * * *', emits: [] }
export const handler = async ({ once, sleep, state }) => {
  const n = await once('n', async () => ((await state.get('n', 'tick/once')) ?? 0) + 1)
  await state.set('n', 'tick/once', n)
  await sleep('s', '300ms')
  await state.set('n', 'tick/done', n)
}
"""


async def test_handlers_of_every_shape_find_their_results(tmp_path: Path) -> None:
    """Behaviours 4, 6, 7, 8, 15, 16, 18, 21, 29, 43, 44 (cron and HTTP steps)."""
    texts = {"branches": BRANCHES, "parallel": PARALLEL, "timed": TIMED, "changed": CHANGED, "raced": RACED}
    texts |= {"unused": UNUSED, "secret": SECRET, "joined": JOINED, "atonce": AT_ONCE, "types": TYPES, "zod": ZOD}
    files = {f"steps/{name}.step.ts": text for name, text in texts.items()}
    files |= {"steps/api.step.ts": API, "steps/tick.step.ts": CRON}
    async with Running(make_durable(tmp_path, "ts", more=files)) as host:
        answer = await host.post("/door", {"topic": "go", "data": {"id": "x"}})
        found: dict[str, Any] = {name: await result(host, f"x-{name}") for name in texts}
        n = await counts(host, "x")
        # 43: a run that waits in two branches wakes for either; the shorter one goes on at its time.
        assert (n["after slow"], n["after fast"], n["branches"]) == (1, 1, 3)
        # 15, 16: thirty-two in parallel are found in any order.
        assert (found["parallel"], n["parallel"]) == (32, 2)
        # 18: neither a long `once` nor a wait ends the handler's clock of one second.
        assert found["timed"] == "in time"
        # 29: a changed duration keeps the first.
        assert found["changed"] == 2
        # A wait that lost a race keeps nothing waiting, and one that is only made waits for nothing.
        assert (found["raced"], n["raced"]) == ("quick", 1)
        assert (found["unused"], n["unused"]) == ("function", 1)
        # 7: shared calls join, and share errors.
        assert found["joined"] == [[1, 1], ["TypeError: no", "TypeError: no"]]
        # 6: a key used twice at once is refused.
        assert sorted(found["atonce"]) == ["fulfilled", "key_reused"]
        # 4: first use and later ones give equal types, and a schema makes its value each time.
        results = await host.group("results")
        assert found["types"] == results["x-first"] == "string 1970-01-01T00:00:00.000Z false"
        assert found["zod"] == results["x-zodfirst"] == 0
        # 21: a sensitive value is in no trace.
        trace = await host.api(f"traces/{answer['traceId']}")
        assert "hush-4711" not in str(trace)
        hits = [op for run in trace["runs"] for op in run["operations"] if op["type"] == "once"]
        assert {op["operation"] for op in hits} == {"run", "hit"}
        assert all(op["ageMs"] >= 0 for op in hits if op["operation"] == "hit")
        waits = [op for run in trace["runs"] for op in run["operations"] if op["type"] == "sleep"]
        assert {op["operation"] for op in waits} >= {"suspended", "woken"}
        ends = {attempt["status"] for run in trace["runs"] for attempt in run["attempts"]}
        assert ends == {"completed", "failed"}
        # HTTP: once runs, sleep is refused.
        api = await host.get("/api")
        assert api["value"] == 7
        assert api["refused"].startswith("invalid_params: sleep is for event and cron steps")
        # Cron: a suspended tick goes on with what it kept.
        await reaches(host, "tick", "done", 2)


async def test_a_short_wait_stays_in_memory_unless_its_slot_is_wanted(tmp_path: Path) -> None:
    """Behaviours 30, 44, 50, 51, 56."""
    project = make_durable(tmp_path, "ts", hold_s=60, more={"steps/one.step.ts": ONE})
    async with Running(project) as host:
        await begin(host, "ts", "short", sleep("s", "500ms"))
        await result(host, "short")
        assert (await counts(host, "short"))["leg"] == 1
        # One slot: the sleeper makes room for the other, and takes no attempt more.
        trace = await begin(host, "one", "waits", sleep("s", "4s"))
        await reaches(host, "waits", "leg")
        await begin(host, "one", "goes", once("a"))
        await result(host, "goes", 3)
        assert "waits" not in await host.group("results")
        await result(host, "waits")
        assert (await counts(host, "waits"))["leg"] == 2
        whole = await host.api(f"traces/{trace}")
        (run,) = [run for run in whole["runs"] if run["step"] == "Do-one"]
        assert [attempt["attempt"] for attempt in run["attempts"]] == [1]
        # A FIFO key stands while its head waits.
        await begin(host, "ts", "head", sleep("s", "2s"), once("a"), group="key")
        await begin(host, "ts", "tail", once("a"), group="key")
        await reaches(host, "head", "leg")
        await asyncio.sleep(1)
        assert await counts(host, "tail") == {}
        await result(host, "tail")


async def test_a_wait_survives_its_runner_a_reload_and_a_broken_file(tmp_path: Path) -> None:
    """Behaviours 42, 53, 54, and a runner that is killed while a handler only waits."""
    project = make_durable(tmp_path, "ts", hold_s=60)
    file = project / "steps/do-ts.step.ts"
    async with Running(project) as host:
        trace = await begin(host, "ts", "killed", once("a"), sleep("s", "3s"))
        await reaches(host, "killed", "a")
        await asyncio.sleep(0.5)
        for child in children_of(host.process.pid):
            if "main.ts" in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(child, signal.SIGKILL)
        assert await result(host, "killed") == {"a": "v"}
        assert await counts(host, "killed") == {"leg": 2, "a": 1}
        whole = await host.api(f"traces/{trace}")
        assert [[each["attempt"] for each in run["attempts"]] for run in whole["runs"]] == [[1], [1]]

        await begin(host, "ts", "reloaded", once("a"), sleep("s", "5s"))
        await reaches(host, "reloaded", "a")
        text = file.read_text()
        since = len(host.lines)
        file.write_text(
            text.replace("await state.set('results', id, got)", "await state.set('results', id, 'new code')")
        )
        await host.line("[UPDATED]", since=since)
        assert await result(host, "reloaded") == "new code"

        await begin(host, "ts", "broken", once("a"), sleep("s", "3s"))
        await reaches(host, "broken", "a")
        since = len(host.lines)
        file.write_text("export const config = {")
        await host.line("do-ts.step.ts", since=since)
        await asyncio.sleep(4)
        assert "broken" not in await host.group("results")
        file.write_text(text)
        assert await result(host, "broken") == {"a": "v"}

        await begin(host, "ts", "varies", {"do": "emitLeg"}, sleep("s", "5s"), emit("end"))
        await reaches(host, "varies", "leg")
        await asyncio.sleep(0.3)
        file.write_text(text + "\n")
        await reaches(host, "varies", "out:end")
        n = await counts(host, "varies")
        assert (n["out:leg1"], n["out:leg2"]) == (1, 1)
        logs = (await host.api("logs?level=warn"))["logs"]
        assert any("take such values from `once`" in log["message"] for log in logs)
