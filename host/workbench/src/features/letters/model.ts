import type { BulkRow, DeadLetterCount, DeadLetterDetail } from '../../api/results.ts'
import { membersOf } from '../../ui/exact.ts'
import { counted } from '../../ui/time.ts'

/** Dead letter with its data as JSON text, exactly as it is stored. */
export interface Letter extends DeadLetterDetail {
  source: string
}

export function letterOf(result: string): Letter {
  return { ...(JSON.parse(result) as DeadLetterDetail), source: membersOf(result).get('data') ?? 'null' }
}

/** What a bulk would be about, in words. */
export function aboutWords({ count, steps, fifoKeys }: DeadLetterCount): string {
  const keys = fifoKeys > 0 ? `, ${counted(fifoKeys, 'FIFO key')} whose order is kept` : ''
  return `${counted(count, 'event')} of ${counted(steps.length, 'step')}${keys}.`
}

/** Ids between two rows, whichever comes first; both are in it. */
export function between(ids: readonly number[], one: number, other: number): readonly number[] {
  const [a, b] = [ids.indexOf(one), ids.indexOf(other)]
  if (a < 0 || b < 0) return [other]
  return ids.slice(Math.min(a, b), Math.max(a, b) + 1)
}

/** The set with some more or some less. */
export function toggled(set: ReadonlySet<number>, ids: readonly number[], on: boolean): ReadonlySet<number> {
  const next = new Set(set)
  for (const id of ids) {
    if (on) next.add(id)
    else next.delete(id)
  }
  return next
}

const NAMES: Readonly<Record<string, string>> = {
  step: 'step', topic: 'topic', text: 'text', fingerprint: 'error', since: 'since', until: 'until', ids: 'selected',
}

/** What was chosen for a bulk, in words. */
export function chosenWords(chosen: BulkRow['chosen']): string {
  const parts = Object.entries(chosen).map(([name, value]) => {
    const isTime = (name === 'since' || name === 'until') && typeof value === 'number'
    return `${NAMES[name] ?? name} ${isTime ? new Date(value).toLocaleString() : String(value)}`
  })
  return parts.length === 0 ? 'all' : parts.join(', ')
}
