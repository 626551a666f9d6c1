import type { LogsSearch } from '../features/logs/search.ts'
import { LogsView } from '../features/logs/LogsView.tsx'
import { numberOf, oneOf, textOf, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const LEVELS = ['', 'debug', 'info', 'warn', 'error'] as const

const logsSearch = (search: Search): LogsSearch => ({
  level: oneOf(LEVELS, search.level),
  step: textOf(search.step),
  flow: textOf(search.flow),
  trace: textOf(search.trace),
  run: textOf(search.run),
  q: textOf(search.q),
  since: numberOf(search.since),
  until: numberOf(search.until),
  fold: search.fold === 'on',
  line: numberOf(search.line),
})

export function Logs() {
  const [search, change] = useSearchChange(logsSearch)
  return <LogsView search={search} onSearch={change} />
}
