import type { Operations } from '../../api/operations.ts'

/** State of the page that lives in its URL. */
export interface LogsSearch {
  level: '' | 'debug' | 'info' | 'warn' | 'error'
  step: string
  flow: string
  trace: string
  run: string
  q: string
  since: number | undefined
  until: number | undefined
  fold: boolean
  line: number | undefined
}

export type LogsFilter = Pick<
  Operations['logs']['params'],
  'minLevel' | 'step' | 'flow' | 'traceId' | 'runId' | 'text' | 'since' | 'until'
>

/** Parameters of the host that choose the lines of a page; what is not chosen is left out. */
export function filterOf(search: LogsSearch): LogsFilter {
  const given = {
    minLevel: search.level || null,
    step: search.step,
    flow: search.flow,
    traceId: search.trace,
    runId: search.run,
    text: search.q.trim(),
    since: search.since,
    until: search.until,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null && value !== ''))
}

export const NO_FILTER: Omit<LogsSearch, 'fold' | 'line'> = {
  level: '',
  step: '',
  flow: '',
  trace: '',
  run: '',
  q: '',
  since: undefined,
  until: undefined,
}

/** Query of a URL of the host that has the same lines as a file. */
export const downloadOf = (filter: LogsFilter): string =>
  `/__polystep/api/logs.ndjson?${new URLSearchParams(Object.entries(filter).map(([name, value]) => [name, String(value)])).toString()}`
