import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useRef } from 'react'
import { useActions } from '../../services/context.tsx'
import { traceQuery, traceUsualQuery } from '../../services/queries.ts'
import type { Trace } from '../../services/shapes.ts'
import { Button, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { useRowPx } from '../../ui/useRowPx.ts'
import { counted, duration, moment } from '../../ui/time.ts'
import rowStyles from '../../ui/row.module.css'
import { ComparePanel } from './ComparePanel.tsx'
import { compared, counts, delta, type Row } from './model.ts'
import styles from './compare.module.css'
import { deltaWords, MARKS } from './words.ts'

export interface CompareSearch {
  row: string
  /** Only rows that differ. */
  differ: boolean
}

interface Props {
  a: string
  b: string
  search: CompareSearch
  onSearch: (change: Partial<CompareSearch>) => void
}

/** Two traces side by side: what one has and the other has not, what took longer, what differs. */
export function CompareView({ a, b, search, onSearch }: Props) {
  const [before, after] = [useQuery(traceQuery(a)), useQuery(traceQuery(b))]
  if (before.data && after.data) return <Found before={before.data} after={after.data} search={search} onSearch={onSearch} />
  const failed = before.error ? before : after.error ? after : null
  return (
    <Page title="Compare traces">
      {failed?.error ? <Failed error={failed.error} retry={() => void failed.refetch()} /> : <Loading what="both traces" />}
    </Page>
  )
}

function Found({ before, after, search, onSearch }: { before: Trace; after: Trace } & Pick<Props, 'search' | 'onSearch'>) {
  const [usualA, usualB] = [useQuery(traceUsualQuery(before.traceId)), useQuery(traceUsualQuery(after.traceId))]
  const all = useMemo(
    () => compared(before, after, [...(usualA.data?.steps ?? []), ...(usualB.data?.steps ?? [])]),
    [before, after, usualA.data, usualB.data],
  )
  const rows = search.differ ? all.filter((row) => row.mark !== 'same') : all
  const selected = all.find((row) => row.id === search.row)
  const list = useRef<RowsHandle>(null)
  const rowPx = useRowPx(ROW_PX)
  const focus = useRowFocus(rows.length, list)
  const close = (): void => {
    onSearch({ row: '' })
  }
  useActions([
    ...focus.actions('Compare'),
    { id: 'differ', label: 'Only what differs', keys: ['x'], group: 'Compare', perform: () => { onSearch({ differ: !search.differ }) } },
    ...(search.row ? [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Compare', perform: close }] : []),
  ])
  const count = counts(all)
  return (
    <Page
      title="Compare traces"
      heading={<Heading before={before} after={after} />}
      tools={
        <Toolbar label="Rows">
          <Button aria-pressed={search.differ} title="Only what differs (x)" onClick={() => { onSearch({ differ: !search.differ }) }}>
            Only what differs
          </Button>
          <span role="status" className={styles.count}>
            {count.changed} changed, {count.added} added, {count.removed} removed, {count.same} same
          </span>
        </Toolbar>
      }
      asideLabel="Selected row"
      aside={selected && <ComparePanel key={selected.id} row={selected} a={before.traceId} b={after.traceId} onClose={close} />}
    >
      {(before.cut || after.cut) && (
        <p className={styles.notice} role="status">
          A trace is too long to be compared whole: only its first runs are.
        </p>
      )}
      {rows.length === 0 ? (
        <Empty title="Nothing differs">
          <p>Both traces have the same runs with the same inputs, results and errors.</p>
        </Empty>
      ) : (
        <Rows role="list" label="Rows of both traces" count={rows.length} rowPx={rowPx} handle={list} head={<Head />}>
          {(at, top) => {
            const row = rows[at]
            return (
              row && (
                <div key={row.id} role="listitem" aria-setsize={rows.length} aria-posinset={at + 1} className={rowStyles.item} style={{ top, height: rowPx }}>
                  <OneRow row={row} at={at} selected={row.id === search.row} onOpen={() => { onSearch({ row: row.id }) }} />
                </div>
              )
            )
          }}
        </Rows>
      )}
    </Page>
  )
}

const ROW_PX = 30
const USUAL = 'Work: median of the last 100 completed runs of the step'

function Heading({ before, after }: { before: Trace; after: Trace }) {
  return (
    <div className={styles.heading}>
      <h1>Compare traces</h1>
      <dl>
        <dt>Before</dt>
        <dd>
          <One trace={before} />
        </dd>
        <dt>After</dt>
        <dd>
          <One trace={after} /> <strong>{deltaWords(delta(before.durationMs, after.durationMs))}</strong>
        </dd>
      </dl>
      <Link to="/compare/$a/$b" params={{ a: after.traceId, b: before.traceId }} search={{}}>
        Change sides
      </Link>
    </div>
  )
}

function One({ trace }: { trace: Trace }) {
  return (
    <>
      <Link to="/traces/$id" params={{ id: trace.traceId }} search={{}}>
        {trace.name} · {trace.traceId.slice(-8)}
      </Link>{' '}
      {trace.status}, {duration(trace.durationMs)}, {counted(trace.runCount, 'run')}, {moment(trace.startedAt)}
    </>
  )
}

function Head() {
  return (
    <div className={`${rowStyles.head} ${rowStyles.row} ${styles.columns}`} aria-hidden>
      <span>Difference</span>
      <span>Step or operation</span>
      <span>About</span>
      <span className={rowStyles.number}>Before</span>
      <span className={rowStyles.number}>After</span>
      <span className={rowStyles.number}>Work</span>
      <span className={rowStyles.number}>Wait</span>
      <span className={rowStyles.number} title={USUAL}>Usual</span>
    </div>
  )
}

function OneRow({ row, at, selected, onOpen }: { row: Row; at: number; selected: boolean; onOpen: () => void }) {
  const { before, after } = row
  const { word, sign } = MARKS[row.mark]
  return (
    <button type="button" className={`${rowStyles.row} ${styles.columns}`} aria-pressed={selected} data-row={at} data-mark={row.mark} onClick={onOpen}>
      <span className={styles.mark}>
        <span aria-hidden>{sign}</span> {word}
      </span>
      <span className={row.kind === 'run' ? rowStyles.name : styles.inner}>{row.name}</span>
      <span className={rowStyles.quiet}>{row.detail}</span>
      <span className={rowStyles.number}>{before ? duration(before.workMs) : '–'}</span>
      <span className={rowStyles.number}>{after ? duration(after.workMs) : '–'}</span>
      <span className={rowStyles.number}>{deltaWords(delta(before?.workMs, after?.workMs))}</span>
      <span className={rowStyles.number}>{row.kind === 'run' ? deltaWords(delta(before?.waitMs, after?.waitMs)) : ''}</span>
      <span className={rowStyles.number}>{row.usual ? duration(row.usual.workMs) : '–'}</span>
    </button>
  )
}
