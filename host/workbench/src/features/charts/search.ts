import type { Operations } from '../../api/operations.ts'

export type Window = NonNullable<Operations['rates']['params']['window']>

/** State of the page that lives in its URL. */
export interface ChartsSearch {
  window: Window
  step: string
  flow: string
  table: boolean
  /** Time that is selected in a chart, Unix milliseconds. */
  since: number | undefined
  until: number | undefined
}

export const WINDOWS = [
  ['1h', 'Last hour'],
  ['15m', 'Last 15 min'],
  ['6h', 'Last 6 hours'],
  ['1d', 'Last day'],
  ['7d', 'Last 7 days'],
] as const satisfies readonly (readonly [Window, string])[]
