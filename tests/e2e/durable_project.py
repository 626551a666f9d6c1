"""One handler in four languages that does what its event says, and counts what it did."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.e2e.running import Running, make_project

LANGUAGES = ("ts", "js", "py", "rb")
TOML = "[durable]\nhold_s = {hold}\n[runners.ruby]\nprocesses = 1\n"


def make_durable(folder: Path, *languages: str, hold_s: float = 0.0, more: dict[str, str] | None = None) -> Path:
    """A project of the handler in these languages, of a door that emits, and of a step that counts events."""
    files = {"steps/door.step.ts": DOOR, "steps/sink.step.ts": SINK, "polystep.toml": TOML.format(hold=hold_s)}
    texts = {"ts": ("do-ts.step.ts", NODE), "js": ("do-js.step.js", NODE), "py": ("do_py_step.py", PYTHON)}
    texts["rb"] = ("do_rb_step.rb", RUBY)
    for language in languages or LANGUAGES:
        name, text = texts[language]
        files[f"steps/{name}"] = text.replace("LANG", language)
    return make_project(folder, {**files, **(more or {})})


async def begin(host: Running, language: str, id_: str, *ops: dict[str, Any], group: str | None = None) -> str:
    """Emit what a handler is to do; returns the trace."""
    body = {"topic": f"do.{language}", "data": {"id": id_, "ops": list(ops)}, "group": group}
    answer = await host.post("/door", body)
    return str(answer["traceId"])


async def result(host: Running, id_: str, within_s: float = 15.0) -> Any:
    """Wait for what a handler has got."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + within_s
    while id_ not in (found := await host.group("results")):
        if loop.time() > end_s:
            raise AssertionError(f"{id_} has no result; printed was:\n" + "\n".join(host.lines[-60:]))
        await asyncio.sleep(0.05)
    return found[id_]


async def counts(host: Running, id_: str) -> dict[str, int]:
    """How often each function, leg or event of a run happened."""
    return {key.partition("/")[2]: n for key, n in (await host.group("n")).items() if key.startswith(f"{id_}/")}


async def reaches(host: Running, id_: str, what: str, count: int = 1, within_s: float = 30.0) -> None:
    """Wait until something has happened so often."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + within_s
    while (found := await counts(host, id_)).get(what, 0) < count:
        if loop.time() > end_s:
            raise AssertionError(f"{id_} has {found}; printed was:\n" + "\n".join(host.lines[-60:]))
        await asyncio.sleep(0.05)


DOOR = """
export const config = { type: 'api', name: 'Door', method: 'POST', path: '/door',
  emits: ['do.ts', 'do.js', 'do.py', 'do.rb', 'do.one', 'go', 'said', 'heard', 'any'] }
export const handler = async ({ body }, { emit, traceId }) => {
  await emit({ topic: body.topic, data: body.data, ...(body.group ? { messageGroupId: body.group } : {}) })
  return { status: 200, body: { traceId } }
}
"""

SINK = """
export const config = { type: 'event', name: 'Sink', subscribes: ['out'], emits: [],
  infrastructure: { queue: { type: 'fifo' } } }
export const handler = async ({ id, what }, { state }) => {
  const key = `${id}/out:${what}`
  await state.set('n', key, ((await state.get('n', key)) ?? 0) + 1)
}
"""

NODE = """
export const config = { type: 'event', name: 'Do-LANG', subscribes: ['do.LANG'], emits: ['out'],
  waitsFor: [{ topic: 'said', by: 'to' }, { topic: 'heard', by: 'at.id' }, 'any'] }
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms) })
export const handler = async ({ id, ops }, { once, sleep, ask, callback, waitFor, call, emit, state, answer }) => {
  const bump = async (what) => {
    const n = ((await state.get('n', `${id}/${what}`)) ?? 0) + 1
    await state.set('n', `${id}/${what}`, n)
    return n
  }
  await bump('leg')
  const got = {}
  for (const op of ops) {
    try {
      if (op.do === 'once') {
        got[op.key] = await once(op.key, async ({ idempotencyKey }) => {
          const n = await bump(op.key)
          if (op.slowMs && n <= (op.slowTimes ?? n)) await pause(op.slowMs)
          if (n <= (op.fails ?? 0)) throw Object.assign(new Error(`no ${n}`), op.final ? { retryable: false } : {})
          if (op.value === 'big') return 'x'.repeat(2 ** 20)
          return op.value ?? idempotencyKey
        }, op.options)
      }
      if (op.do === 'sleep') {
        try { await sleep(op.key, op.for) } catch (error) { await bump('swallowed'); throw error }
      }
      if (op.do === 'ask') got[op.key] = await ask(op.key, op.options)
      if (op.do === 'callback') {
        const hook = await callback(op.key, op.options)
        await state.set('urls', `${id}/${await bump('opened')}`, hook.url)
        got[op.key] = await hook.result()
      }
      if (op.do === 'waitFor') got[op.key] = await waitFor(op.key, op.wanted, ...(op.options ? [op.options] : []))
      if (op.do === 'call') got[op.key] = await call(op.key, op.step, op.input, op.options)
      if (op.do === 'answer') got[op.key] = (await answer(op.id, op.value)) ?? 'answered'
      if (op.do === 'emit') await emit({ topic: 'out', data: { id, what: op.what } })
      if (op.do === 'emitLeg') await emit({ topic: 'out', data: { id, what: `leg${await bump('emits')}` } })
      if (op.do === 'pause') await pause(op.ms)
      if (op.do === 'fail' && (await bump('fails')) <= op.times) throw Object.assign(new Error('failed'), op.more)
    } catch (error) {
      if (!op.caught) throw error
      got[op.key] = `${error.name}: ${error.message}`
    }
  }
  await state.set('results', id, got)
}
"""

PYTHON = """
import asyncio

config = {"type": "event", "name": "Do-LANG", "subscribes": ["do.LANG"], "emits": ["out"],
          "waitsFor": [{"topic": "said", "by": "to"}, {"topic": "heard", "by": "at.id"}, "any"]}


async def handler(data, context):
    id, state = data["id"], context.state

    async def bump(what):
        n = ((await state.get("n", f"{id}/{what}")) or 0) + 1
        await state.set("n", f"{id}/{what}", n)
        return n

    def failure(text, more):
        error = Exception(text)
        error.retryable = more.get("retryable", True)
        if "retryAfter" in more:
            error.retry_after = more["retryAfter"]
        return error

    await bump("leg")
    got = {}
    for op in data["ops"]:
        try:
            if op["do"] == "once":
                async def work(unit):
                    n = await bump(op["key"])
                    if n <= op.get("slowTimes", n):
                        await asyncio.sleep(op.get("slowMs", 0) / 1000)
                    if n <= op.get("fails", 0):
                        raise failure(f"no {n}", {"retryable": not op.get("final")})
                    if op.get("value") == "big":
                        return "x" * 2**20
                    return op.get("value", unit.idempotency_key)

                got[op["key"]] = await context.once(op["key"], work, **op.get("options", {}))
            if op["do"] == "sleep":
                try:
                    await context.sleep(op["key"], op["for"])
                except Exception:
                    await bump("swallowed")
                    raise
            if op["do"] == "ask":
                status, value = await context.ask(op["key"], **op["options"])
                got[op["key"]] = {"status": status, "value": value}
            if op["do"] == "callback":
                hook = await context.callback(op["key"], **op["options"])
                await state.set("urls", f"{id}/{await bump('opened')}", hook.url)
                answer = await hook
                got[op["key"]] = {"status": answer.status, "value": answer.value}
            if op["do"] == "waitFor":
                wanted = op["wanted"]
                if isinstance(wanted, list):
                    got[op["key"]] = await context.wait_for(op["key"], wanted, **op.get("options", {}))
                else:
                    got[op["key"]] = await context.wait_for(op["key"], **wanted)
            if op["do"] == "call":
                got[op["key"]] = await context.call(op["key"], op["step"], op.get("input"), **op.get("options", {}))
            if op["do"] == "answer":
                got[op["key"]] = await context.answer(op["id"], op["value"]) or "answered"
            if op["do"] == "emit":
                await context.emit(topic="out", data={"id": id, "what": op["what"]})
            if op["do"] == "emitLeg":
                await context.emit(topic="out", data={"id": id, "what": f"leg{await bump('emits')}"})
            if op["do"] == "pause":
                await asyncio.sleep(op["ms"] / 1000)
            if op["do"] == "fail" and await bump("fails") <= op["times"]:
                raise failure("failed", op.get("more", {}))
        except Exception as error:
            if not op.get("caught"):
                raise
            got[op["key"]] = f"{getattr(error, 'name', type(error).__name__)}: {error}"
    await state.set("results", id, got)
"""

RUBY = """
def config = { type: "event", name: "Do-LANG", subscribes: ["do.LANG"], emits: ["out"],
  waitsFor: [{ topic: "said", by: "to" }, { topic: "heard", by: "at.id" }, "any"] }

class Failing < StandardError
  attr_accessor :retryable, :retry_after
end

def handler(data, context)
  id, state = data["id"], context.state
  bump = lambda do |what|
    n = (state.get("n", "#{id}/#{what}") || 0) + 1
    state.set("n", "#{id}/#{what}", n)
    n
  end
  failure = lambda do |text, more|
    Failing.new(text).tap { |e| e.retryable, e.retry_after = more.fetch("retryable", true), more["retryAfter"] }
  end
  bump.("leg")
  got = {}
  data["ops"].each do |op|
    case op["do"]
    when "once"
      options = op.fetch("options", {}).transform_keys(&:to_sym)
      got[op["key"]] = context.once(op["key"], **options) do |unit|
        n = bump.(op["key"])
        Kernel.sleep(op.fetch("slowMs", 0) / 1000.0) if n <= op.fetch("slowTimes", n)
        raise failure.("no #{n}", { "retryable" => !op["final"] }) if n <= op.fetch("fails", 0)

        op["value"] == "big" ? "x" * 2**20 : op.fetch("value", unit.idempotency_key)
      end
    when "sleep"
      begin
        context.sleep(op["key"], op["for"])
      rescue StandardError
        bump.("swallowed")
        raise
      end
    when "ask"
      got[op["key"]] = context.ask(op["key"], **op["options"].transform_keys(&:to_sym)).to_h
    when "callback"
      hook = context.callback(op["key"], **op["options"].transform_keys(&:to_sym))
      state.set("urls", "#{id}/#{bump.('opened')}", hook.url)
      got[op["key"]] = hook.result.to_h
    when "waitFor"
      wanted = op["wanted"]
      got[op["key"]] = if wanted.is_a?(Array)
        context.wait_for(op["key"], wanted, **op.fetch("options", {}).transform_keys(&:to_sym))
      else
        context.wait_for(op["key"], **wanted.transform_keys(&:to_sym))
      end
    when "call"
      options = op.fetch("options", {}).transform_keys(&:to_sym)
      got[op["key"]] = context.call(op["key"], op["step"], op["input"], **options)
    when "answer" then got[op["key"]] = context.answer(op["id"], op["value"]) || "answered"
    when "emit" then context.emit(topic: "out", data: { id: id, what: op["what"] })
    when "emitLeg" then context.emit(topic: "out", data: { id: id, what: "leg#{bump.('emits')}" })
    when "pause" then Kernel.sleep(op["ms"] / 1000.0)
    when "fail" then raise failure.("failed", op.fetch("more", {})) if bump.("fails") <= op["times"]
    end
  rescue StandardError => error
    raise unless op["caught"]

    got[op["key"]] = "#{error.respond_to?(:name) ? error.name : error.class}: #{error.message}"
  end
  state.set("results", id, got)
end
"""
