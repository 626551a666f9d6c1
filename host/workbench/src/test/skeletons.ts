import type { TraceSkeleton } from '../api/results.ts'
import { T0, traceRow } from './factories.ts'

/** Row of a trace as a test writes it; times are milliseconds since the trace began. */
export interface Given {
  kind: string
  key: number
  start: number
  /** -1 while it goes on. */
  length?: number
  status?: string
  name?: readonly [string, string]
  text?: string
  wait?: number
  below?: Given[]
}

/** Answer of the host with these rows, as it encodes them. */
export function answerOf(roots: readonly Given[], change: Partial<TraceSkeleton> & { wholeKeys?: readonly number[] } = {}): TraceSkeleton {
  const { wholeKeys, ...rest } = change
  const [kinds, statuses, names, texts] = [words(), words(), words(), words()]
  texts.of('')
  const columns: TraceSkeleton['columns'] = { parent: [], size: [], start: [], length: [], kind: [], status: [], name: [], text: [], key: [] }
  const answer = { runIds: [] as string[], whole: [] as number[], waits: [] as number[][] }
  const last: Record<string, number> = {}
  let before = 0
  const add = (row: Given, parent: number): number => {
    const at = columns.parent.length
    const isRun = row.kind === 'run' || row.kind === 'http'
    const sort = isRun ? 'run' : row.kind === 'log' ? 'line' : 'span'
    const start = Math.round(row.start * 1000)
    columns.parent.push(parent < 0 ? 0 : at - parent)
    columns.size.push(1)
    columns.start.push(start - before)
    before = start
    columns.length.push(lengthOf(row))
    columns.kind.push(kinds.of(row.kind))
    columns.status.push(statuses.of(row.status ?? 'completed'))
    columns.name.push(names.of((row.name ?? [row.kind, '']).join('\u001f')))
    const known = texts.all.length
    const text = texts.of(row.text ?? '')
    columns.text.push(text < known ? text : (row.text ?? ''))
    columns.key.push(row.kind === 'attempt' ? row.key : row.key - (last[sort] ?? 0))
    if (row.kind !== 'attempt') last[sort] = row.key
    if (row.wait) answer.waits.push([at, Math.round(row.wait * 1000)])
    if (isRun) {
      answer.runIds.push(`r${row.key}`)
      if (wholeKeys === undefined || wholeKeys.includes(row.key)) answer.whole.push(at)
    }
    columns.size[at] = (row.below ?? []).reduce((size, each) => size + add(each, at), 1)
    return columns.size[at] ?? 1
  }
  for (const each of roots) add(each, -1)
  return {
    trace: traceRow(1, { startedAt: T0, endedAt: null, status: 'running' }), readAt: T0 + 1000, after: null, cursor: '1.1.1',
    rowCount: columns.parent.length, underWay: [], leftOut: 0, cut: false, textsLeftOut: 0,
    kinds: kinds.all, statuses: statuses.all, names: names.all.map((name) => name.split('\u001f')), columns, ...answer, ...rest,
  } // prettier-ignore
}

const lengthOf = ({ length = 0 }: Given): number => (length === -1 ? -1 : Math.round(length * 1000))

function words() {
  const numbers = new Map<string, number>()
  return {
    get all() {
      return [...numbers.keys()]
    },
    of(word: string): number {
      const known = numbers.get(word)
      if (known !== undefined) return known
      numbers.set(word, numbers.size)
      return numbers.size - 1
    },
  }
}

/** Random numbers that are the same in every run. */
export function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** A trace of any shape: runs below runs, with what they did. */
export function anyTrace(seed: number, runs: number, below: number): Given[] {
  const random = mulberry(seed)
  const all: Given[] = []
  const roots: Given[] = []
  let id = 1
  for (let key = 1; key <= runs; key++) {
    const parent = key === 1 || random() < 0.05 ? undefined : all[Math.floor(random() * all.length)]
    const start = (parent?.start ?? 0) + Math.floor(random() * 20)
    const run: Given = { kind: 'run', key, start, length: 50, below: [], text: `topic ${key % 3}` }
    const made = Math.floor(random() * below)
    for (let at = 0; at < made; at++) {
      const kind = random() < 0.3 ? 'log' : 'state'
      run.below?.push({ kind, key: id++, start: start + Math.floor(random() * 40_000) / 1000, length: kind === 'log' ? 0 : 1, text: `k${id}` })
    }
    all.push(run)
    ;(parent?.below ?? roots).push(run)
  }
  ordered(roots)
  return roots
}

const rank = (row: Given): number => (row.kind === 'attempt' ? 0 : row.kind === 'log' ? 2 : row.kind === 'run' || row.kind === 'http' ? 3 : 1)

/** Put siblings in the order of the host. */
export function ordered(rows: Given[]): void {
  const time = (row: Given): number => Math.round(row.start * 1000) + (rank(row) === 3 ? 999 : 0)
  rows.sort((a, b) => time(a) - time(b) || rank(a) - rank(b) || a.key - b.key)
  for (const row of rows) ordered(row.below ?? [])
}
