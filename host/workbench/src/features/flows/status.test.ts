import { expect, it } from 'vitest'
import type { RunOfTrace, StepCounts } from '../../api/results.ts'
import { edge, flowGraph, flowNode } from '../../test/flows.ts'
import { graphOf, type Node } from './graph.ts'
import { flowingOf, pathOf, saidOf, widthOf, workOf } from './status.ts'

const GRAPH = graphOf(
  flowGraph([flowNode('Order', { type: 'api' }), flowNode('Pack'), flowNode('Drawn', { type: 'noop' })], [
    edge('Order', 'Pack', 'order.placed'),
    edge('Pack', 'Pack', 'again'),
    edge(null, 'Pack', 'outside'),
    edge('Order', 'Pack', 'drawn', { virtual: true }),
  ]),
)
const node = (name: string): Node => {
  const found = GRAPH.nodes.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no node ${name}`)
  return found
}
const counts = (change: Partial<StepCounts>): StepCounts => ({ step: 'Pack', running: 0, waiting: 0, retrying: 0, failed: 0, paused: false, ...change })
const run = (runId: string, step: string, parentRunId: string | null, change: Partial<RunOfTrace> = {}): RunOfTrace => ({
  runId, step, parentRunId, type: 'event', trigger: { kind: 'event', topic: 'order.placed' }, status: 'completed', queuedAt: 0, startedAt: 1, endedAt: 2,
  durationMs: 14, error: null, attemptCount: 1, operationCount: 0, ...change,
})

it('says in one line what a step does', () => {
  expect(saidOf(node('Pack'), counts({ running: 3, waiting: 1200, failed: 1 }))).toEqual({ tone: 'failed', words: '3 running · 1,200 waiting · 1 failed' })
  expect(saidOf(node('Pack'), counts({ running: 1 }))).toEqual({ tone: 'running', words: '1 running' })
  expect(saidOf(node('Pack'), counts({ retrying: 2, paused: true })).words).toBe('Paused · 2 retrying')
  expect(saidOf(node('Pack'), undefined).words).toBe('Idle')
  expect(saidOf(node('Drawn'), undefined).words).toBe('Drawn only')
  expect(saidOf({ ...node('Pack'), problem: 'no' }, counts({ running: 1 })).words).toBe('Does not load')
})

it('counts events along their ways, only while they are counted', () => {
  const events = [
    { topic: 'order.placed', step: 'Pack', total: 5, recent: 2, waiting: 0 },
    { topic: 'again', step: 'Pack', total: 1, recent: 0, waiting: 1200 },
    { topic: 'outside', step: 'Pack', total: 0, recent: 0, waiting: null },
  ]
  const found = flowingOf(GRAPH, { flow: 'shop', steps: [], events, countedS: 60 })
  expect([...found.values()].map(({ total, words }) => [total, words])).toEqual([[5, '2/min'], [1, '1,200 waiting']])
  expect([...flowingOf(GRAPH, { flow: 'shop', steps: [], events, countedS: 4.6 }).values()][0]?.words).toBe('2/5 s')
  expect(flowingOf(GRAPH, undefined).size).toBe(0)
})

it('draws a way thicker by the logarithm of its rate, up to a bound', () => {
  const px = [0, 9, 99, 999, 1e9].map(widthOf)
  expect(px).toEqual([1.25, 2.25, 3.25, 4.25, 6])
})

it('says how long steps of the graph have worked lately', () => {
  const total = { runs: 1, failed: 0, retried: 0, waitP50: null, waitP95: null, waitP99: null, workP50: 1, workP95: 14, workP99: 20 }
  const totals = [{ ...total, step: 'Pack' }, { ...total, step: 'Order', workP95: null }, { ...total, step: 'Elsewhere' }]
  expect([...workOf(GRAPH, totals)]).toEqual([['steps/Pack.step.ts', '14 ms']])
})

it('paints the ways that the events of a trace took, with durations', () => {
  const path = pathOf(GRAPH, [
    run('1', 'Order', null, { trigger: { kind: 'http' }, status: 'completed' }),
    run('2', 'Pack', '1'),
    run('3', 'Pack', '2', { trigger: { kind: 'event', topic: 'again' }, status: 'failed' }),
  ])
  expect(path.steps.get('Order')).toEqual({ tone: 'ok', words: 'Done · 14 ms' })
  expect(path.steps.get('Pack')).toEqual({ tone: 'failed', words: 'Failed · 28 ms · 2 runs' })
  expect(GRAPH.ways.filter(({ id }) => path.ways.has(id)).map(({ topics }) => topics)).toEqual([['order.placed'], ['again']])
  const outside = pathOf(GRAPH, [run('1', 'Pack', null, { trigger: { kind: 'event', topic: 'outside' }, status: 'running', durationMs: null })])
  expect(GRAPH.ways.filter(({ id }) => outside.ways.has(id)).map(({ topics }) => topics)).toEqual([['outside']])
  expect(outside.steps.get('Pack')).toEqual({ tone: 'running', words: 'Running' })
})
