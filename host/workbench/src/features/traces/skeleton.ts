import type { TraceSkeleton } from '../../api/results.ts'

/** What a row stands for; decides its colour and its panel. */
export type Kind = 'http' | 'run' | 'attempt' | 'emit' | 'state' | 'stream' | 'call' | 'llm' | 'log' | 'other'

const KINDS: readonly Kind[] = ['http', 'run', 'attempt', 'emit', 'state', 'stream', 'call', 'llm', 'log', 'other']
const STATUSES = ['completed', 'failed', 'rejected', 'running', 'waiting', 'interrupted', 'suspended', 'cancelled', 'underway', 'unknown'] as const
const [RUN_KINDS, ATTEMPT, LOG] = [2, 2, 8]
const FAILED = 1
/** Code of attempts in the column of kinds. */
export const ATTEMPT_KIND = ATTEMPT
export { KINDS, STATUSES }

/** Sorts of rows; of rows that began at the same moment the lower comes first. The host counts in the same way. */
export const SORTS = { attempt: 0, span: 1, line: 2, run: 3 } as const

/**
 * A trace as columns in depth-first order: row `i` with all below it is `i` to `i + size[i]`, so a closed row is passed
 * over by adding its size. Times are milliseconds since the trace began.
 */
export interface Skeleton {
  count: number
  parent: Int32Array
  size: Int32Array
  depth: Int32Array
  /** Microseconds since the trace began, as the host counts: the order of rows hangs on them. */
  startUs: Float64Array
  start: Float64Array
  end: Float64Array
  /** Of a run its wait for the first attempt, of an attempt the pause before it. */
  wait: Float64Array
  /** Goes on: it ends now. */
  open: Uint8Array
  kind: Uint8Array
  status: Uint8Array
  name: Int32Array
  text: Int32Array
  /** Number of an attempt; id of a run, an operation or a log line, each unique among its sort. */
  key: Float64Array
  /** What a row is, and the group, stream or topic that it is about. */
  names: (readonly [string, string])[]
  texts: string[]
  runIds: ReadonlyMap<number, string>
  /** Rows of runs that this has whole; of others, what has come since. */
  whole: Uint8Array
  /** Longest time on the axis. */
  spanMs: number
}

export const EMPTY: Skeleton = columns(0, [], [''], new Map())

export function columns(count: number, names: (readonly [string, string])[], texts: string[], runIds: ReadonlyMap<number, string>): Skeleton {
  return {
    count, names, texts, runIds, spanMs: 1,
    parent: new Int32Array(count), size: new Int32Array(count), depth: new Int32Array(count),
    startUs: new Float64Array(count), start: new Float64Array(count), end: new Float64Array(count), wait: new Float64Array(count),
    open: new Uint8Array(count), kind: new Uint8Array(count), status: new Uint8Array(count), whole: new Uint8Array(count),
    name: new Int32Array(count), text: new Int32Array(count), key: new Float64Array(count),
  } // prettier-ignore
}

/** Read the columns of an answer. */
export function decoded(answer: TraceSkeleton): Skeleton {
  const { rowCount } = answer
  const runIds = new Map<number, string>()
  const rows = columns(rowCount, answer.names.map(([what = '', where = '']) => [what, where] as const), [''], runIds)
  readWords(rows, answer)
  readTree(rows, answer)
  readTimes(rows, answer)
  readKeys(rows, answer, runIds)
  for (const row of answer.whole) rows.whole[row] = 1
  return closedAt(rows, answer.readAt - answer.trace.startedAt)
}

function readWords(rows: Skeleton, { kinds, statuses, columns: given }: TraceSkeleton): void {
  const kindCodes = kinds.map((word) => indexOr(KINDS, word, 'other'))
  const statusCodes = statuses.map((word) => indexOr(STATUSES, word, 'unknown'))
  for (let row = 0; row < rows.count; row++) {
    rows.kind[row] = kindCodes[given.kind[row] ?? 0] ?? 0
    rows.status[row] = statusCodes[given.status[row] ?? 0] ?? 0
    const text = given.text[row] ?? 0
    rows.text[row] = typeof text === 'number' ? text : rows.texts.push(text) - 1
  }
  rows.name.set(given.name)
}

function readTree(rows: Skeleton, { columns: given }: TraceSkeleton): void {
  rows.size.set(given.size)
  for (let row = 0; row < rows.count; row++) {
    const back = given.parent[row] ?? 0
    const parent = back === 0 ? -1 : row - back
    rows.parent[row] = parent
    rows.depth[row] = parent < 0 ? 0 : (rows.depth[parent] ?? 0) + 1
  }
}

function readTimes(rows: Skeleton, { columns: given, waits }: TraceSkeleton): void {
  let start = 0
  for (let row = 0; row < rows.count; row++) {
    const length = given.length[row] ?? 0
    start += given.start[row] ?? 0
    rows.startUs[row] = start
    rows.start[row] = start / 1000
    rows.end[row] = (start + Math.max(0, length)) / 1000
    rows.open[row] = length < 0 ? 1 : 0
  }
  for (const [row = 0, wait = 0] of waits) rows.wait[row] = wait / 1000
}

function readKeys(rows: Skeleton, answer: TraceSkeleton, runIds: Map<number, string>): void {
  const last = [0, 0, 0, 0]
  let runs = 0
  for (let row = 0; row < rows.count; row++) {
    const sort = sortAt(rows, row)
    const given = answer.columns.key[row] ?? 0
    const key = sort === SORTS.attempt ? given : given + (last[sort] ?? 0)
    last[sort] = key
    rows.key[row] = key
    if (sort === SORTS.run) runIds.set(key, answer.runIds[runs++] ?? '')
  }
}

/** Let what goes on end at a time, and find the length of the axis. */
export function closedAt(rows: Skeleton, nowMs: number): Skeleton {
  let longest = 1
  for (let row = 0; row < rows.count; row++) {
    if (rows.open[row]) rows.end[row] = Math.max(rows.start[row] ?? 0, nowMs)
    longest = Math.max(longest, rows.end[row] ?? 0)
  }
  rows.spanMs = longest
  return rows
}

function sortOf(kind: number): number {
  if (kind < RUN_KINDS) return SORTS.run
  return kind === ATTEMPT ? SORTS.attempt : kind === LOG ? SORTS.line : SORTS.span
}

const indexOr = <T extends string>(words: readonly T[], word: string, otherwise: T): number => {
  const found = words.indexOf(word as T)
  return found < 0 ? words.indexOf(otherwise) : found
}

export const kindOf = (rows: Skeleton, row: number): Kind => KINDS[rows.kind[row] ?? 9] ?? 'other'
export const sortAt = (rows: Skeleton, row: number): number => sortOf(rows.kind[row] ?? 9)
export const statusOf = (rows: Skeleton, row: number): string => STATUSES[rows.status[row] ?? 0] ?? 'unknown'
export const nameOf = (rows: Skeleton, row: number): string => rows.names[rows.name[row] ?? 0]?.[0] ?? ''
export const isHead = (rows: Skeleton, row: number): boolean => (rows.kind[row] ?? 9) <= ATTEMPT
export const isRun = (rows: Skeleton, row: number): boolean => (rows.kind[row] ?? 9) < RUN_KINDS
export const isFailed = (rows: Skeleton, row: number): boolean => rows.status[row] === FAILED

export function detailOf(rows: Skeleton, row: number): string {
  const where = rows.names[rows.name[row] ?? 0]?.[1] ?? ''
  const text = rows.texts[rows.text[row] ?? 0] ?? ''
  return where && text ? `${where} / ${text}` : where || text
}

/** The run that a row belongs to. */
export function runRowOf(rows: Skeleton, row: number): number {
  let up = row
  while (up >= 0 && !isRun(rows, up)) up = rows.parent[up] ?? -1
  return up
}

const LETTERS = { [SORTS.attempt]: 'a', [SORTS.span]: 'o', [SORTS.line]: 'l' } as Record<number, string>

/** Name of a row in an address: the id of its run, and behind it the letter of its sort and its number. */
export function idOf(rows: Skeleton, row: number): string {
  const run = runRowOf(rows, row)
  if (run < 0) return ''
  const id = rows.runIds.get(rows.key[run] ?? 0) ?? ''
  return run === row ? id : `${id}.${LETTERS[sortAt(rows, row)] ?? ''}${rows.key[row] ?? 0}`
}

/** The row with this name, or -1. */
export function rowOf(rows: Skeleton, id: string): number {
  const [runId = '', part = ''] = id.split('.')
  if (runId === '') return -1
  const at = runAt(rows, runId)
  if (at < 0 || part === '') return at
  const key = Number(part.slice(1))
  const end = at + (rows.size[at] ?? 1)
  for (let row = at + 1; row < end; ) {
    if (isRun(rows, row)) {
      row += rows.size[row] ?? 1
      continue
    }
    if (rows.key[row] === key && LETTERS[sortAt(rows, row)] === part[0]) return row
    row++
  }
  return -1
}

const runRows = new WeakMap<Skeleton, Map<string, number>>()

function runAt(rows: Skeleton, runId: string): number {
  let known = runRows.get(rows)
  if (known === undefined) {
    known = new Map()
    for (let row = 0; row < rows.count; row++) {
      if (isRun(rows, row)) known.set(rows.runIds.get(rows.key[row] ?? 0) ?? '', row)
    }
    runRows.set(rows, known)
  }
  return known.get(runId) ?? -1
}

/** The next failed row after one, going round; -1 when none failed. */
export function nextFailed(rows: Skeleton, after: number): number {
  for (let step = 1; step <= rows.count; step++) {
    const row = (after + step + rows.count) % rows.count
    if (isFailed(rows, row) && rows.kind[row] !== LOG) return row
  }
  return -1
}

