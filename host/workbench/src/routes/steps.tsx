import { StepsView, type StepsSearch } from '../features/steps/StepsView.tsx'
import { textOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const stepsSearch = (search: Search): StepsSearch => ({ step: textOf(search.step), q: textOf(search.q) })

export function Steps() {
  const [search, change] = useSearchChange(stepsSearch)
  return <StepsView search={search} onSearch={change} />
}
