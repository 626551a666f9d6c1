import { queryOptions } from '@tanstack/react-query'
import type { QueuedRow } from '../api/results.ts'
import { call, callText } from './http.ts'

// What waits or runs of one step.

export const QUEUE_PAGE = 200

export type QueueState = QueuedRow['state']

export interface QueuePart {
  step: string
  state: QueueState | null
  fifoKey: string | null
  after: string
}

/** Part of a queue as its source text: data is shown exactly. */
export const queueQuery = ({ step, state, fifoKey, after }: QueuePart) =>
  queryOptions({
    queryKey: ['queue', { step, state, fifoKey, after }] as const,
    queryFn: ({ signal }) => callText('queue', { step, state, key: fifoKey, limit: QUEUE_PAGE, cursor: after || null }, { signal }),
  })

export const keysQuery = (step: string) =>
  queryOptions({
    queryKey: ['queue_keys', { step }] as const,
    queryFn: ({ signal }) => call('queue_keys', { step, limit: 200 }, { signal }),
  })
