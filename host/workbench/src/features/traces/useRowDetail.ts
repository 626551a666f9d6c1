import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query'
import { call } from '../../services/http.ts'
import type { Attempt, LogLine, Operation, Run } from '../../services/shapes.ts'
import { isUnderWay } from './underway.ts'
import { SORTS, runRowOf, sortAt, type Skeleton } from './skeleton.ts'

/** What stands behind a row: its run, and the attempt, operation or log line that it is. */
export interface Ref {
  run: Run
  attempt?: Attempt
  operation?: Operation
  log?: LogLine
}

/** Log lines of a run that its panel reads; the logs have all. */
const LINES = 51

/** Read what stands behind a row. Payloads are asked for when somebody looks at them. */
export function useRowDetail(traceId: string, rows: Skeleton, row: number) {
  const run = runRowOf(rows, row)
  const runId = rows.runIds.get(rows.key[run] ?? -1) ?? ''
  // A run is read again when it has changed: its status, its end, or what is below it.
  const seen = `${rows.status[run] ?? 0} ${rows.open[run] ?? 0} ${rows.size[run] ?? 0}`
  const [sort, key] = [sortAt(rows, row), rows.key[row] ?? 0]
  const found = useQuery(runOptions(traceId, runId, seen))
  const operation = useQuery({ ...operationOptions(traceId, key), enabled: sort === SORTS.span && !isUnderWay(rows, row) })
  const line = useQuery({ ...lineOptions(traceId, key), enabled: sort === SORTS.line })
  const error = found.error ?? operation.error ?? line.error
  if (found.data === undefined) return { error }
  const ref: Ref = { run: found.data }
  if (sort === SORTS.span) {
    if (operation.data === undefined) return { error }
    ref.operation = operation.data.operation
  } else if (sort === SORTS.line) {
    if (line.data === undefined || line.data === null) return { error }
    ref.log = line.data
  } else {
    const attempts = found.data.attempts
    const attempt = sort === SORTS.attempt ? attempts.find((each) => each.attempt === key) : attempts.length === 1 ? attempts[0] : undefined
    if (attempt) ref.attempt = attempt
  }
  return { ref, error }
}

const runOptions = (traceId: string, runId: string, seen: string) =>
  queryOptions({
    queryKey: ['run', { runId, seen }] as const,
    queryFn: async ({ signal }): Promise<Run> => {
      const [run, lines] = await Promise.all([
        call('run', { runId }, { signal }),
        call('logs', { traceId, runId, limit: LINES, after: 0 }, { signal }),
      ])
      return { ...run, operations: [], logs: lines.logs }
    },
    placeholderData: (before, query) => (query?.queryKey[1].runId === runId ? keepPreviousData(before) : undefined),
  })

const operationOptions = (id: string, operation: number) =>
  queryOptions({
    queryKey: ['trace_operation', { id, operation }] as const,
    queryFn: ({ signal }) => call('trace_operation', { id, operation }, { signal }),
    meta: { fixed: true },
  })

const lineOptions = (traceId: string, line: number) =>
  queryOptions({
    queryKey: ['log_line', { traceId, line }] as const,
    queryFn: async ({ signal }) => (await call('logs', { traceId, after: line - 1, limit: 1 }, { signal })).logs[0] ?? null,
    meta: { fixed: true },
  })
