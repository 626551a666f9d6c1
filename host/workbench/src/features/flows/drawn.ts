import { MarkerType, Position } from '@xyflow/react'
import type { FlowDrawn } from './FlowNode.tsx'
import { SIZES, type Place, type Places } from './layout.ts'
import type { Graph, Node } from './graph.ts'
import type { WayDrawn } from './WayEdge.tsx'
import { saidOf } from './status.ts'
import { kindWords } from './words.ts'

/** Nodes for the canvas. A node that has not changed is the same object as before, so that it is not drawn again. */
export class DrawnNodes {
  private kept = new Map<string, FlowDrawn>()

  make(graph: Graph, places: Places, selected: string): FlowDrawn[] {
    const next = new Map<string, FlowDrawn>()
    for (const node of graph.nodes) {
      const place = places[node.key]
      if (place === undefined) continue
      const before = this.kept.get(node.key)
      const same = before?.data.node === node && before.selected === (node.key === selected) && isAt(before.position, place)
      next.set(node.key, same ? before : drawnNode(node, place, node.key === selected))
    }
    this.kept = next
    return [...next.values()]
  }
}

const isAt = (a: Place, b: Place): boolean => a.x === b.x && a.y === b.y

function drawnNode(node: Node, place: Place, selected: boolean): FlowDrawn {
  const { width, height } = SIZES[node.kind]
  const handle = (type: 'source' | 'target', position: Position, x: number) => ({ type, position, x, y: height / 2 - 3, width: 7, height: 7 })
  return {
    id: node.key,
    type: 'flow',
    position: { x: place.x, y: place.y },
    data: { node },
    selected,
    width,
    height,
    measured: { width, height },
    // Known before anything is drawn: a node out of sight is not drawn at all, and its ways still are.
    handles: [handle('target', Position.Left, -4), handle('source', Position.Right, width - 3)],
    deletable: false,
    connectable: false,
    ariaLabel: [node.name, kindWords(node), node.line, node.problem ?? saidOf(node, undefined).words].filter(Boolean).join(', '),
  }
}

export function drawnWays(graph: Graph): WayDrawn[] {
  return graph.ways.map((way) => {
    const [from, to] = [graph.byKey.get(way.from), graph.byKey.get(way.to)]
    return {
      id: way.id,
      type: 'way',
      source: way.from,
      target: way.to,
      // A topic node carries its name itself.
      data: { way, isNamed: from?.kind !== 'topic' && to?.kind !== 'topic' },
      focusable: false,
      selectable: false,
      deletable: false,
      markerEnd: { type: MarkerType.ArrowClosed, markerUnits: 'userSpaceOnUse', width: 18, height: 18, color: 'var(--edge)' },
      ariaLabel: `${way.topics.join(', ')} from ${from?.name ?? ''} to ${to?.name ?? ''}`,
    }
  })
}
