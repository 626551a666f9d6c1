import { LANGUAGES } from '../features/start/model.ts'
import { StartView } from '../features/start/StartView.tsx'
import { oneOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const startSearch = (search: Search) => ({ language: oneOf(LANGUAGES, search.language) })

export function Start() {
  const [search, change] = useSearchChange(startSearch)
  return <StartView search={search} onSearch={change} />
}
