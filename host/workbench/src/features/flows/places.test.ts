import { describe, expect, it } from 'vitest'
import { edge, flowGraph, flowNode, largeFlow, seeded } from '../../test/flows.ts'
import { graphOf, type Graph } from './graph.ts'
import { inColumns, isLarge, SIZES, taskOf, type Places } from './layout.ts'
import { merged, placed } from './places.ts'

function overlaps(graph: Graph, places: Places): string[] {
  const boxes = graph.nodes.map(({ key, kind }) => ({ key, ...SIZES[kind], ...(places[key] ?? { x: NaN, y: NaN }) }))
  return boxes.flatMap((a, at) =>
    boxes.slice(at + 1).filter((b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height).map((b) => `${a.key} ${b.key}`),
  )
}

const random = seeded(7)
const graphs = Array.from({ length: 20 }, (_, at) => graphOf(largeFlow(2 + at * 3, random)))

describe.each(graphs)('a graph of $nodes.length nodes', (graph) => {
  const laidOut = inColumns(taskOf(graph))
  const some = Object.fromEntries(graph.nodes.filter(() => random() < 0.5).map(({ key }) => [key, laidOut[key] ?? { x: 0, y: 0 }]))

  it('gives every node a place, and none over another', () => {
    for (const places of [placed(graph, {}, {}, laidOut), placed(graph, some, {}, laidOut), placed(graph, {}, some, {})]) {
      expect(Object.keys(places)).toHaveLength(graph.nodes.length)
      expect(overlaps(graph, places)).toEqual([])
    }
  })

  it('moves no node that stands somewhere', () => {
    const before = placed(graph, some, {}, laidOut)
    expect(placed(graph, {}, before, {})).toEqual(before)
    expect(placed(graph, laidOut, before, laidOut)).toEqual(before)
    for (const [key, place] of Object.entries(some)) expect(before[key]).toEqual(place)
  })

  it('keeps what both have placed, and what is merged again is the same', () => {
    const shown = placed(graph, {}, {}, laidOut)
    const moved = new Set(Object.keys(some))
    const once = merged({ gone: { x: 1, y: 1 }, ...some }, shown, moved)
    expect(once.gone).toEqual({ x: 1, y: 1 })
    expect(merged(once, shown, moved)).toEqual(once)
    expect(Object.keys(once)).toHaveLength(graph.nodes.length + 1)
  })
})

it('puts a new step beside the one that leads to it', () => {
  const nodes = [flowNode('Order'), flowNode('Pack'), flowNode('New')]
  const graph = graphOf(flowGraph(nodes, [edge('Order', 'Pack', 'a'), edge('Order', 'New', 'b')]))
  const saved = { 'steps/Order.step.ts': { x: 0, y: 50 }, 'steps/Pack.step.ts': { x: 366, y: 50 } }
  const place = placed(graph, saved, {}, {})['steps/New.step.ts']
  expect(place?.x).toBe(SIZES.step.width + 130)
  expect(place?.y).toBeGreaterThan(50 + SIZES.step.height)
})

it('leaves to others what they have moved, unless it was moved here too', () => {
  const theirs = { a: { x: 1, y: 1 }, b: { x: 2, y: 2 } }
  const shown = { a: { x: 10.4, y: 0 }, b: { x: 20, y: 0 }, c: { x: 30, y: -0.6 } }
  expect(merged(theirs, shown, new Set(['b']))).toEqual({ a: { x: 1, y: 1 }, b: { x: 20, y: 0 }, c: { x: 30, y: -1 } })
})

it('lays out 300 steps in columns without an overlap, and ways back end nothing', () => {
  const graph = graphOf(largeFlow(300))
  expect(overlaps(graph, inColumns(taskOf(graph)))).toEqual([])
  const circle = graphOf(flowGraph([flowNode('A'), flowNode('B')], [edge('A', 'B', 'a'), edge('B', 'A', 'b'), edge('A', 'A', 'c')]))
  expect(overlaps(circle, inColumns(taskOf(circle)))).toEqual([])
  expect(isLarge(taskOf(graphOf(largeFlow(2001))))).toBe(true)
})
