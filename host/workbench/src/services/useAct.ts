import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Operations } from '../api/operations.ts'
import { call, type RequestFailed } from './http.ts'

type Changing = { [N in keyof Operations]: Operations[N]['effect'] extends 'changes' ? N : never }[keyof Operations]

/** Change something on the host. What is on screen is read again afterwards, also what no notice of the feed names. */
export function useAct<N extends Changing>(name: N) {
  const queries = useQueryClient()
  return useMutation<Operations[N]['result'], RequestFailed, Operations[N]['params']>({
    mutationFn: (params) => call(name, params),
    onSuccess: () => queries.invalidateQueries({ refetchType: 'active', predicate: ({ meta }) => meta?.fixed !== true }),
  })
}
