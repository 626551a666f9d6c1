import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useRef } from 'react'
import { streamDoor } from '../../services/addresses.ts'
import { useActions } from '../../services/context.tsx'
import { streamGroupsQuery } from '../../services/data.ts'
import { quoted } from '../../services/search.ts'
import { AtEnd, Button, SearchField, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Pager } from '../../ui/Pager.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { counted } from '../../ui/time.ts'
import { useRowPx } from '../../ui/useRowPx.ts'
import { nameWords } from '../../ui/names.ts'
import edit from '../../ui/edit.module.css'
import row from '../../ui/row.module.css'
import { NewItem } from './NewItem.tsx'
import type { StreamSearch } from './search.ts'
import styles from './streams.module.css'
import { Subscribers } from './Subscribers.tsx'

interface Props {
  stream: string
  search: StreamSearch
  onSearch: (change: Partial<StreamSearch>) => void
}

/** Groups of a stream, by the beginning of their names. */
export function StreamView({ stream, search, onSearch }: Props) {
  const { prefix, after, create } = search
  const { data, error, isPending, refetch } = useQuery({ ...streamGroupsQuery(stream, { prefix, after }), placeholderData: keepPreviousData })
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
  const navigate = useNavigate()
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Streams', perform: () => field.current?.focus() },
    ...focus.actions('Streams'),
    create
      ? { id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Streams', perform: leave }
      : { id: 'leave', label: 'Back to the streams', keys: ['Escape'], group: 'Streams', perform: () => void navigate({ to: '/streams', search: {} }) },
  ])
  return (
    <Page
      title={`Stream ${nameWords(stream)}`}
      heading={
        <div className={edit.crumbs}>
          <Link to="/streams" search={{}}>
            Streams
          </Link>
          <span aria-hidden>/</span>
          <h1>{nameWords(stream)}</h1>
        </div>
      }
      tools={
        <Toolbar label="Filters">
          <SearchField field={field} label="Groups that begin with" value={prefix} onType={(text) => { onSearch({ prefix: text, after: '' }) }} />
          <Subscribers stream={stream} />
          <AtEnd>
            <Button onClick={begin}>New item</Button>
          </AtEnd>
        </Toolbar>
      }
      asideLabel="New item"
      aside={create && <NewItem stream={stream} onClose={leave} onCreated={(group, id) => { onSearch({ group, id, create: false, prefix: '', after: '' }) }} />}
    >
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="groups" />}
      {data && groups.length === 0 && (
        <Empty title={prefix === '' ? 'No items yet' : 'No group begins with this'}>
          {prefix === '' ? (
            <p>
              A step writes with <code>streams.{nameWords(stream)}.set(group, id, data)</code>; the groups are listed here at once.
            </p>
          ) : (
            <Button onClick={() => { onSearch({ prefix: '', after: '' }) }}>Clear the search</Button>
          )}
        </Empty>
      )}
      {groups.length > 0 && (
        <Rows role="list" label={`Groups of ${nameWords(stream)}`} count={groups.length} rowPx={rowPx} handle={list} head={<div className={`${row.head} ${row.row} ${styles.groups}`} aria-hidden><span>Group</span><span>Items</span></div>}>
          {(at, top) => {
            const each = groups[at]
            return (
              each && (
                <div key={each.group} role="listitem" aria-setsize={groups.length} aria-posinset={at + 1} className={row.item} style={{ top, height: rowPx }}>
                  <Link {...streamDoor(stream, { group: quoted(each.group) })} className={`${row.row} ${styles.groups}`} data-row={at}>
                    <span className={row.name}>{nameWords(each.group)}</span>
                    <span className={row.number}>{counted(each.items, 'item')}</span>
                  </Link>
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
