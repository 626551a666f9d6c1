import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { flowCountsQuery, openLettersQuery, ratesQuery } from '../../services/queries.ts'
import { movingOf, type Moving } from './moving.ts'

const EVERY_STEP = '*'
const RATES_MS = 5000

/** How the queue of each step moves; read again while somebody looks. */
export function useMoving(): ReadonlyMap<string, Moving> {
  const letters = useQuery(openLettersQuery()).data
  const counts = useQuery({ ...flowCountsQuery(EVERY_STEP), placeholderData: (before) => before }).data
  const totals = useQuery({ ...ratesQuery({ window: '5m', step: '', flow: '' }), refetchInterval: RATES_MS, placeholderData: (before) => before }).data?.steps
  return useMemo(() => movingOf({ letters, counts, totals }), [letters, counts, totals])
}
