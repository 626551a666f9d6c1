import { useQuery } from '@tanstack/react-query'
import { Navigate } from '@tanstack/react-router'
import { stepsQuery } from '../services/queries.ts'
import { Failed, Loading } from '../ui/Notices.tsx'
import { PAGES } from './pages.ts'

/** The Workbench without a page: the first of them, or what to begin with when there is nothing to show. */
export function Home() {
  const { data, error, refetch } = useQuery(stepsQuery())
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />
  if (!data) return <Loading what="the project" />
  const isEmpty = data.steps.length + data.streams.length === 0
  return <Navigate to={isEmpty ? '/start' : PAGES[0].to} search={{}} replace />
}
