import type { Graph } from './graph.ts'

// What the layout needs of a graph, and the simple layout that needs no library. The other one is in the worker.

/** Sizes are fixed: what a node says may change, never the room that it takes. */
export const SIZES = {
  step: { width: 236, height: 84 },
  file: { width: 236, height: 84 },
  topic: { width: 196, height: 56 },
} as const

/** Left and top of a node. */
export type Place = { x: number; y: number }

/** By the keys of nodes. */
export type Places = Readonly<Record<string, Place>>

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface Task {
  nodes: { key: string; width: number; height: number }[]
  ways: { from: string; to: string }[]
  /** Between two columns: room for the names of topics. */
  gap: number
}

/** Above this the layout is the simple one: it is in proportion to the graph. */
export const NODES_MAX = 2000
export const WAYS_MAX = 6000

const CHAR_PX = 6.6
const GAP_MIN = 110
const GAP_MAX = 260
const ROW_GAP = 28

export function taskOf(graph: Graph): Task {
  const longest = graph.ways.reduce((most, way) => Math.max(most, ...way.topics.map((topic) => topic.length)), 0)
  return {
    nodes: graph.nodes.map(({ key, kind }) => ({ key, ...SIZES[kind] })),
    ways: graph.ways.filter(({ from, to }) => from !== to).map(({ from, to }) => ({ from, to })),
    gap: Math.round(Math.min(GAP_MAX, Math.max(GAP_MIN, longest * CHAR_PX + 56))),
  }
}

export const isLarge = (task: Task): boolean => task.nodes.length > NODES_MAX || task.ways.length > WAYS_MAX

/** Columns by the longest way from a node without a way to it; ways back are passed over. */
export function inColumns(task: Task): Places {
  const next = new Map<string, string[]>()
  const open = new Map(task.nodes.map(({ key }) => [key, 0]))
  for (const { from, to } of task.ways) {
    next.set(from, [...(next.get(from) ?? []), to])
    open.set(to, (open.get(to) ?? 0) + 1)
  }
  const column = new Map<string, number>()
  const ready = task.nodes.filter(({ key }) => open.get(key) === 0).map(({ key }) => key)
  const reach = (key: string): void => {
    for (const to of next.get(key) ?? []) {
      column.set(to, Math.max(column.get(to) ?? 0, (column.get(key) ?? 0) + 1))
      const left = (open.get(to) ?? 0) - 1
      open.set(to, left)
      if (left === 0) ready.push(to)
    }
  }
  // What becomes ready meanwhile is reached too.
  for (const key of ready) reach(key)
  const width = task.nodes.reduce((most, node) => Math.max(most, node.width), 0)
  const bottoms = new Map<number, number>()
  return Object.fromEntries(
    task.nodes.map((node) => {
      const at = column.get(node.key) ?? 0
      const y = bottoms.get(at) ?? 0
      bottoms.set(at, y + node.height + ROW_GAP)
      return [node.key, { x: at * (width + task.gap), y }]
    }),
  )
}
