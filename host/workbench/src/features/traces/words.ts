import type { JournalKeyRow, ModelUse, StepTotal } from '../../api/results.ts'
import type { Kind } from './skeleton.ts'
import type { Tone } from '../../ui/Status.tsx'
import { counted, duration } from '../../ui/time.ts'

interface Words {
  tone: Tone
  word: string
}

const STATUSES: Record<string, Words> = {
  completed: { tone: 'ok', word: 'Done' },
  failed: { tone: 'failed', word: 'Failed' },
  rejected: { tone: 'warning', word: 'Rejected' },
  running: { tone: 'running', word: 'Running' },
  underway: { tone: 'running', word: 'Under way' },
  waiting: { tone: 'waiting', word: 'Waiting' },
  suspended: { tone: 'waiting', word: 'Sleeps' },
  cancelled: { tone: 'unknown', word: 'Cancelled' },
  interrupted: { tone: 'unknown', word: 'Interrupted' },
}

export const statusWords = (status: string): Words => STATUSES[status] ?? { tone: 'unknown', word: status }

export const STATUS_CHOICES = [
  ['', 'Any'],
  ['running', 'Running'],
  ['completed', 'Done'],
  ['failed', 'Failed'],
  ['rejected', 'Rejected'],
] as const

export const TYPES: Record<string, string> = { api: 'HTTP', event: 'event', cron: 'cron', noop: 'noop' }

const KINDS: Record<Kind, string> = {
  http: 'HTTP run',
  run: 'run',
  attempt: 'attempt',
  emit: 'emit',
  state: 'state',
  stream: 'stream',
  call: 'outgoing call',
  llm: 'model call',
  log: 'log',
  other: 'operation',
}

export const kindWords = (kind: Kind): string => KINDS[kind]

const ENTRIES: Record<JournalKeyRow['kind'], string> = {
  once: 'a result of once',
  sleep: 'a sleep',
  ask: 'an ask',
  callback: 'a callback',
  event: 'a wait for an event',
  call: 'a call of a step',
}

/** One key of a journal, with what it keeps. */
export const keyWords = ({ key, kind }: Pick<JournalKeyRow, 'key' | 'kind'>): string => `${key} · ${ENTRIES[kind]}`

/** What a rerun from a key finds, and what it does again. */
export function rerunWords(keys: readonly string[], from: string): string {
  const at = keys.indexOf(from)
  const again = at < 0 ? 0 : keys.length - at
  const found = at > 0 ? `It finds ${listed(keys.slice(0, at))}` : 'It finds nothing that was kept'
  return `${found}; ${from} ${again > 1 ? `and ${counted(again - 1, 'key')} after it are` : 'is'} done again.`
}

const KEYS_NAMED = 5

function listed(names: readonly string[]): string {
  const more = names.length - KEYS_NAMED
  return more > 0 ? `${names.slice(0, KEYS_NAMED).join(', ')} and ${counted(more, 'more key')}` : names.join(', ')
}

/** What happens to a run that is cancelled, by what its last attempt does now. */
export function cancelWords(attempt: string | undefined): string {
  const now: Record<string, string> = {
    running: 'Its handler runs, and is ended. Writes that it has made stay; events that it has emitted and not committed are dropped.',
    suspended: 'It waits, and does not go on. What it has kept is removed, and its asks are closed.',
    failed: 'It waits for its next attempt, which does not come.',
  }
  return `${now[attempt ?? ''] ?? 'It has not started, and does not.'} Runs that it has called and waits for are cancelled too. Its FIFO key goes on. It can be run again from its trace.`
}

/** Tokens of calls of language models; of those that tell. */
export function tokenWords(models: readonly Pick<ModelUse, 'calls' | 'tokensIn' | 'tokensOut'>[]): string {
  const sum = (of: (each: (typeof models)[number]) => number | null): number => models.reduce((all, each) => all + (of(each) ?? 0), 0)
  const told = models.some((each) => each.tokensIn !== null || each.tokensOut !== null)
  const tokens = told ? `${sum((each) => each.tokensIn).toLocaleString('en')} tokens in, ${sum((each) => each.tokensOut).toLocaleString('en')} out` : 'tokens not told'
  return `${counted(sum((each) => each.calls), 'model call')}: ${tokens}`
}

/** Median time of a step in the last day, and what is out of the ordinary about one that took `tookMs`. */
export function usualWords(usual: Pick<StepTotal, 'workP50' | 'workP99'> | undefined, tookMs: number): string {
  if (usual?.workP50 == null) return '–'
  const isSlow = usual.workP99 !== null && tookMs > usual.workP99 * KNOWN_TO
  return isSlow ? `${duration(usual.workP50)}, slower than 99 of 100` : duration(usual.workP50)
}

/** Percentiles of the host are known to 5 %. */
const KNOWN_TO = 1.05
