import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useReducer, useRef } from 'react'
import { TRACES_PAGE, tracesQuery, type TracesFilter } from '../../services/queries.ts'
import type { TraceRow } from '../../services/shapes.ts'
import { EMPTY, admit, extend, receive, staleRow, type TraceList } from './list.ts'

type Change =
  | { kind: 'page'; rows: readonly TraceRow[]; of: string; follows: boolean }
  | { kind: 'older'; rows: readonly TraceRow[]; of: string }
  | { kind: 'admit' }
  | { kind: 'forget' }

function reduce(list: TraceList, change: Change): TraceList {
  switch (change.kind) {
    case 'page':
      return receive(list, change.rows, TRACES_PAGE, change.follows, change.of)
    case 'older':
      return change.of === list.of ? extend(list, change.rows, TRACES_PAGE) : list
    case 'admit':
      return admit(list)
    case 'forget':
      return EMPTY
  }
}

/** Keep the list of traces that fit a filter up to date. */
export function useTraceList(filter: TracesFilter, follows: boolean) {
  const queries = useQueryClient()
  const newest = useQuery(tracesQuery(filter))
  const [list, change] = useReducer(reduce, EMPTY)
  const loading = useRef(false)
  const of = JSON.stringify(filter)

  useEffect(() => {
    if (newest.data) change({ kind: 'page', rows: newest.data.traces, of, follows })
  }, [newest.data, newest.dataUpdatedAt, of, follows])

  const readBefore = useCallback(
    async (before: number) => {
      if (loading.current) return
      loading.current = true
      try {
        const page = await queries.query({ ...tracesQuery(JSON.parse(of) as TracesFilter, before), gcTime: 0 })
        change({ kind: 'older', rows: page.traces, of })
      } catch {
        // The header says that the host is silent; the next look at the end asks again.
      } finally {
        loading.current = false
      }
    },
    [queries, of],
  )

  const stale = newest.data && staleRow(list, newest.data.traces)?.cursor
  useEffect(() => {
    if (stale !== undefined) void readBefore(stale + 1)
  }, [stale, newest.dataUpdatedAt, readBefore])

  const bottom = list.rows.at(-1)?.cursor
  const readOlder = useCallback(() => {
    if (!list.complete && bottom !== undefined) void readBefore(bottom)
  }, [list.complete, bottom, readBefore])

  const show = useCallback(() => {
    change({ kind: 'admit' })
  }, [])
  const forget = useCallback(() => {
    change({ kind: 'forget' })
  }, [])
  return { list, newest, readOlder, show, forget }
}
