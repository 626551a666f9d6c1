import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useRef } from 'react'
import { groupDoor } from '../../services/addresses.ts'
import { useActions } from '../../services/context.tsx'
import { groupsQuery } from '../../services/data.ts'
import { quoted } from '../../services/search.ts'
import { AtEnd, Button, SearchField, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Pager } from '../../ui/Pager.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { useRowPx } from '../../ui/useRowPx.ts'
import { counted } from '../../ui/time.ts'
import row from '../../ui/row.module.css'
import { nameWords } from '../../ui/names.ts'
import { GroupLink } from './GroupLink.tsx'
import { NewValue } from './NewValue.tsx'
import type { GroupsSearch } from './search.ts'
import styles from './state.module.css'

interface Props {
  search: GroupsSearch
  onSearch: (change: Partial<GroupsSearch>) => void
}

/** Groups of the state, by the beginning of their names. */
export function GroupsView({ search, onSearch }: Props) {
  const { prefix, after, create } = search
  const { data, error, isPending, refetch } = useQuery({ ...groupsQuery({ prefix, after }), placeholderData: keepPreviousData })
  const navigate = useNavigate()
  const field = useRef<HTMLInputElement>(null)
  const list = useRef<RowsHandle>(null)
  const rowPx = useRowPx(32)
  const groups = data?.groups ?? []
  const focus = useRowFocus(groups.length, list)
  const begin = (): void => {
    onSearch({ create: true })
  }
  const leave = (): void => {
    onSearch({ create: false })
  }
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'State', perform: () => field.current?.focus() },
    { id: 'new', label: 'New value', keys: ['n'], group: 'State', perform: begin },
    ...focus.actions('State'),
    ...(create ? [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'State', perform: leave }] : []),
  ])
  const created = (group: string, key: string): void => {
    void navigate(groupDoor(group, { key: quoted(key) }))
  }

  return (
    <Page
      title="State"
      tools={
        <Toolbar label="Filters">
          <SearchField field={field} label="Groups that begin with" value={prefix} onType={(text) => { onSearch({ prefix: text, after: '' }) }} />
          <AtEnd>
            <Button onClick={begin}>
              <Plus size={15} aria-hidden /> New value
            </Button>
          </AtEnd>
        </Toolbar>
      }
      asideLabel="New value"
      aside={create && <NewValue onClose={leave} onCreated={created} />}
    >
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="groups" />}
      {data && groups.length === 0 && prefix === '' && (
        <Empty title="The state is empty">
          <p>
            A step writes with <code>state.set(group, key, value)</code>; its groups are listed here at once.
          </p>
          <Button onClick={begin}>Write a value</Button>
        </Empty>
      )}
      {data && groups.length === 0 && prefix !== '' && (
        <Empty title="No group begins with this">
          <Button onClick={() => { onSearch({ prefix: '', after: '' }) }}>Clear the search</Button>
        </Empty>
      )}
      {groups.length > 0 && (
        <Rows role="list" label="Groups" count={groups.length} rowPx={rowPx} handle={list} head={<div className={`${row.head} ${row.row} ${styles.pair}`} aria-hidden><span>Group</span><span>Keys</span></div>}>
          {(at, top) => {
            const each = groups[at]
            return (
              each && (
                <div key={each.group} role="listitem" aria-setsize={groups.length} aria-posinset={at + 1} className={row.item} style={{ top, height: rowPx }}>
                  <GroupLink group={each.group} className={`${row.row} ${styles.pair}`} row={at}>
                    <span className={row.name}>{nameWords(each.group)}</span>
                    <span className={row.number}>{counted(each.keys, 'key')}</span>
                  </GroupLink>
                </div>
              )
            )
          }}
        </Rows>
      )}
      {data && (
        <Pager
          what="groups"
          shown={groups.length}
          isFirst={after === ''}
          more={data.cursor !== null}
          onFirst={() => { onSearch({ after: '' }) }}
          onNext={() => { onSearch({ after: data.cursor ?? '' }) }}
        />
      )}
    </Page>
  )
}
