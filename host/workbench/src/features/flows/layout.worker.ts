import { graphlib, layout } from '@dagrejs/dagre'
import type { Place, Task } from './layout.ts'

// Lays graphs out off the page's thread, one task at a time.

addEventListener('message', ({ data }: MessageEvent<Task>) => {
  const began = performance.now()
  const places = laidOut(data)
  postMessage({ places, ms: performance.now() - began })
})

function laidOut({ nodes, ways, gap }: Task): Record<string, Place> {
  const graph = new graphlib.Graph()
  graph.setGraph({ rankdir: 'LR', ranker: 'tight-tree', nodesep: 28, edgesep: 20, ranksep: gap })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { key, width, height } of nodes) graph.setNode(key, { width, height })
  for (const { from, to } of ways) graph.setEdge(from, to)
  layout(graph)
  return Object.fromEntries(
    nodes.map(({ key, width, height }) => {
      const { x, y } = graph.node(key) as Place
      return [key, { x: Math.round(x - width / 2), y: Math.round(y - height / 2) }]
    }),
  )
}
