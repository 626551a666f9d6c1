import type { Graph } from './graph.ts'
import { SIZES, type Box, type Place, type Places } from './layout.ts'

// Where nodes stand: placed by a person, laid out, or beside a neighbour. A node that stands somewhere stays there.

const GAP = { x: 130, y: 24 }

/**
 * Give every node a place. What is `shown` stays; then what was `saved`; then, where nobody has placed anything, what the
 * layout `computed`; a node that is left comes beside its neighbour.
 */
export function placed(graph: Graph, saved: Places, shown: Places, computed: Places): Places {
  const known = new Map<string, Place>()
  const bare = Object.keys(shown).length === 0 && graph.nodes.every(({ key }) => !(key in saved))
  for (const { key } of graph.nodes) {
    const place = shown[key] ?? saved[key] ?? (bare ? computed[key] : undefined)
    if (place !== undefined) known.set(key, place)
  }
  const taken = [...known].map(([key, place]) => boxOf(graph, key, place))
  for (const { key } of graph.nodes) {
    if (known.has(key)) continue
    const place = freePlace(sizeOf(graph, key), besideNeighbour(graph, key, known), taken)
    known.set(key, place)
    taken.push(boxOf(graph, key, place))
  }
  return Object.fromEntries(known)
}

/** Places to keep: what others have kept, under what was moved here; nodes that nobody has kept yet stay where they are. */
export function merged(theirs: Places, shown: Places, moved: ReadonlySet<string>): Places {
  const own = Object.entries(shown).filter(([key]) => moved.has(key) || !(key in theirs))
  return { ...theirs, ...Object.fromEntries(own.map(([key, place]) => [key, rounded(place)])) }
}

export const rounded = ({ x, y }: Place): Place => ({ x: Math.round(x), y: Math.round(y) })

const sizeOf = (graph: Graph, key: string) => SIZES[graph.byKey.get(key)?.kind ?? 'step']

const boxOf = (graph: Graph, key: string, place: Place): Box => ({ ...place, ...sizeOf(graph, key) })

/** Right of a node that leads here, or left of one that this leads to; else below everything. */
function besideNeighbour(graph: Graph, key: string, known: ReadonlyMap<string, Place>): Place {
  for (const way of graph.ways) {
    const place = way.to === key ? known.get(way.from) : undefined
    if (place !== undefined) return { x: place.x + sizeOf(graph, way.from).width + GAP.x, y: place.y }
  }
  for (const way of graph.ways) {
    const place = way.from === key ? known.get(way.to) : undefined
    if (place !== undefined) return { x: place.x - sizeOf(graph, key).width - GAP.x, y: place.y }
  }
  const places = [...known]
  const left = places.reduce((least, [, { x }]) => Math.min(least, x), places.length > 0 ? Infinity : 0)
  const under = places.reduce((most, [other, { y }]) => Math.max(most, y + sizeOf(graph, other).height + GAP.y), 0)
  return { x: left, y: under }
}

/** The first place at or below one where a node covers no other. */
function freePlace(size: { width: number; height: number }, wanted: Place, taken: readonly Box[]): Place {
  let { y } = wanted
  const inColumn = taken.filter((box) => box.x < wanted.x + size.width && wanted.x < box.x + box.width).sort((a, b) => a.y - b.y)
  for (const box of inColumn) {
    if (box.y < y + size.height && y < box.y + box.height) y = box.y + box.height + GAP.y
  }
  return { x: wanted.x, y }
}
