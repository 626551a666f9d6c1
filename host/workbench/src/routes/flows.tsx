import { useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import type { FlowSearch } from '../features/flows/search.ts'
import { oneOf, textOf, type Search } from '../services/search.ts'
import { Loading } from '../ui/Notices.tsx'
import { useSearchChange } from './searchChange.ts'

const FlowsView = lazy(() => import('../features/flows/FlowsView.tsx'))
const FlowView = lazy(() => import('../features/flows/FlowView.tsx'))

const flowsSearch = (search: Search) => ({ trace: textOf(search.trace), all: search.all === 'on' })

const flowSearch = (search: Search): FlowSearch => ({
  step: textOf(search.step),
  trace: textOf(search.trace),
  q: textOf(search.q),
  view: oneOf(['', 'table'], search.view),
})

export function Flows() {
  const [search] = useSearchChange(flowsSearch)
  return (
    <Suspense fallback={<Loading what="flows" />}>
      <FlowsView trace={search.trace} all={search.all} />
    </Suspense>
  )
}

export function OneFlow() {
  const [search, change] = useSearchChange(flowSearch)
  const { flow = '' }: { flow?: string } = useParams({ strict: false })
  return (
    <Suspense fallback={<Loading what="the flow" />}>
      <FlowView key={flow} flow={flow} search={search} onSearch={change} />
    </Suspense>
  )
}
