import { queryOptions } from '@tanstack/react-query'
import type { Operations } from '../api/operations.ts'
import { call, callWhole } from './http.ts'

// One place for the keys: what the live feed names as changed is found by them.

export const TRACES_PAGE = 100
export const LOGS_PAGE = 1000

type Reading = { [N in keyof Operations]: Operations[N]['effect'] extends 'reads' ? N : never }[keyof Operations]

/** Options of a query for an operation that reads; the key is its name and its parameters. */
function reading<N extends Reading>(name: N, params: Operations[N]['params']) {
  return queryOptions({ queryKey: [name, params] as const, queryFn: ({ signal }) => call(name, params, { signal }) })
}

/** Conditions on traces; what is empty is none. */
export interface TracesFilter {
  status?: TraceStatus | '' | undefined
  text?: string | undefined
  step?: string | undefined
  flow?: string | undefined
  since?: number | undefined
  until?: number | undefined
}

export const tracesQuery = ({ status, text, step, flow, since, until }: TracesFilter, before?: number) =>
  reading('traces', {
    limit: TRACES_PAGE,
    status: status === '' || status === undefined ? null : status,
    text: given(text),
    step: given(step),
    flow: given(flow),
    since: since ?? null,
    until: until ?? null,
    before: before ?? null,
  })

/** Text of a filter; an empty one chooses nothing. */
const given = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text)

export const traceQuery = (id: string) => reading('trace', { id })
export const traceUsualQuery = (id: string) => reading('trace_usual', { id })
export const doubleEffectsQuery = (traceId: string) => reading('double_effects', { traceId, limit: 20 })
export const traceModelsQuery = (id: string) => reading('trace_models', { id })

const whole = <N extends 'steps' | 'queues' | 'cron' | 'flows'>(name: N) =>
  queryOptions({ queryKey: [name, {}] as const, queryFn: ({ signal }) => callWhole<N>(name as never, {}, { signal }) })

export const stepsQuery = () => whole('steps')
export const startersQuery = () => reading('starters', {})
/** Newest trace with a run of a step. */
export const firstTraceQuery = (step: string) => reading('traces', { step, limit: 1 })
export const sourceQuery = (step: string) => reading('step_source', { step })

export type TraceStatus = NonNullable<Operations['traces']['params']['status']>

export const queuesQuery = () => whole('queues')
export const ASKS_PAGE = 500
export const asksQuery = () => reading('asks', { limit: ASKS_PAGE })
/** So many are counted beside the name of their page. */
const ASKS_COUNTED = 20
export const openAsksQuery = () => reading('asks', { limit: ASKS_COUNTED })
export const openLettersQuery = () => reading('dead_letter_count', {})
export const askQuery = (id: string) => reading('ask', { id })
export const cronQuery = () => whole('cron')
export const cronHistoryQuery = (step: string) => reading('cron_history', { step, limit: 30, times: 8 })
/** A week from a moment on, Unix milliseconds. */
export const cronWeekQuery = (from: number) => reading('cron_week', { begin: from })
export const runQuery = (runId: string) => reading('run', { runId })
export const groupsQuery = (prefix: string) => reading('state_groups', { limit: 500, prefix })
export const keysQuery = (group: string, prefix: string) => reading('state_keys', { group, limit: 500, prefix })
export const valueQuery = (group: string, key: string) => reading('state_value', { group, key })
/** Rates of a step, a flow or everything, with the totals of all steps of the flow. */
export const ratesQuery = ({ window, step, flow }: { window: NonNullable<Operations['rates']['params']['window']>; step: string; flow: string }) =>
  reading('rates', { window, step: step || null, flow: flow || null, others: true })

const FLOW_RUNS = 8
export const flowsQuery = () => whole('flows')
export const flowQuery = (flow: string) => reading('flow', { flow })
export const flowCountsQuery = (flow: string) => reading('flow_counts', { flow })
/** Places are read once: what others move meanwhile must not move under a reader. */
export const flowLayoutQuery = (flow: string) => ({ ...reading('flow_layout', { flow }), meta: { fixed: true } })
/** Runs of a trace without what they did: enough for a path. */
export const traceRunsQuery = (id: string) => reading('trace_runs', { id, limit: 1000 })
export const tracesOfStepQuery = (step: string) => reading('traces', { limit: FLOW_RUNS, step })
