import type { BulkRow, DeadLetterCount, DeadLetterDetail } from '../../api/results.ts'
import { elementsOf, membersOf, parseExact } from '../../ui/exact.ts'
import { jsonProblem } from '../../ui/JsonEditor.tsx'
import { counted } from '../../ui/time.ts'

/** Dead letter with its data as JSON text, exactly as it is stored. */
export interface Letter extends DeadLetterDetail {
  source: string
}

export function letterOf(result: string): Letter {
  return { ...(JSON.parse(result) as DeadLetterDetail), source: membersOf(result).get('data') ?? 'null' }
}

/** Dead letter as a patch would change it, with exact numbers. */
export interface PatchedLetter {
  id: number
  step: string
  before: unknown
  after: unknown
  refusal: string | null
}

/** Read the result of `bulk_preview`. */
export function patchedOf(result: string): PatchedLetter[] {
  return elementsOf(membersOf(result).get('letters') ?? '[]').map((source) => {
    const members = membersOf(source)
    const { id, step, refusal } = JSON.parse(source) as PatchedLetter
    return { id, step, refusal, before: parseExact(members.get('before') ?? 'null'), after: parseExact(members.get('after') ?? 'null') }
  })
}

/** What is wrong with the text of a merge patch; null when it is one that changes something. */
export function patchProblem(text: string): string | null {
  const problem = jsonProblem(text)
  if (problem !== null) return problem
  const patch: unknown = JSON.parse(text)
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return 'Write an object with the members to change.'
  return Object.keys(patch).length === 0 ? 'It changes nothing yet.' : null
}

/** Whether the first letters would fit, in words. */
export function fitWords(letters: readonly PatchedLetter[]): string {
  const refused = letters.filter((each) => each.refusal !== null).length
  if (letters.length === 0) return 'None of them is a dead letter any more.'
  if (refused === 0) return letters.length === 1 ? 'It fits.' : `The first ${letters.length} fit.`
  return `${refused} of the first ${letters.length} ${refused === 1 ? 'does' : 'do'} not fit and would stay dead.`
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
