import { useParams } from '@tanstack/react-router'
import type { TraceSearch, TracesSearch } from '../features/traces/search.ts'
import { TraceView } from '../features/traces/TraceView.tsx'
import { TracesView } from '../features/traces/TracesView.tsx'
import { numberOf, oneOf, textOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const STATUSES = ['', 'running', 'completed', 'failed', 'rejected'] as const

const tracesSearch = (search: Search): TracesSearch => ({
  status: oneOf(STATUSES, search.status),
  q: textOf(search.q),
  follow: search.follow === 'on',
  step: textOf(search.step),
  flow: textOf(search.flow),
  since: textOf(search.since),
  until: numberOf(search.until),
  with: textOf(search.with),
})

const traceSearch = (search: Search): TraceSearch => ({
  span: textOf(search.span),
  q: textOf(search.q),
  errors: search.errors === 'on',
  from: numberOf(search.from),
  to: numberOf(search.to),
  idle: search.idle === 'on',
  path: search.path === 'on',
  steps: search.steps === 'on',
  again: search.again === 'on',
})

export function Traces() {
  const [search, change] = useSearchChange(tracesSearch)
  return <TracesView search={search} onSearch={change} />
}

export function OneTrace() {
  const [search, change] = useSearchChange(traceSearch)
  const { id = '' }: { id?: string } = useParams({ strict: false })
  return <TraceView key={id} id={id} search={search} onSearch={change} />
}
