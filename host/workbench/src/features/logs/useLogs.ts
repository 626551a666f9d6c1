import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { call } from '../../services/http.ts'
import type { LogsFilter } from './search.ts'
import { LogTail } from './tail.ts'

const nothing = (): (() => void) => () => undefined
const zero = (): number => 0

/** Lines that a filter chooses, kept up to date; while those of another one are on their way, the ones before stay. */
export function useLogs(filter: LogsFilter, line: number | undefined) {
  const query = useQuery({
    queryKey: ['logs', filter],
    // A view that is opened again begins with the newest lines again.
    gcTime: 0,
    placeholderData: keepPreviousData,
    structuralSharing: false,
    queryFn: async ({ signal, client, queryKey }) => {
      const tail =
        client.getQueryData<LogTail>(queryKey) ?? new LogTail((asked, stop) => call('logs', { ...filter, ...asked }, { ...(stop && { signal: stop }) }), line)
      await tail.readNewer(signal)
      return tail
    },
  })
  const tail = query.data
  const version = useSyncExternalStore(tail?.subscribe ?? nothing, tail?.snapshot ?? zero)
  return { tail, query, version }
}

/** Whether the host has any line at all; asked only where none matches. */
export const useAnyLine = (ask: boolean) =>
  useQuery({
    queryKey: ['logs', { limit: 1 }],
    enabled: ask,
    queryFn: async ({ signal }) => (await call('logs', { limit: 1 }, { signal })).logs.length > 0,
  })
