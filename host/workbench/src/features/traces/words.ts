import type { ModelUse, StepTotal } from '../../api/results.ts'
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
  waiting: { tone: 'waiting', word: 'Waiting' },
  suspended: { tone: 'waiting', word: 'Sleeps' },
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
