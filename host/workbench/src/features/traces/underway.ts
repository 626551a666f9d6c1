import type { CallUnderWay } from '../../api/results.ts'
import { closedAt, columns, isRun, rowOf, SORTS, sortAt, KINDS, STATUSES, type Skeleton } from './skeleton.ts'

/** Keys of calls under way are beyond those of operations: they are no operations yet. */
const KEYS_FROM = 2 ** 52

export const isUnderWay = (rows: Skeleton, row: number): boolean => (rows.key[row] ?? 0) >= KEYS_FROM && sortAt(rows, row) === SORTS.span


interface Place {
  /** The new row stands before this one. */
  at: number
  parent: number
  start: number
  call: CallUnderWay
}

/** The rows of a trace, and among them the calls that have begun and not ended. */
export function withUnderWay(rows: Skeleton, calls: readonly CallUnderWay[], zeroMs: number, nowMs: number): Skeleton {
  const places = calls.flatMap((call) => placeOf(rows, call, zeroMs) ?? [])
  if (places.length === 0) return rows
  // Where several stand before one row, what is deeper ends first.
  places.sort((a, b) => a.at - b.at || (rows.depth[b.parent] ?? 0) - (rows.depth[a.parent] ?? 0) || a.start - b.start)
  const [names, texts] = [[...rows.names], [...rows.texts]]
  const all = columns(rows.count + places.length, names, texts, rows.runIds)
  const moved = new Int32Array(rows.count)
  let next = 0
  const insert = (at: number): void => {
    for (let place = places[next]; place?.at === at; place = places[++next]) {
      const row = at + next
      all.parent[row] = place.parent + (moved[place.parent] ?? 0)
      all.depth[row] = (rows.depth[place.parent] ?? 0) + 1
      all.startUs[row] = place.start * 1000
      all.start[row] = place.start
      all.open[row] = 1
      all.kind[row] = KINDS.indexOf(place.call.received === null ? 'call' : 'llm')
      all.status[row] = STATUSES.indexOf('underway')
      all.name[row] = names.push([place.call.name, '']) - 1
      all.text[row] = place.call.received === null ? 0 : texts.push(`${place.call.received.toLocaleString('en')} characters so far`) - 1
      all.key[row] = KEYS_FROM + place.call.number
    }
  }
  for (let from = 0; from < rows.count; from++) {
    insert(from)
    moved[from] = next
    const row = from + next
    for (const column of COPIED) all[column][row] = rows[column][from] ?? 0
    const parent = rows.parent[from] ?? -1
    all.parent[row] = parent < 0 ? -1 : parent + (moved[parent] ?? 0)
  }
  insert(rows.count)
  all.size.fill(1)
  for (let row = all.count - 1; row > 0; row--) {
    const parent = all.parent[row] ?? -1
    if (parent >= 0) all.size[parent] = (all.size[parent] ?? 1) + (all.size[row] ?? 1)
  }
  return closedAt(all, nowMs)
}

const COPIED = ['depth', 'startUs', 'start', 'end', 'wait', 'open', 'kind', 'status', 'whole', 'name', 'text', 'key'] as const

/** Below its attempt, or its run where that shows no attempts, among what began before it. */
function placeOf(rows: Skeleton, call: CallUnderWay, zeroMs: number): Place | null {
  const run = rowOf(rows, call.runId)
  if (run < 0) return null
  const attempt = rowOf(rows, `${call.runId}.a${call.attempt}`)
  const parent = attempt < 0 ? run : attempt
  const start = Math.max(rows.start[run] ?? 0, call.beganAt - zeroMs)
  const end = parent + (rows.size[parent] ?? 1)
  let at = parent + 1
  while (at < end && ((rows.start[at] ?? 0) < start || (rows.start[at] === start && !isRun(rows, at)))) at += rows.size[at] ?? 1
  return { at, parent, start, call }
}
