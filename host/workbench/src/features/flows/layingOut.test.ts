import { expect, it, vi } from 'vitest'
import { flowGraph, flowNode, largeFlow } from '../../test/flows.ts'
import { DrawnNodes } from './drawn.ts'
import { graphOf } from './graph.ts'
import { inColumns, taskOf } from './layout.ts'
import { KeptLayouts, nameOf } from './keptLayouts.ts'
import { LayingOut } from './layingOut.ts'
import { listedFlows, flowOfTrace } from './flows.ts'

const PLACES = { 'steps/A.step.ts': { x: 1, y: 2 }, 'steps/B.step.ts': { x: 3, y: 4 } }

class FakeWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null
  onerror: (() => void) | null = null
  asked: unknown[] = []
  terminate = vi.fn()
  postMessage(task: unknown): void {
    this.asked.push(task)
  }
  answer(): void {
    this.onmessage?.({ data: { places: PLACES, ms: 3 } })
  }
}

/** What a browser keeps, without one. */
class Kept {
  readonly items = new Map<string, string>()
  readonly getItem = (name: string): string | null => this.items.get(name) ?? null
  readonly setItem = (name: string, text: string): void => void this.items.set(name, text)
}

function made(store: Pick<Storage, 'getItem' | 'setItem'> = new Kept()) {
  const workers: FakeWorker[] = []
  const laying = new LayingOut(() => {
    const worker = new FakeWorker()
    workers.push(worker)
    return worker as unknown as Worker
  }, store)
  return { laying, workers }
}

const TASK = taskOf(graphOf(flowGraph([flowNode('A')], [])))
const OTHER = taskOf(graphOf(flowGraph([flowNode('B')], [])))
const never = (): AbortSignal => new AbortController().signal

it('lays each graph out once, in one worker', async () => {
  const { laying, workers } = made()
  const first = laying.run(TASK, never())
  workers[0]?.answer()
  expect(await first).toEqual(PLACES)
  expect(await laying.run(TASK, never())).toEqual(PLACES)
  const second = laying.run(OTHER, never())
  workers[0]?.answer()
  await second
  expect(workers).toHaveLength(1)
  expect(workers[0]?.asked).toHaveLength(2)
})

it('computes no graph again that this browser has kept, and trusts nothing that it cannot read', async () => {
  const store = new Kept()
  const first = made(store)
  const asked = first.laying.run(TASK, never())
  first.workers[0]?.answer()
  await asked
  const later = made(store)
  expect(await later.laying.run(TASK, never())).toEqual(PLACES)
  expect(later.workers).toHaveLength(0)
  for (const broken of ['{', '{}', '[["x"]]', JSON.stringify([[nameOf(TASK), { 'steps/A.step.ts': { x: null } }]]), JSON.stringify([[nameOf(TASK), {}]])]) {
    store.items.set('polystep.layouts', broken)
    const again = made(store)
    void again.laying.run(TASK, never())
    expect(again.workers, broken).toHaveLength(1)
  }
  const full = { getItem: () => null, setItem: () => { throw new Error('full') } }
  const { laying, workers } = made(full)
  const done = laying.run(TASK, never())
  workers[0]?.answer()
  expect(await done).toEqual(PLACES)
})

it('keeps the newest layouts, and few', () => {
  const store = new Kept()
  const kept = new KeptLayouts(store)
  for (let at = 0; at < 20; at++) kept.set(`g${at}`, PLACES)
  expect([kept.get('g7'), kept.get('g8'), kept.get('g19')]).toEqual([undefined, PLACES, PLACES])
  const large = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`a step with a long name ${at}`, { x: at, y: at }]))
  kept.set('one', large)
  kept.set('two', large)
  expect((store.getItem('polystep.layouts') ?? '').length).toBeLessThan(400_001)
  expect([kept.get('one') === undefined, kept.get('two') === undefined]).toEqual([false, false])
  kept.set('three', large)
  expect(kept.get('one')).toBeUndefined()
})

it('ends the work that nobody waits for', () => {
  const { laying, workers } = made()
  const abort = new AbortController()
  void laying.run(TASK, abort.signal)
  abort.abort()
  expect(workers[0]?.terminate).toHaveBeenCalled()
  void laying.run(TASK, never())
  void laying.run(OTHER, never())
  expect(workers[1]?.terminate).toHaveBeenCalled()
  expect(workers).toHaveLength(3)
})

it('shows a flow in columns where no worker runs, and where it is too large', async () => {
  const { laying, workers } = made()
  const failing = laying.run(TASK, never())
  workers[0]?.onerror?.()
  expect(await failing).toEqual(inColumns(TASK))
  const large = taskOf(graphOf(largeFlow(2001)))
  expect(Object.keys(await laying.run(large, never()))).toHaveLength(2001)
  expect(workers).toHaveLength(1)
})

it('draws no node again that has not changed: of 300, the moved one and those whose selection changed', () => {
  const graph = graphOf(largeFlow(300))
  const places = inColumns(taskOf(graph))
  const drawn = new DrawnNodes()
  const [a, b] = [graph.nodes[4]?.key ?? '', graph.nodes[9]?.key ?? '']
  const first = drawn.make(graph, places, '')
  const again = drawn.make(graph, { ...places }, '')
  expect(again.filter((node, at) => node !== first[at])).toEqual([])
  const moved = drawn.make(graph, { ...places, [a]: { x: 5, y: 5 } }, b)
  expect(moved.filter((node, at) => node !== first[at]).map(({ id }) => id)).toEqual([a, b])
})

it('lists the flows, the steps without one, and all together', () => {
  const step = (name: string, flows: string[]) => ({ name, type: 'event' as const, language: 'python', file: name, error: null, flows })
  const steps = [step('A', ['one']), step('B', ['one', 'two']), step('C', [])]
  expect(listedFlows([{ flow: 'one', steps: 2 }, { flow: 'two', steps: 1 }], steps).map(({ flow }) => flow)).toEqual(['one', 'two', '-', '*'])
  expect(listedFlows([{ flow: 'one', steps: 1 }], [step('A', ['one'])])).toEqual([{ flow: 'one', steps: 1 }])
  expect(listedFlows([], [])).toEqual([])
  const run = (name: string) => ({ runId: name, parentRunId: null, step: name, type: 'event', trigger: {}, status: 'completed', queuedAt: 0, startedAt: 0, endedAt: 0, durationMs: 0, error: null, attemptCount: 1, operationCount: 0 })
  expect(flowOfTrace([run('A'), run('B')], steps)).toBe('one')
  expect(flowOfTrace([run('C')], steps)).toBe('*')
})
