import type { FlowEdge, FlowGraph, FlowNode } from '../api/results.ts'

// Graphs as the host sends them.

export function flowNode(step: string, change: Partial<FlowNode> = {}): FlowNode {
  return { step, type: 'event', language: 'typescript', file: `steps/${step}.step.ts`, description: null, error: null, route: null, cron: null, ...change }
}

export function edge(from: string | null, to: string | null, topic: string, change: Partial<FlowEdge> = {}): FlowEdge {
  return { from, to, topic, label: null, conditional: false, virtual: false, waits: false, cancels: false, outside: [], ...change }
}

export const flowGraph = (nodes: FlowNode[], edges: FlowEdge[]): FlowGraph => ({ flow: 'shop', nodes, edges, failures: [], cut: false })

/** Flow of many steps: short chains, some of which join. */
export function largeFlow(count: number, random: () => number = seeded(1)): FlowGraph {
  const nodes = Array.from({ length: count }, (_, at) => flowNode(`Step${at}`))
  const edges = nodes.flatMap((node, at) =>
    at === 0 ? [] : Array.from({ length: random() < 0.2 ? 2 : 1 }, (_, more) => edge(`Step${Math.floor(random() * at)}`, node.step, `topic.${at}.${more}`)),
  )
  return flowGraph(nodes, edges)
}

/** Random numbers from 0 to 1 that are the same in each run. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}
