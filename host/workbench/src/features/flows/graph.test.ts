import { expect, it } from 'vitest'
import { edge, flowGraph, flowNode } from '../../test/flows.ts'
import { found, graphOf, topicKey } from './graph.ts'

const ORDER = flowNode('Order', { type: 'api', route: 'POST /orders' })
const PACK = flowNode('Pack')

it('names nodes by their files, and says what starts each', () => {
  const graph = graphOf(flowGraph([ORDER, PACK, flowNode('Nightly', { type: 'cron', cron: '0 3 * * *' })], [edge('Order', 'Pack', 'order.placed')]))
  expect(graph.nodes.map(({ key, line }) => [key, line])).toEqual([
    ['steps/Order.step.ts', 'POST /orders'],
    ['steps/Pack.step.ts', 'order.placed'],
    ['steps/Nightly.step.ts', '0 3 * * *'],
  ])
  expect(graph.nodes.map(({ hasWaysIn, hasWaysOut }) => [hasWaysIn, hasWaysOut])).toEqual([[false, true], [true, false], [false, false]])
})

it('draws topics with an open end once, broken only where nobody in the project is at the other end', () => {
  const graph = graphOf(
    flowGraph([ORDER, PACK], [
      edge('Order', null, 'lost'),
      edge('Pack', null, 'lost'),
      edge('Order', null, 'away', { outside: ['Bill'] }),
      edge(null, 'Pack', 'from.nowhere'),
      edge('Order', null, 'drawn', { virtual: true }),
    ]),
  )
  const topics = graph.nodes.filter(({ kind }) => kind === 'topic')
  expect(topics.map(({ key, problem }) => [key, problem])).toEqual([
    [topicKey('lost'), 'No step subscribes to it'],
    [topicKey('away'), null],
    [topicKey('from.nowhere'), 'No step emits it'],
    [topicKey('drawn'), null],
  ])
  expect(topics[1]?.line).toContain('Bill')
  expect(graph.ways.filter(({ to }) => to === topicKey('lost')).map(({ from }) => from)).toEqual([ORDER.file, PACK.file])
})

it('draws a file that does not load, and a step whose file does not load any more, with the reason', () => {
  const failures = [{ file: 'steps/new.step.ts', message: 'Syntax error' }, { file: PACK.file, message: 'Type error' }]
  const graph = graphOf({ ...flowGraph([ORDER, PACK], []), failures })
  expect(graph.nodes.map(({ name, kind, problem }) => [name, kind, problem])).toEqual([
    ['Order', 'step', null],
    ['Pack', 'step', 'Type error'],
    ['new.step.ts', 'file', 'Syntax error'],
  ])
})

it('joins topics of two nodes into one way, but keeps apart what is drawn otherwise', () => {
  const graph = graphOf(
    flowGraph([ORDER, PACK], [
      edge('Order', 'Pack', 'a'),
      edge('Order', 'Pack', 'b', { label: 'later' }),
      edge('Order', 'Pack', 'c', { conditional: true }),
      edge('Order', 'Pack', 'd', { virtual: true }),
      edge('Order', 'Pack', 'e', { waits: true }),
      edge('Order', 'Pack', 'f', { cancels: true }),
      edge('Pack', 'Pack', 'self'),
    ]),
  )
  expect(graph.ways.map(({ topics, labels, conditional, virtual, waits, cancels, at, of }) => ({ topics, labels, conditional, virtual, waits, cancels, at, of }))).toEqual([
    { topics: ['a', 'b'], labels: ['later'], conditional: false, virtual: false, waits: false, cancels: false, at: 0, of: 5 },
    { topics: ['c'], labels: [], conditional: true, virtual: false, waits: false, cancels: false, at: 1, of: 5 },
    { topics: ['d'], labels: [], conditional: false, virtual: true, waits: false, cancels: false, at: 2, of: 5 },
    { topics: ['e'], labels: [], conditional: false, virtual: false, waits: true, cancels: false, at: 3, of: 5 },
    { topics: ['f'], labels: [], conditional: false, virtual: false, waits: false, cancels: true, at: 4, of: 5 },
    { topics: ['self'], labels: [], conditional: false, virtual: false, waits: false, cancels: false, at: 0, of: 1 },
  ])
  expect(new Set(graph.ways.map(({ id }) => id)).size).toBe(6)
})

it('finds nodes by every word of a text', () => {
  const graph = graphOf(flowGraph([ORDER, PACK], [edge('Order', 'Pack', 'order.placed')]))
  expect(found(graph, 'post ORDERS').map(({ name }) => name)).toEqual(['Order'])
  expect(found(graph, 'order.placed').map(({ name }) => name)).toEqual(['Pack'])
  expect(found(graph, ' ')).toEqual([])
})
