import { ArrowDown, ArrowUp, ChevronsDownUp, ChevronsUpDown, ZoomIn, ZoomOut } from 'lucide-react'
import { callText } from '../../services/http.ts'
import type { TraceRow } from '../../services/shapes.ts'
import { AtEnd, Button, SearchField, Toolbar } from '../../ui/Controls.tsx'
import { Download } from '../../ui/Download.tsx'
import { Folded } from '../../ui/Folded.tsx'
import type { TraceSearch } from './search.ts'
import type { TracePage } from './useTracePage.ts'

interface Props {
  page: TracePage
  trace: TraceRow
  search: TraceSearch
  onSearch: (change: Partial<TraceSearch>) => void
  onStep: (by: -1 | 1) => void
}

export function TraceTools({ page, trace, search, onSearch, onStep }: Props) {
  const zoomedIn = search.from !== undefined || search.to !== undefined
  return (
    <Toolbar label="Rows of the trace">
      <SearchField
        field={page.field}
        label="Name, kind, status or text"
        value={search.q}
        onType={(q) => {
          onSearch({ q })
        }}
      />
      {page.hasErrors && (
        <Button onClick={page.nextError} title="Next failure (e)">
          Next failure
        </Button>
      )}
      <Folded words="More" set={[search.errors, search.path, search.steps].filter(Boolean).length}>
        <Button aria-pressed={search.errors} title="Failures only (F)" onClick={() => { onSearch({ errors: !search.errors }) }}>
          Failures only
        </Button>
        <Button aria-pressed={search.path} title="What made it as long as it is (c)" onClick={() => { onSearch({ path: !search.path }) }}>
          Critical path
        </Button>
        <Button aria-pressed={search.steps} title="Times by step (s)" onClick={() => { onSearch({ steps: !search.steps, span: '' }) }}>
          By step
        </Button>
        <AtEnd>
          <Download words="JSON" name={`trace-${trace.traceId}.json`} read={() => callText('trace', { id: trace.traceId })} />
          <Button quiet icon aria-label="Previous trace" title="Previous trace ([)" onClick={() => { onStep(-1) }}>
            <ArrowDown size={15} aria-hidden />
          </Button>
          <Button quiet icon aria-label="Next trace" title="Next trace (])" onClick={() => { onStep(1) }}>
            <ArrowUp size={15} aria-hidden />
          </Button>
          <Button quiet icon aria-label="Open all rows" title="Open all rows (E)" onClick={() => { page.showDepth(null) }}>
            <ChevronsUpDown size={15} aria-hidden />
          </Button>
          <Button quiet icon aria-label="Close all rows" title="Close all rows (W)" onClick={() => { page.showDepth(0) }}>
            <ChevronsDownUp size={15} aria-hidden />
          </Button>
          <Button quiet icon aria-label="Zoom in" title="Zoom in (+)" onClick={() => { page.zoom(0.5) }}>
            <ZoomIn size={15} aria-hidden />
          </Button>
          <Button quiet icon aria-label="Zoom out" title="Zoom out (-)" disabled={!zoomedIn} onClick={() => { page.zoom(2) }}>
            <ZoomOut size={15} aria-hidden />
          </Button>
          {zoomedIn && <Button onClick={() => { page.setRange(null) }}>Whole trace</Button>}
        </AtEnd>
      </Folded>
    </Toolbar>
  )
}
