"""Project that is killed: each step leaves marks in state, of which the promise says how many there may be.

The step that marks an event marks it with an id of its own run: an event that was stored twice leaves two marks.
"""

from __future__ import annotations

from pathlib import Path

from tests.e2e.running import make_project


def make_killed(folder: Path, *, has_ruby: bool) -> Path:
    """Write the project."""
    files = {
        "steps/door.step.ts": DOOR, "steps/after.step.ts": AFTER, "steps/ordered.step.ts": ORDERED,
        "steps/waits.step.ts": WAITS, "steps/asks.step.js": ASKS, "steps/tick.step.ts": TICK,
        "steps/work_step.py": WORK, "steps/board_stream.py": BOARD,
    }  # fmt: skip
    if has_ruby:
        files["steps/mark_step.rb"] = RUBY
    return make_project(folder, files)


DOOR = """
export const config = {
  type: 'api', name: 'Door', path: '/door', method: 'POST', emits: ['work', 'ordered', 'wait', 'ask', 'mark'],
}
export const handler = async ({ body }: any, { emit }: any) => {
  const { topic, data, key } = body
  await emit({ topic, data, ...(key ? { messageGroupId: key } : {}) })
  return { status: 200, body: {} }
}
"""
AFTER = """
import { randomUUID } from 'node:crypto'
export const config = {
  type: 'event', name: 'After', subscribes: ['after'], emits: [], infrastructure: { queue: { maxRetries: 10 } },
}
export const handler = async ({ id }: any, { once, state }: any) => {
  await state.set('after', `${id}/${await once('run', async () => randomUUID())}`, 1)
}
"""
ORDERED = """
export const config = {
  type: 'event', name: 'Ordered', subscribes: ['ordered'], emits: [], infrastructure: { queue: { maxRetries: 10 } },
}
export const handler = async ({ key, number }: any, { state }: any) => {
  const seen = (await state.get('ordered', key)) ?? []
  await new Promise((resolve) => setTimeout(resolve, 5))
  if (seen.at(-1) !== number) await state.set('ordered', key, [...seen, number])
}
"""
WAITS = """
import { randomUUID } from 'node:crypto'
export const config = {
  type: 'event', name: 'Waits', subscribes: ['wait'], emits: ['after'], infrastructure: { queue: { maxRetries: 10 } },
}
export const handler = async ({ id }: any, { emit, once, sleep, state }: any) => {
  const kept = await once('pay', async () => randomUUID())
  await state.set('kept', `${id}/${kept}`, 1)
  await emit({ topic: 'after', data: { id: `${id} before` } })
  await sleep('a while', '700ms')
  const again = await once('pay', async () => randomUUID(), { shared: true })
  await state.set('kept', `${id}/${again}`, 1)
  await emit({ topic: 'after', data: { id: `${id} behind` } })
}
"""
ASKS = """
export const config = {
  type: 'event', name: 'Asks', subscribes: ['ask'], emits: ['after'], infrastructure: { queue: { maxRetries: 10 } },
}
export const handler = async ({ id }, { ask, emit, state }) => {
  const answer = await ask('go on?', { title: id, timeout: '1h' })
  await state.set('answers', id, answer)
  await emit({ topic: 'after', data: { id } })
}
"""
TICK = """
export const config = {
  type: 'cron', name: 'Tick', cron: '* * * * *', emits: ['after'], infrastructure: { queue: { maxRetries: 10 } },
}
export const handler = async ({ emit, scheduledAt }: any) => {
  await emit({ topic: 'after', data: { id: `tick ${scheduledAt.toISOString()}` } })
}
"""
WORK = """
import asyncio, os, time, uuid

config = {
    "type": "event", "name": "Work", "subscribes": ["work"], "emits": ["after"],
    "infrastructure": {"queue": {"maxRetries": 10}},
}

async def handler(data, context):
    with open(os.environ["STARTS"], "ab", buffering=0) as starts:
        starts.write(f"{time.time()}\\n".encode())
    id = data["id"]

    async def pay(unit):
        await asyncio.sleep(data["ms"] / 1000)
        return str(uuid.uuid4())

    kept = await context.once("pay", pay)
    await context.state.set("kept", f"{id}/{kept}", 1)
    await context.streams.board.set("all", id, {"kept": kept})
    await context.emit(topic="after", data={"id": id})
"""
BOARD = 'config = {"name": "board", "baseConfig": {"storageType": "default"}}\n'
RUBY = """
def config = { type: "event", name: "Mark", subscribes: ["mark"], emits: ["after"],
               infrastructure: { queue: { maxRetries: 10 } } }
def handler(data, context)
  context.emit(topic: "after", data: { id: data["id"] })
end
"""
