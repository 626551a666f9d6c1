import { ChartsView } from '../features/charts/ChartsView.tsx'
import { WINDOWS, type ChartsSearch } from '../features/charts/search.ts'
import { numberOf, oneOf, textOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const [usual, ...others] = WINDOWS.map(([window]) => window)

const chartsSearch = (search: Search): ChartsSearch => ({
  window: oneOf([usual ?? '1h', ...others], search.window),
  step: textOf(search.step),
  flow: textOf(search.flow),
  table: search.table === 'on',
  since: numberOf(search.since),
  until: numberOf(search.until),
})

export function Charts() {
  const [search, change] = useSearchChange(chartsSearch)
  return <ChartsView search={search} onSearch={change} />
}
