import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import type { AskRow } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { asksQuery } from '../../services/queries.ts'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { useRowPx } from '../../ui/useRowPx.ts'
import { counted, iso, moment } from '../../ui/time.ts'
import row from '../../ui/row.module.css'
import { AskPanel } from './AskPanel.tsx'
import styles from './asks.module.css'
import type { AsksSearch } from './search.ts'

interface Props {
  search: AsksSearch
  onSearch: (change: Partial<AsksSearch>) => void
}

/** Open asks: what runs wait for a person or another system to answer, the oldest first. */
export function AsksView({ search, onSearch }: Props) {
  const { data, error, isPending, refetch } = useQuery(asksQuery())
  const list = useRef<RowsHandle>(null)
  const rowPx = useRowPx(32)
  const asks = data?.asks ?? []
  const focus = useRowFocus(asks.length, list)
  const leave = (): void => { onSearch({ ask: '' }) }
  useActions([
    ...focus.actions('Waiting for you'),
    ...(search.ask === '' ? [] : [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Waiting for you', perform: leave }]),
  ])
  return (
    <Page
      title="Waiting for you"
      tools={data && asks.length > 0 && <span className={styles.quiet}>{data.cursor ? `The oldest ${counted(asks.length, 'ask')}` : counted(asks.length, 'ask')}</span>}
      asideLabel="Selected ask"
      aside={search.ask !== '' && <AskPanel key={search.ask} id={search.ask} onClose={leave} />}
    >
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="asks" />}
      {data && asks.length === 0 && (
        <Empty title="Nothing waits for an answer">
          <p>A handler that calls <code>ask(key, {'{'} title, schema {'}'})</code> waits here for a decision, and goes on with it.</p>
        </Empty>
      )}
      {asks.length > 0 && (
        <Rows role="list" label="Open asks, the oldest first" count={asks.length} rowPx={rowPx} handle={list} head={<Head />}>
          {(at, top) => {
            const ask = asks[at]
            return ask && (
              <Row key={ask.id} ask={ask} at={at} of={asks.length} place={{ top, height: rowPx }} selected={ask.id === search.ask} onOpen={() => { onSearch({ ask: ask.id }) }} />
            )
          }}
        </Rows>
      )}
    </Page>
  )
}

function Head() {
  return (
    <div className={`${row.head} ${row.row} ${styles.columns}`} aria-hidden>
      <span>Asked</span>
      <span>Step</span>
      <span className={row.number}>Since</span>
      <span className={row.number}>Until</span>
    </div>
  )
}

interface RowProps {
  ask: AskRow
  at: number
  of: number
  place: { top: number; height: number }
  selected: boolean
  onOpen: () => void
}

function Row({ ask, at, of, place, selected, onOpen }: RowProps) {
  return (
    <div role="listitem" aria-setsize={of} aria-posinset={at + 1} className={row.item} style={place}>
      <button type="button" className={`${row.row} ${styles.columns}`} aria-pressed={selected} data-row={at} onClick={onOpen}>
        <span className={row.name}>{ask.title}</span>
        <span>{ask.kind === 'callback' ? `${ask.step}, another system` : ask.step}</span>
        <time className={row.wideOnly} dateTime={iso(ask.askedAt)}>{moment(ask.askedAt)}</time>
        <time className={row.wideOnly} dateTime={iso(ask.dueAt)}>{moment(ask.dueAt)}</time>
      </button>
    </div>
  )
}
