import type { Starters, Steps, TraceRow } from '../../services/shapes.ts'

export const LANGUAGES = ['typescript', 'javascript', 'python', 'ruby'] as const
export type Language = (typeof LANGUAGES)[number]

/** Names of the first steps, the same in each language. */
export const HTTP_STEP = 'Hello'
export const EVENT_STEP = 'Greet'
export const FIRST_REQUEST = { method: 'POST', path: '/hello', headers: { 'content-type': 'application/json' }, body: '{"name":"world"}' } as const

export interface Facts {
  /** Language whose files are there, if one is. */
  written: Language | null
  /** Both steps are loaded. */
  loaded: boolean
  /** Why one of the files does not load. */
  failures: readonly { file: string; error: string }[]
  /** Newest trace that began with the first step. */
  trace: TraceRow | null
}

/** What is so, by what the host says; nothing is done because somebody clicked. */
export function factsOf(starters: Starters, steps: Steps, traces: readonly TraceRow[]): Facts {
  const written = starters.starters.find((each) => each.files.every((file) => file.exists))
  const files = new Set(written?.files.map((each) => each.file))
  const names = new Set(steps.steps.filter((each) => each.error === null).map((each) => each.name))
  return {
    written: written?.language ?? null,
    loaded: names.has(HTTP_STEP) && names.has(EVENT_STEP),
    failures: steps.steps.flatMap((each) => (each.error !== null && files.has(each.file) ? [{ file: each.file, error: each.error }] : [])),
    trace: traces.find((each) => each.name === HTTP_STEP) ?? null,
  }
}
