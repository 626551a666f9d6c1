import { queryOptions, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { call } from '../../services/http.ts'
import { TraceBuffer } from './buffer.ts'

const TICK_MS = 1000

/** Rows of one trace, kept up to date: each notice of the live feed asks for what has come since. */
export function useTraceBuffer(id: string) {
  const [buffer] = useState(() => new TraceBuffer())
  const options = useMemo(
    () =>
      queryOptions({
        queryKey: ['trace_skeleton', { id }] as const,
        queryFn: async ({ signal }) => {
          const answer = await call('trace_skeleton', { id, after: buffer.after }, { signal })
          buffer.take(answer)
          // The rows are in the buffer; the query says when it was asked and of which trace.
          return answer.trace.traceId
        },
        gcTime: 0,
      }),
    [id, buffer],
  )
  const query = useQuery(options)
  const known = useSyncExternalStore(buffer.subscribe, buffer.snapshot)
  const lasts = known.underWay.length > 0
  useEffect(() => {
    if (!lasts) return
    const timer = setInterval(() => { buffer.tick() }, TICK_MS)
    return () => { clearInterval(timer) }
  }, [buffer, lasts])
  return { known, query }
}
