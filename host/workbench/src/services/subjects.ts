import type { Operations } from '../api/operations.ts'

type Params = Readonly<Record<string, unknown>>

const named = (kind: string, part: string) => (params: Params): string[] => {
  const name = params[part]
  return typeof name === 'string' ? [`${kind}:${name}`] : []
}
const always = (...subjects: string[]) => (): string[] => subjects

const LINE_PARTS = ['level', 'minLevel', 'step', 'flow', 'traceId', 'runId', 'text']
const SUBJECT_CHARS_MAX = 1000

/** Lines of a filter; of a time that is over nothing comes any more. */
function lines(params: Params): string[] {
  if (typeof params.until === 'number' && params.until < Date.now()) return []
  const given = LINE_PARTS.flatMap((name) => (typeof params[name] === 'string' ? [[name, params[name]]] : []))
  const subject = `logs:${new URLSearchParams(given).toString()}`
  return [given.length === 0 || subject.length > SUBJECT_CHARS_MAX ? 'logs' : subject]
}

const FOLLOWS: Partial<Record<keyof Operations, (params: Params) => string[]>> = {
  steps: always('steps'),
  step_source: always('steps'),
  flows: always('steps'),
  flow: always('steps'),
  flow_counts: always('flows', 'steps'),
  traces: always('traces'),
  trace: named('trace', 'id'),
  trace_skeleton: named('trace', 'id'),
  trace_runs: named('trace', 'id'),
  trace_models: named('trace', 'id'),
  double_effects: named('trace', 'traceId'),
  replays: named('trace', 'id'),
  run_error: always('steps'),
  logs: lines,
  validate: always('steps'),
  starters: always('steps'),
  queues: always('queues', 'steps'),
  queue: always('queues'),
  queue_keys: always('queues'),
  dead_letters: always('dead-letters'),
  dead_letter_count: always('dead-letters'),
  dead_letter_groups: always('dead-letters'),
  bulks: always('dead-letters'),
  // What a bulk has replayed waits, runs and ends in the queues.
  bulk: always('dead-letters', 'queues'),
  asks: always('asks'),
  ask: always('asks'),
  cron: always('cron', 'steps'),
  cron_history: always('cron', 'steps'),
  cron_week: always('cron', 'steps'),
  state_groups: always('state'),
  state: named('state', 'group'),
  state_keys: named('state', 'group'),
  state_value: named('state', 'group'),
  state_history: named('state', 'group'),
  stream_groups: named('stream', 'stream'),
  stream: named('stream', 'stream'),
  stream_item: named('stream', 'stream'),
  stream_history: named('stream', 'stream'),
  stream_subscribers: named('stream', 'stream'),
}

/** Subjects of the live feed on which the result of an operation hangs; the key of its query is `[name, parameters]`. */
export function subjectsOf(key: readonly unknown[]): readonly string[] {
  const [name, params] = key as [keyof Operations | undefined, Params | undefined]
  return name === undefined ? [] : (FOLLOWS[name]?.(params ?? {}) ?? [])
}

/** What to subscribe to and what to leave, from what is followed to what is wanted. */
export function difference(followed: ReadonlySet<string>, wanted: ReadonlySet<string>): { subscribe: string[]; unsubscribe: string[] } {
  return {
    subscribe: [...wanted].filter((each) => !followed.has(each)).sort(),
    unsubscribe: [...followed].filter((each) => !wanted.has(each)).sort(),
  }
}

export type Message =
  | { kind: 'hello'; epoch: string; beatS: number }
  | { kind: 'changed'; epoch: string; subject: string }
  | { kind: 'beat'; epoch: string }

/** Read one message of the feed; `null` for what this page does not know. */
export function messageOf(text: string): Message | null {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof found !== 'object' || found === null || !('epoch' in found) || typeof found.epoch !== 'string') return null
  const { epoch } = found
  if ('beatS' in found && typeof found.beatS === 'number') return { kind: 'hello', epoch, beatS: found.beatS }
  if ('subject' in found && typeof found.subject === 'string' && !('error' in found)) {
    return { kind: 'changed', epoch, subject: found.subject }
  }
  return { kind: 'beat', epoch }
}
