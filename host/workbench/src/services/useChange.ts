import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { RequestFailed } from './http.ts'

/** Change something on the host by a function of a service. What is on screen is read again before it counts as done. */
export function useChange<P, R>(change: (params: P) => Promise<R>) {
  const queries = useQueryClient()
  return useMutation<R, RequestFailed, P>({
    mutationFn: change,
    onSuccess: () => queries.invalidateQueries({ refetchType: 'active', predicate: ({ meta }) => meta?.fixed !== true }),
  })
}
