import { useParams } from '@tanstack/react-router'
import { CompareView, type CompareSearch } from '../features/compare/CompareView.tsx'
import { textOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const compareSearch = (search: Search): CompareSearch => ({ row: textOf(search.row), differ: search.differ === 'on' })

export function Compare() {
  const [search, change] = useSearchChange(compareSearch)
  const { a = '', b = '' }: { a?: string; b?: string } = useParams({ strict: false })
  return <CompareView key={`${a} ${b}`} a={a} b={b} search={search} onSearch={change} />
}
