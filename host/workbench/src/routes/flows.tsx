import { useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import type { FlowSearch } from '../features/flows/search.ts'
import { oneOf, textOf, unquoted, type Search } from '../services/search.ts'
import { Loading } from '../ui/Notices.tsx'
import { useSearchChange } from './searchChange.ts'

const FlowsView = lazy(() => import('../features/flows/FlowsView.tsx'))
const FlowView = lazy(() => import('../features/flows/FlowView.tsx'))

const flowsSearch = (search: Search) => ({ trace: textOf(search.trace), all: search.all === 'on', flow: unquoted(search.flow) })

const flowSearch = (search: Search): FlowSearch => ({
  step: textOf(search.step),
  trace: textOf(search.trace),
  q: textOf(search.q),
  view: oneOf(['', 'table'], search.view),
})

export function Flows() {
  const [search] = useSearchChange(flowsSearch)
  if (search.flow !== undefined) return <Chosen flow={search.flow} />
  return (
    <Suspense fallback={<Loading what="flows" />}>
      <FlowsView trace={search.trace} all={search.all} />
    </Suspense>
  )
}

export function OneFlow() {
  const { flow = '' }: { flow?: string } = useParams({ strict: false })
  return <Chosen flow={flow} />
}

function Chosen({ flow }: { flow: string }) {
  const [search, change] = useSearchChange(flowSearch)
  return (
    <Suspense fallback={<Loading what="the flow" />}>
      <FlowView key={flow} flow={flow} search={search} onSearch={change} />
    </Suspense>
  )
}
