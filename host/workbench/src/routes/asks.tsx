import { AsksView } from '../features/asks/AsksView.tsx'
import type { AsksSearch } from '../features/asks/search.ts'
import { textOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const asksSearch = (search: Search): AsksSearch => ({ ask: textOf(search.ask) })

export function Asks() {
  const [search, change] = useSearchChange(asksSearch)
  return <AsksView search={search} onSearch={change} />
}
