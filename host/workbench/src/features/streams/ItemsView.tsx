import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useMemo, useRef, useState } from 'react'
import { streamDoor } from '../../services/addresses.ts'
import { useActions } from '../../services/context.tsx'
import { itemsQuery, removeItem, writeItem } from '../../services/data.ts'
import { stepsQuery } from '../../services/queries.ts'
import { useChange } from '../../services/useChange.ts'
import { AtEnd, Button, SearchField, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Pager } from '../../ui/Pager.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { useNarrow, useRowPx } from '../../ui/useRowPx.ts'
import { nameWords } from '../../ui/names.ts'
import { counted } from '../../ui/time.ts'
import edit from '../../ui/edit.module.css'
import row from '../../ui/row.module.css'
import { ExportItems } from './ExportItems.tsx'
import { ItemHistory } from './ItemHistory.tsx'
import { ItemPanel, type Removal } from './ItemPanel.tsx'
import { NO_CHANGES, cellOf, columnsOf, dataOf, follow, itemsOf, matches, type Item } from './model.ts'
import { NewItem } from './NewItem.tsx'
import type { StreamSearch } from './search.ts'
import styles from './streams.module.css'
import { Subscribers } from './Subscribers.tsx'

interface Props {
  stream: string
  group: string
  search: StreamSearch
  onSearch: (change: Partial<StreamSearch>) => void
}

const FLASH_MS = 600

const BESIDE = { create: 'New item', events: 'Events sent', item: 'Selected item' } as const

function besideOf({ create, events, id }: StreamSearch): keyof typeof BESIDE | null {
  if (create) return 'create'
  if (events) return 'events'
  return id === undefined ? null : 'item'
}

/** Items of a group of a stream as a table that follows them, and one of them beside. */
export function ItemsView({ stream, group, search, onSearch }: Props) {
  const { after, id, events, q } = search
  const beside = besideOf(search)
  const { items: all, cursor, changedAt, error, isPending, refetch } = useItems(stream, group, after)
  const items = useMemo(() => (q === '' ? all : all.filter((each) => matches(each.source, q))), [all, q])
  const steps = useQuery(stepsQuery())
  const [removed, setRemoved] = useState<Item | null>(null)
  const list = useRef<RowsHandle>(null)
  const field = useRef<HTMLInputElement>(null)
  const rowPx = useRowPx(32)
  const focus = useRowFocus(items.length, list)
  const columns = columnsOf(steps.data?.streams.find((each) => each.name === stream)?.schema, items).slice(0, useNarrow() ? 2 : undefined)
  const leave = (): void => {
    onSearch({ create: false, id: undefined, events: false })
  }
  const removal = useRemoval(stream, group, id, (item) => { setRemoved(item); leave() })
  const navigate = useNavigate()
  useActions([
    { id: 'search', label: 'Filter the items', keys: ['/'], group: 'Streams', perform: () => field.current?.focus() },
    { id: 'new', label: 'New item', keys: ['n'], group: 'Streams', perform: () => { onSearch({ create: true, id: undefined, events: false }) } },
    ...focus.actions('Streams'),
    beside !== null
      ? { id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Streams', perform: leave }
      : { id: 'leave', label: 'Back to the groups', keys: ['Escape'], group: 'Streams', perform: () => void navigate(streamDoor(stream)) },
  ])
  const grid = { gridTemplateColumns: `minmax(90px, 0.7fr) repeat(${columns.length}, minmax(0, 1fr))` }
  return (
    <Page
      title={`${nameWords(stream)} / ${nameWords(group)}`}
      heading={<Crumbs stream={stream} group={group} />}
      tools={
        <Toolbar label="Items">
          <SearchField field={field} label="Words in an item" value={q} onType={(text) => { onSearch({ q: text }) }} />
          <span className={edit.quiet} role="status">{all.length > 0 && filterWords(q, items.length, all.length)}</span>
          <Subscribers stream={stream} group={group} />
          <Button aria-pressed={events} onClick={() => { onSearch({ events: !events, id: undefined, create: false }) }}>Events sent</Button>
          <Button onClick={() => { onSearch({ frames: true, q: '', events: false, id: undefined, create: false }) }}>Frames</Button>
          <AtEnd>
            <ExportItems stream={stream} group={group} q={q} />
            {removed && <Undo stream={stream} group={group} removed={removed} onDone={() => { setRemoved(null) }} />}
            <Button onClick={() => { onSearch({ create: true, id: undefined, events: false }) }}>New item</Button>
          </AtEnd>
        </Toolbar>
      }
      asideLabel={beside === null ? '' : BESIDE[beside]}
      aside={beside !== null && <Beside stream={stream} group={group} search={search} removal={removal} onClose={leave} onSearch={onSearch} />}
    >
      {error && isPending && <Failed error={error} retry={() => void refetch()} />}
      {isPending && !error && <Loading what="items" />}
      {all.length > 0 && items.length === 0 && (
        <Empty title="Nothing matches">
          <Button onClick={() => { onSearch({ q: '' }) }}>Clear the filter</Button>
        </Empty>
      )}
      {!isPending && all.length === 0 && (
        <Empty title="This group has no items">
          <p>A group is there as long as it has an item. One that a step writes is listed here at once.</p>
        </Empty>
      )}
      {items.length > 0 && (
        <Rows role="list" label={`Items of ${nameWords(group)}`} count={items.length} rowPx={rowPx} handle={list} head={<Head columns={columns} grid={grid} />}>
          {(at, top) => {
            const item = items[at]
            const changed = item ? changedAt(item.id) : 0
            return (
              item && (
                <div key={item.id} role="listitem" aria-setsize={items.length} aria-posinset={at + 1} className={row.item} style={{ top, height: rowPx }}>
                  {Date.now() - changed < FLASH_MS && <span key={changed} className={styles.flash} aria-hidden />}
                  <button type="button" className={`${row.row} ${styles.items}`} style={grid} aria-pressed={item.id === id} data-row={at} onClick={() => { onSearch({ id: item.id, create: false, events: false }) }}>
                    <span className={row.mono}>{nameWords(item.id)}</span>
                    {columns.map((name) => (
                      <span key={name}>{cellOf(item, name)}</span>
                    ))}
                  </button>
                </div>
              )
            )
          }}
        </Rows>
      )}
      {!isPending && (
        <Pager
          what="items"
          shown={all.length}
          isFirst={after === ''}
          more={cursor !== null}
          onFirst={() => { onSearch({ after: '' }) }}
          onNext={() => { onSearch({ after: cursor ?? '' }) }}
        />
      )}
    </Page>
  )
}

const filterWords = (q: string, shown: number, of: number): string =>
  q === '' ? 'Oldest first; changes are shown as they come' : `${shown.toLocaleString('en')} of ${counted(of, 'item')} here`

interface BesideProps extends Props {
  removal: Removal
  onClose: () => void
}

/** What stands beside the list: a form, an item, or the events that were sent. */
function Beside({ stream, group, search, removal, onClose, onSearch }: BesideProps) {
  const { id, create, events } = search
  if (create) return <NewItem stream={stream} group={group} onClose={onClose} onCreated={(_, made) => { onSearch({ create: false, id: made }) }} />
  if (events) {
    return (
      <Panel title="Events sent" about="They reach who follows the group, and are not stored in it" onClose={onClose}>
        <ItemHistory stream={stream} group={group} id={null} />
      </Panel>
    )
  }
  return id === undefined ? null : <ItemPanel key={id} stream={stream} group={group} id={id} onClose={onClose} removal={removal} />
}

/** Deletion of the selected item. It is asked here, not in the panel: the feed may close that before the host has answered. */
function useRemoval(stream: string, group: string, id: string | undefined, onRemoved: (item: Item) => void): Removal {
  const remove = useChange(removeItem)
  return {
    isPending: remove.isPending,
    error: remove.variables?.id === id ? remove.error : null,
    start: (item) => { remove.mutate({ stream, group, id: item.id }, { onSuccess: () => { onRemoved(item) } }) },
  }
}

/** Items of a part of a group, and when each has changed under the reader's eyes. */
function useItems(stream: string, group: string, after: string) {
  const { data, error, isPending, refetch } = useQuery({ ...itemsQuery(stream, group, after), placeholderData: keepPreviousData })
  const found = useMemo(() => (data === undefined ? null : itemsOf(data)), [data])
  const [known, setKnown] = useState({ found, after, changes: NO_CHANGES })
  if (known.found !== found) {
    // Another part of the list is not a change of it.
    const before = known.after === after ? known.changes : NO_CHANGES
    setKnown({ found, after, changes: follow(before, found?.items ?? [], Date.now()) })
  }
  return {
    items: found?.items ?? [],
    cursor: found?.cursor ?? null,
    changedAt: (id: string): number => known.changes.get(id)?.changedAt ?? 0,
    error,
    isPending,
    refetch,
  }
}

export function Crumbs({ stream, group }: { stream: string; group: string }) {
  return (
    <div className={edit.crumbs}>
      <Link to="/streams" search={{}}>
        Streams
      </Link>
      <span aria-hidden>/</span>
      <Link {...streamDoor(stream)}>
        {nameWords(stream)}
      </Link>
      <span aria-hidden>/</span>
      <h1>{nameWords(group)}</h1>
    </div>
  )
}

function Head({ columns, grid }: { columns: readonly string[]; grid: { gridTemplateColumns: string } }) {
  return (
    <div className={`${row.head} ${row.row} ${styles.items}`} style={grid} aria-hidden>
      <span>Id</span>
      {columns.map((name) => (
        <span key={name}>{name}</span>
      ))}
    </div>
  )
}

/** Way back from a deletion: the item is written again, and subscribers get it again. */
function Undo({ stream, group, removed, onDone }: { stream: string; group: string; removed: Item; onDone: () => void }) {
  const write = useChange(writeItem)
  return (
    <span className={edit.undo} role="status">
      <span>{write.error ? write.error.message : `Deleted ${nameWords(removed.id)}`}</span>
      <Button
        disabled={write.isPending}
        onClick={() => {
          write.mutate({ stream, group, id: removed.id, source: dataOf(removed) }, { onSuccess: onDone })
        }}
      >
        Undo
      </Button>
    </span>
  )
}
