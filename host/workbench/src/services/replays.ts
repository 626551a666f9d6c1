import { queryOptions } from '@tanstack/react-query'
import type { ReplayedRun, Rerun } from '../api/results.ts'
import { call, callText } from './http.ts'

// Replays: the whole input of a run as its source text, so that an edit changes nothing but what a reader edits.

/** Result of `run` as text: numbers of the input stay as they are written. */
export const runTextQuery = (runId: string) =>
  queryOptions({
    queryKey: ['run', { runId, as: 'text' }] as const,
    queryFn: ({ signal }) => callText('run', { runId }, { signal }),
    // The input of a run does not change while somebody edits it.
    staleTime: Number.POSITIVE_INFINITY,
  })

export const replaysQuery = (id: string) =>
  queryOptions({ queryKey: ['replays', { id }] as const, queryFn: ({ signal }) => call('replays', { id, limit: 100 }, { signal }) })

/** Keys that a run has kept; those of a run that is over do not change. */
export const journalQuery = (runId: string) =>
  queryOptions({
    queryKey: ['run_journal', { runId }] as const,
    queryFn: ({ signal }) => call('run_journal', { runId, limit: 1000 }, { signal }),
  })

interface From {
  runId: string
  key: string
  /** Other input as JSON text; `null` for that of the run. */
  source: string | null
}

/** Begin a run that is over again from a key of its journal. */
export async function rerun({ runId, key, source }: From): Promise<Rerun> {
  const given = source === null ? {} : { member: 'data' as const, source }
  return JSON.parse(await callText('rerun', { runId, key }, given)) as Rerun
}

/** The step of the run or every subscriber of its topic, with what follows; or the step without what it emits. */
export type Reach = 'step' | 'subscribers' | 'only'

interface Again {
  runId: string
  to: Reach
  /** Other input as JSON text; `null` for that of the run. */
  source: string | null
}

/** Run the event or the request of a run again. */
export async function replayRun({ runId, to, source }: Again): Promise<ReplayedRun> {
  const given = source === null ? {} : { member: 'data' as const, source }
  const reach = to === 'only' ? { only: true } : { to }
  return JSON.parse(await callText('replay_run', { runId, ...reach }, given)) as ReplayedRun
}

export const runErrorQuery = (runId: string) =>
  queryOptions({ queryKey: ['run_error', { runId }] as const, queryFn: ({ signal }) => call('run_error', { runId }, { signal }) })
