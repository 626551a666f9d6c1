import { useParams } from '@tanstack/react-router'
import { GroupView } from '../features/state/GroupView.tsx'
import { GroupsView } from '../features/state/GroupsView.tsx'
import type { GroupSearch } from '../features/state/search.ts'
import { quoted, textOf, unquoted, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

/** Search of both pages; `key` and `group` may be any text. */
const stateSearch = (search: Search): GroupSearch & { group: string | undefined; new?: boolean } => ({
  prefix: textOf(search.prefix),
  after: textOf(search.after),
  create: search.new === 'on',
  key: unquoted(search.key),
  group: unquoted(search.group),
})

export function State() {
  const [search, change] = useSearchChange(stateSearch)
  const { group: inPath }: { group?: string } = useParams({ strict: false })
  const group = inPath ?? search.group
  const onSearch = (part: Partial<GroupSearch>): void => {
    const { create, ...rest } = part
    const key = 'key' in part ? { key: part.key === undefined ? undefined : quoted(part.key) } : {}
    change({ ...rest, ...key, ...(create === undefined ? {} : { new: create }) })
  }
  return group === undefined ? (
    <GroupsView search={search} onSearch={onSearch} />
  ) : (
    <GroupView key={group} group={group} search={search} onSearch={onSearch} />
  )
}
