// State of the pages that lives in their URLs.

import type { TraceStatus } from '../../services/queries.ts'

export interface TracesSearch {
  status: '' | TraceStatus
  q: string
  follow: boolean
  step: string
  flow: string
  /** Of the last so many minutes or hours, such as `15m`; or Unix milliseconds. */
  since: string
  until: number | undefined
  /** Trace that the next chosen one is compared with; `choose` asks for the first one. */
  with: string
}

export interface TraceSearch {
  span: string
  q: string
  errors: boolean
  from: number | undefined
  to: number | undefined
  /** Times in which nothing works are shortened. */
  idle: boolean
  /** The rows that made the trace as long as it is stand out. */
  path: boolean
  /** Table of the steps beside the rows. */
  steps: boolean
  /** The form that runs the selected run again. */
  again: boolean
}
