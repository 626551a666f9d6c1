import { EmitView } from '../features/emit/EmitView.tsx'
import type { EmitSearch } from '../features/emit/search.ts'
import { EndpointsView } from '../features/endpoints/EndpointsView.tsx'
import { TABS, type EndpointsSearch } from '../features/endpoints/search.ts'
import { oneOf, textOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const FACES = ['form', 'json'] as const

const endpointsSearch = (search: Search): EndpointsSearch => ({
  step: textOf(search.step),
  tab: oneOf(TABS, search.tab),
  as: oneOf(FACES, search.as),
  q: textOf(search.q),
})

export function Endpoints() {
  const [search, change] = useSearchChange(endpointsSearch)
  return <EndpointsView search={search} onSearch={change} />
}

const emitSearch = (search: Search): EmitSearch => ({
  topic: textOf(search.topic),
  step: textOf(search.step),
  form: textOf(search.form),
  data: textOf(search.data),
  as: oneOf(FACES, search.as),
  q: textOf(search.q),
})

export function Emit() {
  const [search, change] = useSearchChange(emitSearch)
  return <EmitView search={search} onSearch={change} />
}
