import { Link } from '@tanstack/react-router'
import { useMemo, useRef } from 'react'
import { useActions } from '../../services/context.tsx'
import type { Search } from '../../services/search.ts'
import type { TraceRow } from '../../services/shapes.ts'
import { AtEnd, Button, Toolbar } from '../../ui/Controls.tsx'
import { useAnnounced } from '../../ui/Announcer.tsx'
import { Clock } from '../../ui/Clock.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Status } from '../../ui/Status.tsx'
import { useRowPx } from '../../ui/useRowPx.ts'
import { counted, duration } from '../../ui/time.ts'
import { ClearTraces } from './ClearTraces.tsx'
import { ListTools } from './ListTools.tsx'
import type { TracesSearch } from './search.ts'
import { sinceOf } from './since.ts'
import styles from './traces.module.css'
import { useTraceList } from './useTraceList.ts'
import { TYPES, statusWords } from './words.ts'

interface Props {
  search: TracesSearch
  onSearch: (change: Partial<TracesSearch>) => void
}

const ROW_PX = 26
/** No trace is chosen yet. */
const CHOOSE = 'choose'

/** Where a row leads: to its trace, or while two are chosen to the next choice. */
function doorOf(traceId: string, comparing: string) {
  if (comparing === CHOOSE) return { to: '/traces', search: (old: Search): Search => ({ ...old, with: traceId }) } as const
  if (comparing !== '') return { to: '/compare/$a/$b', params: { a: comparing, b: traceId }, search: {} } as const
  return { to: '/traces/$id', params: { id: traceId }, search: {} } as const
}

/** Live list of traces. New ones are counted and shown on demand: rows never move under the reader. */
export function TracesView({ search, onSearch }: Props) {
  const since = useMemo(() => sinceOf(search.since, Date.now()), [search.since])
  const { status, step, flow, until } = search
  const { list, newest, readOlder, show, forget } = useTraceList({ status, text: search.q, step, flow, since, until }, search.follow)
  const field = useRef<HTMLInputElement>(null)
  const rows = useRef<RowsHandle>(null)
  const rowPx = useRowPx(ROW_PX)
  const shown = list.rows
  const focus = useRowFocus(shown.length, rows)

  const showNew = (): void => {
    show()
    rows.current?.toTop()
  }
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Traces', perform: () => field.current?.focus() },
    { id: 'new', label: 'Show new traces', keys: ['n'], group: 'Traces', perform: showNew },
    ...focus.actions('Traces'),
  ])

  const failure = newest.error
  return (
    <Page
      title="Traces"
      tools={
        <Toolbar label="Filters">
          <ListTools field={field} search={search} onSearch={onSearch}>
            <Button
              aria-pressed={search.with !== ''}
              title="Choose two traces, and see what differs"
              onClick={() => {
                onSearch({ with: search.with === '' ? CHOOSE : '' })
              }}
            >
              {search.with === '' ? 'Compare two' : 'Do not compare'}
            </Button>
            <ClearTraces onCleared={forget} />
          </ListTools>
          <AtEnd>
            <NewRows held={list.held.length} gap={list.gap} onShow={showNew} />
          </AtEnd>
        </Toolbar>
      }
    >
      {search.with !== '' && (
        <p className={styles.choosing} role="status">
          {search.with === CHOOSE ? 'Choose the first trace of two.' : `Choose the trace to compare with ${search.with.slice(-8)}.`}
        </p>
      )}
      {failure && list.rows.length === 0 && <Failed error={failure} retry={() => void newest.refetch()} />}
      {newest.isPending && list.rows.length === 0 && <Loading what="traces" />}
      {newest.isSuccess && list.rows.length === 0 && <Nothing filtered={isFiltered(search)} onClear={() => { onSearch(NO_FILTER) }} />}
      {shown.length > 0 && (
        <Rows count={shown.length} rowPx={rowPx} label="Traces" role="list" handle={rows} onEnd={readOlder} head={<Head />}>
          {(row, top) => {
            const each = shown[row]
            return each && <Row key={each.traceId} row={each} at={row} of={shown.length} top={top} rowPx={rowPx} comparing={search.with} />
          }}
        </Rows>
      )}
    </Page>
  )
}

const NO_FILTER = { status: '', q: '', step: '', flow: '', since: '', until: undefined } as const
const isFiltered = ({ status, q, step, flow, since, until }: TracesSearch): boolean =>
  [status, q, step, flow, since].some((each) => each !== '') || until !== undefined

function NewRows({ held, gap, onShow }: { held: number; gap: boolean; onShow: () => void }) {
  const words = held > 0 ? `${held.toLocaleString('en')}${gap ? '+' : ''} new` : ''
  useAnnounced('new traces', words && `Traces: ${words}`)
  return (
    words && (
      <Button onClick={onShow} className={styles.fresh}>
        {words}
      </Button>
    )
  )
}

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (filtered) {
    return (
      <Empty title="Nothing matches">
        <p>No trace that is kept fits all filters: its time, its status, a run of the step, and the text in its id, its steps or its errors.</p>
        <Button onClick={onClear}>Clear the filters</Button>
      </Empty>
    )
  }
  return (
    <Empty title="No traces yet">
      <p>Call a route of one of your steps, and all that it causes is shown here as one trace.</p>
      <Link to="/steps" search={{}}>
        Steps and their routes
      </Link>
    </Empty>
  )
}

function Head() {
  return (
    <div className={`${styles.head} ${styles.link}`} aria-hidden>
      <span>Status</span>
      <span>Began with</span>
      <span>Type</span>
      <span className={`${styles.number} ${styles.runs}`}>Runs</span>
      <span className={styles.number}>Took</span>
      <span className={styles.time}>Began at</span>
      <span className={styles.id}>Id ends in</span>
    </div>
  )
}

function Row({ row, at, of, top, rowPx, comparing }: { row: TraceRow; at: number; of: number; top: number; rowPx: number; comparing: string }) {
  const { tone, word } = statusWords(row.status)
  return (
    <div role="listitem" aria-setsize={of} aria-posinset={at + 1} className={styles.row} style={{ top, height: rowPx }}>
      <Link
        {...doorOf(row.traceId, comparing)}
        className={styles.link}
        data-row={at}
        data-trace={row.traceId}
      >
        <span className={styles.status}>
          <Status tone={tone} word={word} plain={row.status === 'completed'} />
        </span>
        <span className={styles.name}>
          {row.name}
          {row.replayOf !== null && <span className={styles.replay}> replay of {row.replayOf.slice(-8)}</span>}
          {row.replayCount > 0 && <span className={styles.replay}> replayed {row.replayCount.toLocaleString('en')}×</span>}
        </span>
        <span className={styles.type}>{TYPES[row.type] ?? row.type}</span>
        <span className={`${styles.number} ${styles.runs}`}>{counted(row.runCount, 'run')}</span>
        <span className={styles.number}>{duration(row.durationMs)}</span>
        <Clock at={row.startedAt} className={styles.time} />
        <span className={styles.id}>{row.traceId.slice(-8)}</span>
      </Link>
    </div>
  )
}
