import { useActions } from '../../services/context.tsx'
import type { TraceSearch } from './search.ts'
import type { TracePage } from './useTracePage.ts'

interface Given {
  page: TracePage
  search: TraceSearch
  onSearch: (change: Partial<TraceSearch>) => void
  /** Go to the trace that began before or after this one. */
  onStep: (by: -1 | 1) => void
  /** Open the form that runs the run of the selected row again. */
  onAgain: () => void
  /** Show the lines of the selected row, or of the whole trace. */
  onLogs: () => void
  /** Go to the list. */
  onLeave: () => void
}

const DEPTHS = Array.from({ length: 10 }, (_, depth) => String(depth))

/** Keys of the page of one trace. */
export function useTraceKeys({ page, search, onSearch, onStep, onAgain, onLogs, onLeave }: Given): void {
  const action = (id: string, label: string, key: string, perform: () => void) => ({ id, label, keys: [key], group: 'Trace', perform })
  useActions([
    action('search', 'Search', '/', () => page.field.current?.focus()),
    action('down', 'Next row', 'ArrowDown', () => { page.move(1) }),
    action('down-j', 'Next row', 'j', () => { page.move(1) }),
    action('up', 'Previous row', 'ArrowUp', () => { page.move(-1) }),
    action('up-k', 'Previous row', 'k', () => { page.move(-1) }),
    action('open', 'Open the row', 'ArrowRight', () => { page.toggle(page.selected, true) }),
    action('close', 'Close the row, or go to the one above it', 'ArrowLeft', () => {
      if (page.isOpen(page.selected)) page.toggle(page.selected, false)
      else page.toParent()
    }),
    action('parent', 'Go to the row above it', 'P', page.toParent),
    action('error', 'Next failure', 'e', page.nextError),
    action('failures', 'Failures only, or all rows', 'F', () => { onSearch({ errors: !search.errors }) }),
    action('open-all', 'Open all', 'E', () => { page.showDepth(null) }),
    action('close-all', 'Close all', 'W', () => { page.showDepth(0) }),
    ...DEPTHS.map((key) => action(`depth-${key}`, `Open to depth ${key}`, key, () => { page.showDepth(Number(key)) })),
    action('idle', 'Shorten times without work, or show them', 'i', () => { onSearch({ idle: !search.idle }) }),
    action('path', 'Show what made it as long as it is', 'c', () => { onSearch({ path: !search.path }) }),
    action('steps', 'Times by step', 's', () => { onSearch({ steps: !search.steps, span: '' }) }),
    action('zoom', 'Zoom to the selected row', 'z', page.zoomToSelected),
    action('zoom-in', 'Zoom in', '+', () => { page.zoom(0.5) }),
    action('zoom-out', 'Zoom out', '-', () => { page.zoom(2) }),
    action('earlier', 'Earlier part of the axis', '<', () => { page.pan(-0.25) }),
    action('later', 'Later part of the axis', '>', () => { page.pan(0.25) }),
    action('whole', 'Whole trace', 'a', () => { page.setRange(null) }),
    action('previous', 'Previous trace', '[', () => { onStep(-1) }),
    action('next', 'Next trace', ']', () => { onStep(1) }),
    action('again', 'Run the selected run again', 'r', onAgain),
    action('logs', 'Logs of the selected row', 'l', onLogs),
    search.again
      ? action('leave', 'Do not run again', 'Escape', () => { onSearch({ again: false }) })
      : search.span || search.steps
        ? action('leave', 'Close the panel', 'Escape', () => { onSearch({ span: '', steps: false }) })
        : action('leave', 'Back to the list', 'Escape', onLeave),
  ])
}
