import { Link, Navigate, useNavigate } from '@tanstack/react-router'
import { RequestFailed, call } from '../../services/http.ts'
import type { TraceRow } from '../../services/shapes.ts'
import { Copy } from '../../ui/Copy.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Status } from '../../ui/Status.tsx'
import { counted, duration, iso, moment } from '../../ui/time.ts'
import { AgainContext } from './again.ts'
import type { Known } from './buffer.ts'
import { Lineage } from './Lineage.tsx'
import { Minimap } from './Minimap.tsx'
import { DoubleEffects } from './DoubleEffects.tsx'
import { ModelFacts } from './ModelUse.tsx'
import { Notes } from './Notes.tsx'
import type { TraceSearch } from './search.ts'
import { SelectedRow } from './SelectedRow.tsx'
import { runRowOf, type Skeleton } from './skeleton.ts'
import { StepTable } from './StepTable.tsx'
import styles from './trace.module.css'
import { TraceTools } from './TraceTools.tsx'
import { TraceTree } from './TraceTree.tsx'
import { useTraceBuffer } from './useTraceBuffer.ts'
import { useTraceKeys } from './useTraceKeys.ts'
import { useTracePage, type TracePage } from './useTracePage.ts'
import { statusWords } from './words.ts'

interface Props {
  id: string
  search: TraceSearch
  onSearch: (change: Partial<TraceSearch>) => void
}

/** One trace: its runs, attempts and what they did, as a tree with bars, and the selected row beside. */
export function TraceView({ id, search, onSearch }: Props) {
  const { known, query } = useTraceBuffer(id)
  const { trace } = known
  // A part of an id is enough to find a trace; its address has the whole one, which the live feed names.
  if (trace && trace.traceId !== id) return <Navigate to="/traces/$id" params={{ id: trace.traceId }} search={(old) => old} replace />
  if (trace !== null) return <Found trace={trace} known={known} search={search} onSearch={onSearch} />
  const { error } = query
  const missing = error instanceof RequestFailed && error.status === 404
  return (
    <Page title={`Trace ${id.slice(-8)}`}>
      {missing && (
        <Empty title="This trace is not kept">
          <p>
            There is no trace {id}. The host keeps the newest traces, and none for longer than seven days.
          </p>
          <Link to="/traces" search={{}}>
            All traces
          </Link>
        </Empty>
      )}
      {error && !missing && <Failed error={error} retry={() => void query.refetch()} />}
      {!error && <Loading what="the trace" />}
    </Page>
  )
}

function Found({ trace, known, search, onSearch }: Omit<Props, 'id'> & { trace: TraceRow; known: Known }) {
  const skeleton = known.rows
  const page = useTracePage(skeleton, search, onSearch)
  const onStep = useStep(trace)
  const ways = useWays(trace, skeleton, page, onSearch)
  useTraceKeys({ page, search, onSearch, onStep, ...ways })
  const close = (): void => {
    onSearch({ span: '', steps: false, again: false })
  }
  const aside =
    page.selected >= 0 ? (
      <AgainContext value={[search.again, (again) => { onSearch({ again }) }]}>
        <SelectedRow key={search.span} traceId={trace.traceId} skeleton={skeleton} row={page.selected} onClose={close} />
      </AgainContext>
    ) : (
      search.steps && <StepTable traceId={trace.traceId} skeleton={skeleton} onSelect={page.select} onClose={close} />
    )
  return (
    <Page
      title={`${trace.name} · trace ${trace.traceId.slice(-8)}`}
      heading={<Heading trace={trace} skeleton={skeleton} />}
      tools={<TraceTools page={page} trace={trace} search={search} onSearch={onSearch} onStep={onStep} />}
      asideLabel={page.selected >= 0 ? 'Selected row' : 'Times by step'}
      aside={aside}
    >
      <DoubleEffects traceId={trace.traceId} skeleton={skeleton} />
      <Notes known={known} page={page} search={search} onSearch={onSearch} />
      {page.rows.length === 0 ? (
        <Empty title={search.errors && !search.q ? 'Nothing failed in this trace' : 'Nothing matches'}>
          <p>{counted(skeleton.count, 'row')} without the filter.</p>
        </Empty>
      ) : (
        <>
          <Minimap skeleton={skeleton} page={page} />
          <TraceTree skeleton={skeleton} page={page} selected={search.span} />
        </>
      )}
    </Page>
  )
}

/** Ways from the selected row, or from the first run where none is selected. */
function useWays(trace: TraceRow, skeleton: Skeleton, page: TracePage, onSearch: Props['onSearch']) {
  const navigate = useNavigate()
  const runId = (row: number): string => skeleton.runIds.get(skeleton.key[runRowOf(skeleton, row)] ?? -1) ?? ''
  return {
    onAgain: () => {
      const row = Math.max(0, page.selected)
      if (skeleton.count > 0) onSearch({ span: runId(row), again: true, steps: false })
    },
    onLogs: () => {
      void navigate({ to: '/logs', search: { trace: trace.traceId, ...(page.selected < 0 ? {} : { run: runId(page.selected) }) } })
    },
    onLeave: () => {
      void navigate({ to: '/traces', search: {} })
    },
  }
}

const STEP_ROWS = 50

/** Go to the trace that began before or after one, if it is kept. */
function useStep(trace: TraceRow): (by: -1 | 1) => void {
  const navigate = useNavigate()
  const step = async (by: -1 | 1): Promise<void> => {
    // Ids of traces grow: those that began after this one are the last of the page before it.
    const page = { limit: by < 0 ? 1 : STEP_ROWS, before: by < 0 ? trace.cursor : trace.cursor + STEP_ROWS }
    const { traces } = await call('traces', page)
    const found = by < 0 ? traces[0] : traces.findLast((each) => each.cursor > trace.cursor)
    if (found) await navigate({ to: '/traces/$id', params: { id: found.traceId }, search: {} })
  }
  return (by) => {
    step(by).catch(() => {
      // The header says that the host is silent; the reader stays where he is.
    })
  }
}

function Heading({ trace, skeleton }: { trace: TraceRow; skeleton: Skeleton }) {
  const { tone, word } = statusWords(trace.status)
  return (
    <div className={styles.heading}>
      <Link to="/traces" search={{}} className={styles.back}>
        Traces
      </Link>
      <span aria-hidden className={styles.quiet}>
        /
      </span>
      <h1>{trace.name}</h1>
      <Status tone={tone} word={word} />
      <span className={styles.facts}>
        <span>{duration(trace.durationMs)}</span>
        <span>{counted(trace.runCount, 'run')}</span>
        <ModelFacts traceId={trace.traceId} skeleton={skeleton} />
        <time dateTime={iso(trace.startedAt)}>{moment(trace.startedAt)}</time>
        <span className={styles.id}>
          <code>{trace.traceId}</code>
          <Copy text={trace.traceId} what="trace id" />
        </span>
        <Link to="/logs" search={{ trace: trace.traceId }}>
          Logs of this trace
        </Link>
        <Link to="/flows" search={{ trace: trace.traceId }}>
          On the graph
        </Link>
        <Link to="/traces" search={{ with: trace.traceId }}>
          Compare with another
        </Link>
      </span>
      <Lineage traceId={trace.traceId} />
    </div>
  )
}
