import { queryOptions } from '@tanstack/react-query'
import type { Operations } from '../api/operations.ts'
import type { BulkRow } from '../api/results.ts'
import { call, callText } from './http.ts'

// Dead letters by filter, in groups, and the bulks that replay or discard many of them.

export const LETTERS_PAGE = 200

/** What dead letters have in common; an empty text is no condition. */
export interface LetterFilter {
  step: string
  topic: string
  q: string
  /** Fingerprint of the error. */
  error: string
  since: number | undefined
  until: number | undefined
}

/** Parameters of the host for a filter. */
export const paramsOf = ({ step, topic, q, error, since, until }: LetterFilter) => ({
  step: step || null, topic: topic || null, text: q.trim() || null, fingerprint: error || null, since: since ?? null, until: until ?? null,
})

export const lettersQuery = (filter: LetterFilter, after: string) =>
  queryOptions({
    queryKey: ['dead_letters', { ...paramsOf(filter), after }] as const,
    queryFn: ({ signal }) => call('dead_letters', { limit: LETTERS_PAGE, ...paramsOf(filter), cursor: after || null }, { signal }),
  })

export const groupsQuery = (filter: LetterFilter) =>
  queryOptions({
    queryKey: ['dead_letter_groups', paramsOf(filter)] as const,
    queryFn: ({ signal }) => call('dead_letter_groups', { limit: 500, ...paramsOf(filter) }, { signal }),
  })

/** How many match, followed as it changes. */
export const totalQuery = (filter: LetterFilter) =>
  queryOptions({
    queryKey: ['dead_letter_count', { ...paramsOf(filter), shown: true }] as const,
    queryFn: ({ signal }) => call('dead_letter_count', paramsOf(filter), { signal }),
  })

/** The count is read when it is asked for, and stays as it was then: what is confirmed is what was shown. */
export const countQuery = (filter: LetterFilter) =>
  queryOptions({
    queryKey: ['dead_letter_count', paramsOf(filter)] as const,
    queryFn: ({ signal }) => call('dead_letter_count', paramsOf(filter), { signal }),
    staleTime: 0,
    gcTime: 0,
    meta: { fixed: true },
  })

/** A dead letter never changes: it is only replaced by nothing, and its panel is left then. */
export const letterQuery = (id: number) =>
  queryOptions({
    queryKey: ['dead_letter', { id }] as const,
    queryFn: ({ signal }) => callText('dead_letter', { id }, { signal }),
    meta: { fixed: true },
  })

export const bulksQuery = () =>
  queryOptions({ queryKey: ['bulks', {}] as const, queryFn: ({ signal }) => call('bulks', { limit: 50 }, { signal }) })

export const bulkQuery = (id: number) =>
  queryOptions({ queryKey: ['bulk', { id }] as const, queryFn: ({ signal }) => call('bulk', { id }, { signal }) })

export type BulkChoice = Omit<Operations['bulk_preview']['params'], 'patch' | 'limit'>

export interface BulkStart extends Omit<Operations['bulk_start']['params'], 'patch'> {
  /** Merge patch as JSON text. */
  patchSource?: string
}

/** Begin a bulk; the patch goes out as it is written. */
export const startBulk = async ({ patchSource, ...params }: BulkStart): Promise<BulkRow> =>
  JSON.parse(await callText('bulk_start', params, patchSource === undefined ? {} : { member: 'patch', source: patchSource })) as BulkRow

/** The first letters of a bulk, as a patch would change them. */
export const previewQuery = (choice: BulkChoice, patchSource: string) =>
  queryOptions({
    queryKey: ['bulk_preview', { ...choice, patchSource }] as const,
    queryFn: ({ signal }) => callText('bulk_preview', choice, { member: 'patch', source: patchSource, signal }),
    staleTime: 0,
    gcTime: 0,
    retry: false,
    meta: { fixed: true },
  })

/** Try one dead letter again, with other data given as JSON text, or as it is. */
export const replayLetter = ({ id, source }: { id: number; source: string | null }): Promise<string> =>
  callText('replay_many', { ids: [id] }, source === null ? {} : { member: 'data', source })
