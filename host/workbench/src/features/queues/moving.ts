import type { DeadLetterCount, FlowCounts, QueueRow, StepTotal } from '../../api/results.ts'
import { duration } from '../../ui/time.ts'

/** How the queue of a step moves. */
export interface Moving {
  /** Its dead letters. */
  dead: number
  /** Events a minute that it gets; of the last minute, while the page looks. */
  into: number
  /** Runs a minute that ended, of the last five minutes. */
  out: number
}

export const STILL: Moving = { dead: 0, into: 0, out: 0 }
export const OUT_MINUTES = 5

interface Known {
  letters: DeadLetterCount | undefined
  counts: FlowCounts | undefined
  totals: readonly StepTotal[] | undefined
}

/** How each queue moves, by its step; those that stand still and have no dead letter are left out. */
export function movingOf({ letters, counts, totals }: Known): Map<string, Moving> {
  const found = new Map<string, Moving>()
  const add = (step: string, part: Partial<Moving>): void => {
    const before = found.get(step) ?? STILL
    found.set(step, { dead: before.dead + (part.dead ?? 0), into: before.into + (part.into ?? 0), out: before.out + (part.out ?? 0) })
  }
  for (const { step, count } of letters?.steps ?? []) add(step, { dead: count })
  const seconds = Math.max(1, counts?.countedS ?? 60)
  for (const { step, recent } of counts?.events ?? []) add(step, { into: (recent * 60) / seconds })
  for (const { step, runs } of totals ?? []) add(step, { out: runs / OUT_MINUTES })
  return found
}

/** Number of events a minute; fewer than ten with one digit behind the point. */
export const rateWords = (perMinute: number): string =>
  perMinute === 0 ? '0' : perMinute < 0.1 ? '< 0.1' : perMinute < 10 ? perMinute.toFixed(1) : Math.round(perMinute).toLocaleString('en')

/** How a queue moves, in a sentence for its panel. */
export function movingWords(row: Pick<QueueRow, 'ready' | 'blocked' | 'pausedAt'>, moving: Moving): string {
  const drained = drainWords(row, moving)
  const rates = `${rateWords(moving.into)} in and ${rateWords(moving.out)} out a minute`
  return drained.startsWith('in ') ? `${rates}, drained ${drained}` : [rates, drained].filter(Boolean).join(', ')
}

/** When what is due will have run, if both rates stay; the empty text where nothing is due. */
export function drainWords({ ready, blocked, pausedAt }: Pick<QueueRow, 'ready' | 'blocked' | 'pausedAt'>, { into, out }: Moving): string {
  const due = ready + blocked
  if (due === 0) return ''
  if (pausedAt !== null) return 'paused'
  if (out === 0) return 'nothing ends'
  return out <= into ? 'grows' : `in ${duration((due / (out - into)) * 60_000)}`
}
