import { useDeferredValue, useEffect, useMemo, useRef, useState, type RefObject } from 'react'
import type { RowsHandle } from '../../ui/Rows.tsx'
import { moved, zoomed } from './bars.ts'
import { criticalPath, type CriticalPath } from './critical.ts'
import { idleOf, scaleOf, type Range, type Scale } from './scale.ts'
import type { TraceSearch } from './search.ts'
import { KINDS, STATUSES, idOf, nextFailed, rowOf, type Skeleton } from './skeleton.ts'
import { closedRows, keptRows, matcher, placeOf, visibleRows } from './visible.ts'
import { kindWords, statusWords } from './words.ts'

export interface TracePage {
  rows: Int32Array
  range: Range
  scale: Scale
  /** Part of the trace in which nothing worked. */
  idleShare: number
  path: CriticalPath | null
  closed: Uint8Array | null
  list: RefObject<RowsHandle | null>
  field: RefObject<HTMLInputElement | null>
  selected: number
  select: (row: number) => void
  toggle: (row: number, open?: boolean) => void
  move: (by: number) => void
  toParent: () => void
  showDepth: (depth: number | null) => void
  nextError: () => void
  zoom: (factor: number, around?: number) => void
  pan: (part: number) => void
  zoomToSelected: () => void
  setRange: (range: Range | null) => void
  /** Whether a row has rows below it and shows them. */
  isOpen: (row: number) => boolean
  hasErrors: boolean
}

/** Which rows with rows below them are closed: from a depth on, and by name. */
interface Closing {
  depth: number | null
  closed: ReadonlySet<string>
  opened: ReadonlySet<string>
}

const ALL_OPEN: Closing = { depth: null, closed: new Set(), opened: new Set() }
/** A zoom by wheel is written to the address when it rests. */
const REST_MS = 200

/** What a reader can do with the rows of a trace, by mouse and by key. */
export function useTracePage(skeleton: Skeleton, search: TraceSearch, onSearch: (change: Partial<TraceSearch>) => void): TracePage {
  const [closing, setClosing] = useState(ALL_OPEN)
  const list = useRef<RowsHandle>(null)
  const field = useRef<HTMLInputElement>(null)
  const { errors } = search
  const q = useDeferredValue(search.q)
  const kept = useMemo(() => {
    const matches = matcher(skeleton, q, errors, SEARCHED)
    return matches ? keptRows(skeleton, matches) : null
  }, [skeleton, q, errors])
  const closed = useMemo(
    () => closedRows(skeleton, closing.closed, closing.opened, closing.depth, (row) => idOf(skeleton, row)),
    [skeleton, closing],
  )
  const rows = useMemo(() => visibleRows(skeleton, closed, kept), [skeleton, closed, kept])
  const axis = useAxis(skeleton, search, onSearch)
  const selected = useMemo(() => (search.span ? rowOf(skeleton, search.span) : -1), [skeleton, search.span])
  const path = useMemo(() => (search.path ? criticalPath(skeleton) : null), [skeleton, search.path])

  const arrived = useRef(false)
  useEffect(() => {
    if (arrived.current || skeleton.count === 0) return
    arrived.current = true
    const at = placeOf(rows, selected)
    if (at >= 0) list.current?.show(at)
  }, [rows, selected, skeleton])

  /** Row to be selected once it is in the list: rows above it were opened for it. */
  const wanted = useRef('')
  const select = (row: number): void => {
    if (row < 0) return
    const id = idOf(skeleton, row)
    onSearch({ span: id, again: false })
    const at = placeOf(rows, row)
    if (at < 0) {
      wanted.current = id
      return
    }
    focusRow(list.current, at, id)
  }
  useEffect(() => {
    if (wanted.current === '') return
    const at = placeOf(rows, rowOf(skeleton, wanted.current))
    if (at < 0) return
    focusRow(list.current, at, wanted.current)
    wanted.current = ''
  }, [rows, skeleton])

  const isClosed = (row: number): boolean => kept === null && Boolean(closed?.[row])
  const toggle = (row: number, open?: boolean): void => {
    if ((skeleton.size[row] ?? 1) <= 1) return
    const opens = open ?? isClosed(row)
    setClosing((before) => changed(before, [idOf(skeleton, row)], opens))
  }
  const reveal = (row: number): void => {
    const above: string[] = []
    for (let up = skeleton.parent[row] ?? -1; up >= 0; up = skeleton.parent[up] ?? -1) above.push(idOf(skeleton, up))
    setClosing((before) => changed(before, above, true))
    select(row)
  }
  return {
    ...axis,
    rows,
    closed,
    path,
    list,
    field,
    selected,
    select,
    toggle,
    move: (by) => {
      const at = placeOf(rows, selected)
      const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))
      select(rows[next] ?? -1)
    },
    toParent: () => {
      select(skeleton.parent[selected] ?? -1)
    },
    showDepth: (depth) => {
      setClosing({ ...ALL_OPEN, depth })
    },
    nextError: () => {
      const row = nextFailed(skeleton, selected)
      if (row >= 0) reveal(row)
    },
    zoomToSelected: () => {
      if (selected < 0) return
      const [start, end] = [skeleton.start[selected] ?? 0, skeleton.end[selected] ?? 0]
      const room = Math.max((end - start) * 0.1, 0.5)
      axis.setRange({ from: Math.max(0, start - room), to: Math.min(skeleton.spanMs, end + room) })
    },
    zoom: (factor, around) => {
      const { range } = axis
      const middle = selected < 0 ? (range.from + range.to) / 2 : ((skeleton.start[selected] ?? 0) + (skeleton.end[selected] ?? 0)) / 2
      const inside = Math.max(range.from, Math.min(range.to, middle))
      axis.setRange(zoomed(range, factor, around ?? inside, skeleton.spanMs))
    },
    isOpen: (row) => (skeleton.size[row] ?? 1) > 1 && !isClosed(row),
    hasErrors: useMemo(() => nextFailed(skeleton, -1) >= 0, [skeleton]),
  }
}

const SEARCHED = { kinds: KINDS.map((kind) => `${kind} ${kindWords(kind)}`), statuses: STATUSES.map((status) => `${status} ${statusWords(status).word}`) }

function changed(before: Closing, ids: readonly string[], opens: boolean): Closing {
  const [closed, opened] = [new Set(before.closed), new Set(before.opened)]
  for (const id of ids) {
    ;(opens ? closed : opened).delete(id)
    ;(opens ? opened : closed).add(id)
  }
  return { ...before, closed, opened }
}

function focusRow(list: RowsHandle | null, at: number, id: string): void {
  list?.show(at)
  requestAnimationFrame(() => {
    const row = document.querySelector<HTMLElement>(`[data-span="${CSS.escape(id)}"]`)
    // A reader who types into a field stays there.
    if (!(document.activeElement instanceof HTMLInputElement)) row?.focus({ preventScroll: true })
  })
}

/** Range of the time axis: that of the address, and while a wheel turns the one that is on its way there. */
function useAxis(skeleton: Skeleton, search: TraceSearch, onSearch: (change: Partial<TraceSearch>) => void) {
  const { spanMs } = skeleton
  const idle = useMemo(() => idleOf(skeleton), [skeleton])
  const scale = useMemo(() => scaleOf(spanMs, search.idle ? idle.gaps : []), [spanMs, search.idle, idle])
  const [turning, setTurning] = useState<Range | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const latest = useRef(onSearch)
  useEffect(() => {
    latest.current = onSearch
  })
  useEffect(
    () => () => {
      clearTimeout(timer.current)
    },
    [],
  )
  const range = turning ?? rangeOf(search, spanMs)
  const setRange = (next: Range | null): void => {
    setTurning(next ?? { from: 0, to: spanMs })
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      const whole = next === null || (next.from <= 0 && next.to >= spanMs)
      latest.current(whole ? { from: undefined, to: undefined } : { from: round(next.from), to: round(next.to) })
      setTurning(null)
    }, REST_MS)
  }
  const pan = (part: number): void => {
    setRange(moved(range, part, spanMs))
  }
  return { range, scale, idleShare: idle.share, setRange, pan }
}

function rangeOf(search: TraceSearch, spanMs: number): Range {
  const from = Math.max(0, Math.min(search.from ?? 0, spanMs))
  const to = Math.max(0, Math.min(search.to ?? spanMs, spanMs))
  return to > from ? { from, to } : { from: 0, to: spanMs }
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000
