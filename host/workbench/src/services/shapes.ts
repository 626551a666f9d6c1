import type { AttemptRow, LogRow, RunRow, StepRow, StreamRow, TracedOperation } from '../api/results.ts'

// Names that the pages use for the parts of the admin API's results.

export type { Starters, Steps, Trace, TraceRow } from '../api/results.ts'
export type Attempt = AttemptRow
export type LogLine = LogRow
export type Operation = TracedOperation
export type Run = RunRow
/** Step or stream, whichever its file declares. */
export type Step = Omit<StepRow, 'type'> & { type: StepRow['type'] | StreamRow['type']; schema?: StreamRow['schema'] }

/** Error of a handler, as the host records it; a host of another version may leave members out. */
export interface Failure {
  name: string
  message: string
  stack: string
  frame: string
  place: { file: string; line: number | null } | null
}

export function failureOf(error: unknown): Failure {
  const given = typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : { message: String(error) }
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const place = typeof given.place === 'object' && given.place !== null ? (given.place as Record<string, unknown>) : null
  return {
    name: text(given.name),
    message: text(given.message) || JSON.stringify(error),
    stack: text(given.stack),
    frame: text(given.frame),
    place: place && { file: text(place.file), line: typeof place.line === 'number' ? place.line : null },
  }
}

export const failureWords = (error: unknown): string => {
  const { name, message } = failureOf(error)
  return [name, message].filter(Boolean).join(': ')
}
