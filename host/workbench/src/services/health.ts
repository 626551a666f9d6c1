import type { Health } from './http.ts'

const STATUSES: Record<string, string> = {
  starting: 'The host is starting',
  ready: 'The host is ready',
  degraded: 'The host is degraded',
  unavailable: 'The host is not available: a language does not run',
}

/** How the host is, in one line. */
export function healthWords({ status, version, steps, streams, failures, storage, traceRecordsDropped, runnersLimited = [] }: Health): string {
  const why = status !== 'degraded' ? '' : failures ? ': a file does not load' : storage?.length ? ': the disk cannot be written' : ': a file has an error'
  const counts = [count(steps, 'step'), count(streams, 'stream')].filter(Boolean).join(' and ')
  const dropped = traceRecordsDropped ? `${count(traceRecordsDropped, 'record')} of traces were dropped since the start` : ''
  const memory = runnersLimited.map((each) => `${each.runner} uses ${each.memoryMb} of ${each.memoryLimitMb} MB${each.leaving ? ' and is being replaced' : ''}`)
  return [`${STATUSES[status] ?? status}${why}`, `polystep ${version}`, counts, ...memory, dropped].filter(Boolean).join(' · ')
}

const count = (found: number | undefined, word: string): string => (found === undefined ? '' : `${found} ${word}${found === 1 ? '' : 's'}`)
