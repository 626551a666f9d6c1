import { queryOptions, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Operations } from '../api/operations.ts'
import type { CheckRow, Checks } from '../api/results.ts'
import { call, callText } from './http.ts'

// Requests and events that a person sends by hand, checks of them before, and what they caused.

const TYPING_MS = 250
const RUNS_SHOWN = 50

export interface Sent {
  method: Operations['request']['params']['method']
  path: string
  headers: Record<string, string>
  body?: string
}

/** Send a request through the host; the text of the result keeps numbers as they are written. */
export const sendRequest = (request: Sent, signal?: AbortSignal): Promise<string> => callText('request', request, signal ? { signal } : {})

interface Event {
  topic: string
  step: string | null
  fifoKey: string | null
  source: string
}

/** Emit an event whose data is JSON text. */
export const emitEvent = async ({ source, ...event }: Event): Promise<Operations['emit']['result']> =>
  JSON.parse(await callText('emit', event, { member: 'data', source })) as Operations['emit']['result']

export interface Asked {
  step?: string | null
  topic?: string | null
  queryParams?: Record<string, unknown> | null
  pathParams?: Record<string, unknown> | null
}

const checksQuery = (asked: Asked, source: string) =>
  queryOptions({
    queryKey: ['validate', { ...asked, source }] as const,
    queryFn: async ({ signal }) => (JSON.parse(await callText('validate', asked, { member: 'data', source, signal })) as Checks).checks,
    gcTime: 5000,
  })

export interface Verdict {
  /** Of the newest check; the one before while another is on its way. */
  checks: readonly CheckRow[]
  /** The verdict is about what is in the fields now. */
  current: boolean
  error: Error | null
}

/** Verdicts of the host on a draft, a moment after it has changed last. */
export function useVerdict(asked: Asked, source: string, valid: boolean): Verdict {
  const now = JSON.stringify([asked, source])
  const [settled, setSettled] = useState(now)
  useEffect(() => {
    const timer = setTimeout(() => { setSettled(now) }, TYPING_MS)
    return () => { clearTimeout(timer) }
  }, [now])
  const [askedThen, sourceThen] = JSON.parse(settled) as [Asked, string]
  const { data, error, isPlaceholderData } = useQuery({
    ...checksQuery(askedThen, sourceThen),
    // What is valid is the text of now: the one before may not have been.
    enabled: valid && settled === now,
    placeholderData: (before) => before,
    retry: false,
  })
  return { checks: data ?? [], current: settled === now && data !== undefined && !isPlaceholderData, error }
}

export interface RunLine {
  id: string
  step: string
  type: string
  tone: 'ok' | 'failed' | 'running' | 'waiting' | 'warning' | 'unknown'
  word: string
  durationMs: number | null
}

const STATUSES: Record<string, Pick<RunLine, 'tone' | 'word'>> = {
  completed: { tone: 'ok', word: 'Done' },
  failed: { tone: 'failed', word: 'Failed' },
  rejected: { tone: 'warning', word: 'Rejected' },
  running: { tone: 'running', word: 'Running' },
  waiting: { tone: 'waiting', word: 'Waiting' },
  suspended: { tone: 'waiting', word: 'Suspended' },
}

/** Runs of a trace as they come. */
export function useRuns(traceId: string | null): readonly RunLine[] {
  const { data } = useQuery({
    queryKey: ['trace_runs', { id: traceId ?? '', limit: RUNS_SHOWN }] as const,
    queryFn: ({ signal }) => call('trace_runs', { id: traceId ?? '', limit: RUNS_SHOWN }, { signal }),
    enabled: traceId !== null,
  })
  return (data?.runs ?? []).map((run) => ({
    id: run.runId,
    step: run.step,
    type: run.type,
    ...(STATUSES[run.status] ?? { tone: 'unknown', word: run.status }),
    durationMs: run.durationMs,
  }))
}
