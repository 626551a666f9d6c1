import type { Queue, QueuedRow, QueueRow, Queues, Steps } from '../../api/results.ts'
import { elementsOf, membersOf } from '../../ui/exact.ts'
import { duration } from '../../ui/time.ts'

export const STATES = ['ready', 'running', 'blocked', 'delayed', 'retrying'] as const
export type State = (typeof STATES)[number]

export const STATE_WORDS: Record<State, readonly [word: string, about: string]> = {
  ready: ['Ready', 'due now, waits for a slot'],
  running: ['Running', 'an attempt is at work'],
  blocked: ['Blocked', 'behind an earlier one of its FIFO key'],
  delayed: ['Delayed', 'due later'],
  retrying: ['Retrying', 'due later, after a failure'],
}

/** A row for each step that takes events or ticks, also those with an empty queue, so that each can be paused. */
export function rowsOf(queues: Queues, steps: Steps | undefined): QueueRow[] {
  const known = new Map(queues.queues.map((row) => [row.step, row]))
  for (const step of steps?.steps ?? []) {
    if ((step.type === 'event' || step.type === 'cron') && !known.has(step.name)) known.set(step.name, empty(step.name))
  }
  return [...known.values()].sort((a, b) => b.waiting - a.waiting || a.step.localeCompare(b.step))
}

const empty = (step: string): QueueRow => ({
  step, waiting: 0, ready: 0, blocked: 0, delayed: 0, retrying: 0, running: 0, oldestAt: null, pausedAt: null,
})

/** Delivery with its data as JSON text, exactly as it is stored. */
export interface Delivery extends QueuedRow {
  source: string
}

export function deliveriesOf(result: string): { deliveries: readonly Delivery[]; cursor: string | null } {
  const { deliveries, cursor } = JSON.parse(result) as Queue
  const sources = elementsOf(membersOf(result).get('deliveries') ?? '[]')
  return { deliveries: deliveries.map((each, at) => ({ ...each, source: membersOf(sources[at] ?? '{}').get('data') ?? 'null' })), cursor }
}

/** How long something has been due; the empty text when nothing is. */
export const ageWords = (oldestAt: number | null, now: number): string => (oldestAt === null ? '' : duration(Math.max(now - oldestAt, 0)))

/** When a delivery is due, in words. */
export function dueWords({ state, dueAt }: Pick<QueuedRow, 'state' | 'dueAt'>, now: number): string {
  if (state === 'running') return 'running'
  if (dueAt > now) return `due in ${duration(dueAt - now)}`
  return `due for ${duration(now - dueAt)}`
}
