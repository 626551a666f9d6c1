import type { UsualStep } from '../../api/results.ts'
import { failureOf, type Operation, type Run, type Trace } from '../../services/shapes.ts'
import { changesOf } from '../../ui/diff.ts'
import { aligned } from './align.ts'

export type Mark = 'same' | 'changed' | 'added' | 'removed'

/** What one trace has for a row. */
export interface Side {
  runId: string
  status: string
  waitMs: number | null
  workMs: number | null
  input: unknown
  output: unknown
  error: unknown
}

export interface Row {
  /** Stands in the address. */
  id: string
  kind: 'run' | 'operation'
  name: string
  detail: string
  mark: Mark
  before: Side | null
  after: Side | null
  /** Medians of the last runs of the step; `null` where there was none. */
  usual: { waitMs: number | null; workMs: number; of: number } | null
}

/** Rows of two traces, side by side: runs by step and occurrence, below each the operations by what they are. */
export function compared(before: Trace, after: Trace, usual: readonly UsualStep[] = []): Row[] {
  const rows: Row[] = []
  const steps = new Map(usual.map((each) => [each.step, each]))
  aligned(before.runs.map(runKey), after.runs.map(runKey)).forEach(([x, y], at) => {
    const [a, b] = [before.runs[x], after.runs[y]]
    const run = a ?? b
    if (!run) return
    const step = steps.get(run.step)
    const known = step ? { waitMs: step.waitMs, workMs: step.workMs, of: step.runs } : null
    rows.push(rowOf({ id: `r${at}`, kind: 'run', name: run.step, detail: runDetail(run), usual: known }, a ? runSide(a) : null, b ? runSide(b) : null))
    const kinds = new Map(step?.operations.map((each) => [operationKey({ ...each, attempt: 1 } as unknown as Operation), each]))
    const [from, to] = [a?.operations ?? [], b?.operations ?? []]
    aligned(from.map(operationKey), to.map(operationKey)).forEach(([left, right], index) => {
      const [c, d] = [from[left], to[right]]
      const operation = c ?? d
      if (!operation) return
      const kind = kinds.get(operationKey(operation))
      const usually = kind ? { waitMs: null, workMs: kind.workMs, of: kind.count } : null
      const words = { id: `r${at}.${index}`, kind: 'operation', name: operationName(operation), detail: operationDetail(operation), usual: usually } as const
      rows.push(rowOf(words, a && c ? operationSide(a, c) : null, b && d ? operationSide(b, d) : null))
    })
  })
  return rows
}

/** How many rows of each mark there are. */
export function counts(rows: readonly Row[]): Record<Mark, number> {
  const found: Record<Mark, number> = { same: 0, changed: 0, added: 0, removed: 0 }
  for (const row of rows) found[row.mark]++
  return found
}

/** Difference of two times; `null` where one is not known. */
export const delta = (before: number | null | undefined, after: number | null | undefined): number | null =>
  typeof before === 'number' && typeof after === 'number' ? after - before : null

function rowOf(words: Pick<Row, 'id' | 'kind' | 'name' | 'detail' | 'usual'>, before: Side | null, after: Side | null): Row {
  return { ...words, before, after, mark: markOf(before, after) }
}

function markOf(before: Side | null, after: Side | null): Mark {
  if (before === null) return 'added'
  if (after === null) return 'removed'
  const isSame = before.status === after.status && (['input', 'output', 'error'] as const).every((part) => changesOf(before[part], after[part], 1).length === 0)
  return isSame ? 'same' : 'changed'
}

const runKey = (run: Run): string => run.step
const runDetail = ({ trigger }: Run): string => [trigger.method, trigger.path, trigger.topic].filter((each) => typeof each === 'string').join(' ') || textOf(trigger.kind)

function runSide(run: Run): Side {
  const last = run.attempts.at(-1)
  const { kind: _, ...request } = run.trigger
  return {
    runId: run.runId,
    status: run.status,
    waitMs: run.startedAt === null ? null : run.startedAt - run.queuedAt,
    workMs: run.durationMs,
    input: run.trigger.kind === 'event' ? (run.trigger.data ?? null) : request,
    output: last?.result ?? null,
    error: run.error === null ? null : errorOf(run.error),
  }
}

/** Ids of runs and times tell nothing of a difference. */
function operationSide(run: Run, operation: Operation): Side {
  const { attempt: _a, at: _at, spanId: _s, durationMs, duration_ms, start_ms: _b, type: _t, error, keptAt: _k, ageMs: _g, ...rest } = operation
  const took = durationMs ?? duration_ms
  return {
    runId: run.runId,
    status: error ? 'failed' : 'completed',
    waitMs: null,
    workMs: typeof took === 'number' ? took : null,
    input: timeless(rest),
    output: null,
    error: error ?? null,
  }
}

/** Attributes of a call without its own times. */
function timeless(rest: Record<string, unknown>): Record<string, unknown> {
  const { attributes } = rest
  if (typeof attributes !== 'object' || attributes === null) return rest
  const { firstChunkMs: _, ...kept } = attributes as Record<string, unknown>
  return { ...rest, attributes: kept }
}

const errorOf = (error: unknown): unknown => {
  const { name, message, place } = failureOf(error)
  return { name, message, place }
}

const operationName = (operation: Operation): string => [operation.type, textOf(operation.operation)].filter(Boolean).join(' ')
/** Groups of streams and keys are often ids, which differ from trace to trace. */
const operationKey = (operation: Operation): string => {
  const group = operation.type === 'state' ? textOf(operation.group) : ''
  return [operationName(operation), group, ...['topic', 'stream', 'name'].map((name) => textOf(operation[name]))].join(' ')
}
const operationDetail = (operation: Operation): string => {
  const model = (operation.attributes as Record<string, unknown> | undefined)?.model
  return ['topic', 'stream', 'group', 'key', 'id', 'name'].map((name) => textOf(operation[name])).concat(textOf(model)).filter(Boolean).join(' / ')
}
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
