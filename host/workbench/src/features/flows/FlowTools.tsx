import { Link } from '@tanstack/react-router'
import { Maximize, Table2, Waypoints, WandSparkles, ZoomIn, ZoomOut } from 'lucide-react'
import type { RefObject } from 'react'
import type { FlowRow, TraceRuns } from '../../api/results.ts'
import { AtEnd, Button, Chip, SearchField, Select, Toolbar } from '../../ui/Controls.tsx'
import { counted } from '../../ui/time.ts'
import type { CanvasHandle } from './Canvas.tsx'
import type { FlowSearch } from './search.ts'
import { EVERYTHING, flowWords } from './words.ts'
import styles from './flow.module.css'

interface Props {
  flow: string
  flows: readonly FlowRow[]
  onFlow: (flow: string) => void
  /** The trace that is painted, as it is read. */
  trace: { data?: TraceRuns | undefined; error: Error | null } | null
  search: FlowSearch
  onSearch: (change: Partial<FlowSearch>) => void
  field: RefObject<HTMLInputElement | null>
  onFound: () => void
  canvas: RefObject<CanvasHandle | null>
  canLayOut: boolean
  onLayOut: () => void
}

export function FlowTools({ flow, flows, onFlow, trace, search, onSearch, field, onFound, canvas, canLayOut, onLayOut }: Props) {
  const names = [...new Set([...flows.map((each) => each.flow), flow, EVERYTHING])]
  const isTable = search.view === 'table'
  return (
    <Toolbar label="Flow">
      <span className={styles.wideOnly}>
        <Select label="Flow" value={flow} choices={names.map((name) => [name, flowWords(name)] as const)} onChoose={onFlow} />
      </span>
      <span
        className={styles.search}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onFound()
        }}
      >
        <SearchField field={field} label="Find a step or topic" value={search.q} onType={(q) => { onSearch({ q }) }} />
      </span>
      {trace !== null && (
        <span className={styles.trace}>
          <Chip name="Path of trace" value={search.trace.slice(-8)} onRemove={() => { onSearch({ trace: '' }) }} />
          <Link to="/traces/$id" params={{ id: search.trace }} search={{}}>
            {trace.data ? `Open the trace: ${counted(trace.data.runs.length, 'run')}${trace.data.cursor === null ? '' : ' and more'}` : 'Open the trace'}
          </Link>
          {trace.error && <span role="alert">This trace is not kept any more.</span>}
        </span>
      )}
      <AtEnd>
        {!isTable && (
          <>
            <span className={styles.wideOnly}>
              <Button quiet icon aria-label="Lay out again" title="Lay out again" disabled={!canLayOut} onClick={onLayOut}>
                <WandSparkles size={15} aria-hidden />
              </Button>
              <Button quiet icon aria-label="Zoom in" title="Zoom in (+)" onClick={() => canvas.current?.zoom(1.3)}>
                <ZoomIn size={15} aria-hidden />
              </Button>
              <Button quiet icon aria-label="Zoom out" title="Zoom out (-)" onClick={() => canvas.current?.zoom(1 / 1.3)}>
                <ZoomOut size={15} aria-hidden />
              </Button>
            </span>
            <Button quiet icon aria-label="Show the whole flow" title="Show the whole flow (0)" onClick={() => canvas.current?.fit()}>
              <Maximize size={15} aria-hidden />
            </Button>
          </>
        )}
        <Button title={isTable ? 'Show as a graph (L)' : 'Show as a table (L)'} onClick={() => { onSearch({ view: isTable ? '' : 'table' }) }}>
          {isTable ? <Waypoints size={15} aria-hidden /> : <Table2 size={15} aria-hidden />}
          {isTable ? 'Graph' : 'Table'}
        </Button>
      </AtEnd>
    </Toolbar>
  )
}
