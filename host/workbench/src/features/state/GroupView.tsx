import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useRef, useState } from 'react'
import type { StateKeyRow } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { keysQuery } from '../../services/data.ts'
import { AtEnd, Button, SearchField, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Pager } from '../../ui/Pager.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { useRowPx } from '../../ui/useRowPx.ts'
import row from '../../ui/row.module.css'
import { nameWords } from '../../ui/names.ts'
import { counted } from '../../ui/time.ts'
import edit from '../../ui/edit.module.css'
import { sizeWords } from './model.ts'
import { NewValue } from './NewValue.tsx'
import type { GroupSearch } from './search.ts'
import styles from './state.module.css'
import { useKeyActs, type Removed } from './useKeyActs.ts'
import { ValuePanel } from './ValuePanel.tsx'

const NONE: ReadonlySet<string> = new Set()

interface Props {
  group: string
  search: GroupSearch
  onSearch: (change: Partial<GroupSearch>) => void
}

/** Keys of a group, by their beginning, and the value of one of them beside. */
export function GroupView({ group, search, onSearch }: Props) {
  const { prefix, after, key, create } = search
  const { data, error, isPending, refetch } = useQuery({ ...keysQuery(group, { prefix, after }), placeholderData: keepPreviousData })
  const [selected, setSelected] = useState(NONE)
  const field = useRef<HTMLInputElement>(null)
  const list = useRef<RowsHandle>(null)
  const rowPx = useRowPx(32)
  const keys = data?.keys ?? []
  const focus = useRowFocus(keys.length, list)
  const begin = (): void => {
    onSearch({ create: true, key: undefined })
  }
  const leave = (): void => {
    onSearch({ create: false, key: undefined })
  }
  const change = useKeyActs(
    group,
    key,
    () => {
      setSelected(NONE)
      if (key !== undefined) leave()
    },
    (to) => { onSearch({ key: to }) },
  )
  const filter = (part: Partial<GroupSearch>): void => {
    setSelected(NONE)
    onSearch(part)
  }
  const select = (name: string, on: boolean): void => {
    const next = new Set(selected)
    if (on) next.add(name)
    else next.delete(name)
    setSelected(next)
  }
  const navigate = useNavigate()
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'State', perform: () => field.current?.focus() },
    { id: 'new', label: 'New value', keys: ['n'], group: 'State', perform: begin },
    ...focus.actions('State'),
    create || key !== undefined
      ? { id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'State', perform: leave }
      : { id: 'leave', label: 'Back to the groups', keys: ['Escape'], group: 'State', perform: () => void navigate({ to: '/state', search: {} }) },
  ])

  return (
    <Page
      title={`State of ${nameWords(group)}`}
      heading={<Crumbs group={group} />}
      tools={
        <Toolbar label="Filters">
          <SearchField field={field} label="Keys that begin with" value={prefix} onType={(text) => { filter({ prefix: text, after: '' }) }} />
          {selected.size > 0 && (
            <>
              <Button disabled={change.isRemoving} onClick={() => { change.removeMany([...selected]) }}>
                Delete {counted(selected.size, 'value')}
              </Button>
              <Button quiet onClick={() => { setSelected(NONE) }}>Deselect</Button>
            </>
          )}
          <AtEnd>
            {change.removed && <Undo change={change} removed={change.removed} />}
            <Button onClick={begin}>
              <Plus size={15} aria-hidden /> New value
            </Button>
          </AtEnd>
        </Toolbar>
      }
      asideLabel={create ? 'New value' : 'Selected value'}
      aside={
        create ? (
          <NewValue group={group} onClose={leave} onCreated={(_, made) => { onSearch({ create: false, key: made }) }} />
        ) : (
          key !== undefined && (
            <ValuePanel
              key={key}
              group={group}
              name={key}
              onClose={leave}
              acts={change.acts}
            />
          )
        )
      }
    >
      {change.error && <Failed error={change.error} />}
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="keys" />}
      {data && keys.length === 0 && (
        <Empty title={prefix === '' ? 'This group has no keys' : 'No key begins with this'}>
          {prefix === '' ? (
            <p>A group is there as long as it has a value. One that a step writes is listed here at once.</p>
          ) : (
            <Button onClick={() => { filter({ prefix: '', after: '' }) }}>Clear the search</Button>
          )}
        </Empty>
      )}
      {keys.length > 0 && (
        <Rows role="list" label={`Keys of ${nameWords(group)}`} count={keys.length} rowPx={rowPx} handle={list} head={<div className={`${row.head} ${row.row} ${styles.pair} ${styles.beside}`} aria-hidden><span>Key</span><span>Size</span></div>}>
          {(at, top) => {
            const each = keys[at]
            return (
              each && (
                <div key={each.key} role="listitem" aria-setsize={keys.length} aria-posinset={at + 1} className={`${row.item} ${styles.item}`} style={{ top, height: rowPx }}>
                  <input type="checkbox" aria-label={`Select ${nameWords(each.key)}`} checked={selected.has(each.key)} onChange={(event) => { select(each.key, event.target.checked) }} />
                  <KeyRow each={each} at={at} selected={each.key === key} onOpen={() => { onSearch({ key: each.key, create: false }) }} />
                </div>
              )
            )
          }}
        </Rows>
      )}
      {data && (
        <Pager
          what="keys"
          shown={keys.length}
          isFirst={after === ''}
          more={data.cursor !== null}
          onFirst={() => { filter({ after: '' }) }}
          onNext={() => { filter({ after: data.cursor ?? '' }) }}
        />
      )}
    </Page>
  )
}

function Crumbs({ group }: { group: string }) {
  return (
    <div className={edit.crumbs}>
      <Link to="/state" search={{}}>
        State
      </Link>
      <span aria-hidden>/</span>
      <h1>{nameWords(group)}</h1>
    </div>
  )
}

function KeyRow({ each, at, selected, onOpen }: { each: StateKeyRow; at: number; selected: boolean; onOpen: () => void }) {
  return (
    <button type="button" className={`${row.row} ${styles.pair} ${styles.beside}`} aria-pressed={selected} data-row={at} onClick={onOpen}>
      <span className={row.mono}>{nameWords(each.key)}</span>
      <span className={row.number}>{sizeWords(each.bytes)}</span>
    </button>
  )
}

interface UndoProps {
  change: ReturnType<typeof useKeyActs>
  removed: Removed
}

/** Way back from a deletion, for ten seconds; a value that somebody wrote meanwhile is not overwritten by it. */
function Undo({ change, removed: { values } }: UndoProps) {
  const [first] = values
  const which = values.length === 1 && first ? nameWords(first.key) : counted(values.length, 'value')
  const taken = change.taken.length > 0
  const words = change.undoError ? change.undoError.message : taken ? `There is a new value by now: ${change.taken.map(nameWords).join(', ')}` : `Deleted ${which}`
  return (
    <span className={edit.undo} role="status">
      <span>{words}</span>
      <Button disabled={change.isRestoring || taken} onClick={change.undo}>
        Undo
      </Button>
    </span>
  )
}
