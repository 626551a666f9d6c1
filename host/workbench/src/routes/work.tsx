import { CronView } from '../features/cron/CronView.tsx'
import type { CronSearch } from '../features/cron/search.ts'
import { LettersView } from '../features/letters/LettersView.tsx'
import type { LettersSearch } from '../features/letters/search.ts'
import { STATES } from '../features/queues/model.ts'
import { QueuesView } from '../features/queues/QueuesView.tsx'
import type { QueuesSearch } from '../features/queues/search.ts'
import { numberOf, oneOf, quoted, textOf, unquoted, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const queuesSearch = (search: Search): QueuesSearch & { key?: string | undefined } => ({
  step: textOf(search.step),
  state: oneOf(['', ...STATES], search.state),
  fifoKey: unquoted(search.key),
  after: textOf(search.after),
  id: numberOf(search.id),
})

export function Queues() {
  const [search, change] = useSearchChange(queuesSearch)
  const onSearch = (part: Partial<QueuesSearch>): void => {
    const { fifoKey, ...rest } = part
    change({ ...rest, ...('fifoKey' in part ? { key: fifoKey === undefined ? undefined : quoted(fifoKey) } : {}) })
  }
  return <QueuesView search={search} onSearch={onSearch} />
}

const lettersSearch = (search: Search): LettersSearch => ({
  show: oneOf(['letters', 'errors', 'bulks'], search.show),
  step: textOf(search.step),
  topic: textOf(search.topic),
  q: textOf(search.q),
  error: textOf(search.error),
  since: numberOf(search.since),
  until: numberOf(search.until),
  after: textOf(search.after),
  letter: numberOf(search.letter),
  bulk: numberOf(search.bulk),
})

export function Letters() {
  const [search, change] = useSearchChange(lettersSearch)
  return <LettersView search={search} onSearch={change} />
}

const cronSearch = (search: Search): CronSearch => ({ show: oneOf(['steps', 'week'], search.show), step: textOf(search.step) })

export function Cron() {
  const [search, change] = useSearchChange(cronSearch)
  return <CronView search={search} onSearch={change} />
}
