import type { FlowEdge, FlowGraph, FlowNode } from '../../api/results.ts'

// What is drawn of a flow, before anything has a place: steps, files that do not load, topics with an open end, ways.

export interface Node {
  /** File of a step, `topic:NAME` of a topic: the same after a restart, so that places can be kept by it. */
  key: string
  kind: 'step' | 'file' | 'topic'
  name: string
  /** What starts it, or what is wrong. */
  line: string
  step: FlowNode | null
  /** Steps outside of the flow at the open end of a topic. */
  outside: readonly string[]
  /** Why it is drawn as broken; null when it is not. */
  problem: string | null
  hasWaysIn: boolean
  hasWaysOut: boolean
}

type Bare = Omit<Node, 'hasWaysIn' | 'hasWaysOut'>

export interface Way {
  id: string
  from: string
  to: string
  topics: readonly string[]
  labels: readonly string[]
  conditional: boolean
  virtual: boolean
  /** Runs of the step wait for the topics; they start none. */
  waits: boolean
  /** Events of the topics cancel runs of the step; they start none. */
  cancels: boolean
  /** Position among the ways between the same two nodes, and their number. */
  at: number
  of: number
}

export interface Graph {
  nodes: readonly Node[]
  ways: readonly Way[]
  byKey: ReadonlyMap<string, Node>
  keyOfStep: ReadonlyMap<string, string>
}

export const topicKey = (topic: string): string => `topic:${topic}`

export function graphOf(flow: FlowGraph): Graph {
  const failures = new Map(flow.failures.map((each) => [each.file, each.message]))
  const topics = topicsOf(flow.edges)
  const steps = flow.nodes.map((step) => stepNode(step, topics, failures))
  const files = [...failures].filter(([file]) => flow.nodes.every((step) => step.file !== file)).map(([file, message]) => fileNode(file, message))
  const open = new Map<string, Bare>()
  for (const edge of flow.edges) {
    const node = edge.from === null || edge.to === null ? topicNode(edge) : null
    if (node !== null) open.set(node.key, node)
  }
  const keyOfStep = new Map(flow.nodes.map((step) => [step.step, step.file]))
  const ways = waysOf(flow.edges, keyOfStep)
  const [sources, targets] = [new Set(ways.map(({ from }) => from)), new Set(ways.map(({ to }) => to))]
  const nodes = [...steps, ...open.values(), ...files].map((node) => ({ ...node, hasWaysIn: targets.has(node.key), hasWaysOut: sources.has(node.key) }))
  return { nodes, ways, byKey: new Map(nodes.map((node) => [node.key, node])), keyOfStep }
}

/** Topics that a step of the flow takes, by step. */
function topicsOf(edges: readonly FlowEdge[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { to, topic, virtual, waits, cancels } of edges) {
    if (to === null || virtual || waits || cancels) continue
    const known = found.get(to) ?? []
    if (!known.includes(topic)) found.set(to, [...known, topic])
  }
  return found
}

function stepNode(step: FlowNode, topics: ReadonlyMap<string, string[]>, failures: ReadonlyMap<string, string>): Bare {
  const line = step.route ?? step.cron ?? (topics.get(step.step) ?? []).join(', ')
  const problem = step.error ?? failures.get(step.file) ?? null
  return { key: step.file, kind: 'step', name: step.step, line, step, outside: [], problem }
}

function fileNode(file: string, message: string): Bare {
  const name = file.slice(file.lastIndexOf('/') + 1)
  return { key: file, kind: 'file', name, line: file, step: null, outside: [], problem: message }
}

function topicNode({ topic, to, virtual, outside }: FlowEdge): Bare {
  const missing = to === null ? 'No step subscribes to it' : 'No step emits it'
  const away = `${to === null ? 'To' : 'From'} ${outside.join(', ')}, outside of this flow`
  return {
    key: topicKey(topic),
    kind: 'topic',
    name: topic,
    line: outside.length > 0 ? away : virtual ? 'Drawn only' : missing,
    step: null,
    outside,
    problem: outside.length > 0 || virtual ? null : missing,
  }
}

function waysOf(edges: readonly FlowEdge[], keyOfStep: ReadonlyMap<string, string>): Way[] {
  const groups = new Map<string, { from: string; to: string; members: FlowEdge[] }>()
  for (const edge of edges) {
    const from = edge.from === null ? topicKey(edge.topic) : keyOfStep.get(edge.from)
    const to = edge.to === null ? topicKey(edge.topic) : keyOfStep.get(edge.to)
    if (from === undefined || to === undefined) continue
    const id = JSON.stringify([from, to, edge.conditional, edge.virtual, ...(edge.waits || edge.cancels ? [edge.waits, edge.cancels] : [])])
    const group = groups.get(id)
    if (group === undefined) groups.set(id, { from, to, members: [edge] })
    else group.members.push(edge)
  }
  const beside = new Map<string, string[]>()
  for (const [id, { from, to }] of groups) {
    const pair = JSON.stringify([from, to])
    beside.set(pair, [...(beside.get(pair) ?? []), id])
  }
  return [...groups].map(([id, { from, to, members }]) => {
    const all = beside.get(JSON.stringify([from, to])) ?? [id]
    return {
      id,
      from,
      to,
      topics: [...new Set(members.map((each) => each.topic))],
      labels: [...new Set(members.map((each) => each.label ?? '').filter(Boolean))],
      conditional: members.some((each) => each.conditional),
      virtual: members.some((each) => each.virtual),
      waits: members.some((each) => each.waits),
      cancels: members.some((each) => each.cancels),
      at: all.indexOf(id),
      of: all.length,
    }
  })
}

/** Nodes that hold every word of a text, in the order they are drawn. */
export function found(graph: Graph, text: string): readonly Node[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  return graph.nodes.filter((node) => {
    const { step } = node
    const whole = [node.name, node.line, node.key, step?.type, step?.language, step?.description].join(' ').toLowerCase()
    return words.every((word) => whole.includes(word))
  })
}
