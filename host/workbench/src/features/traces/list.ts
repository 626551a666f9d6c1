import type { TraceRow } from '../../services/shapes.ts'

/** List of traces, newest first. Rows that came meanwhile are held until the reader asks for them. */
export interface TraceList {
  rows: readonly TraceRow[]
  held: readonly TraceRow[]
  /** More came at once than one page holds: the rows between are read again from the top. */
  gap: boolean
  /** Filter that was asked for. */
  of: string
  /** No older ones are stored. */
  complete: boolean
}

export const EMPTY: TraceList = { rows: [], held: [], gap: false, of: '', complete: false }
export const ROWS_MAX = 20_000

/** Take the newest page: known rows change in place, new ones are held, or shown when the reader follows. */
export function receive(list: TraceList, page: readonly TraceRow[], pageMax: number, follows: boolean, of = ''): TraceList {
  if (list.rows.length === 0 || list.of !== of) return { ...EMPTY, of, rows: page, complete: page.length < pageMax }
  const news = new Map(page.map((row) => [row.traceId, row]))
  const rows = renewed(list.rows, news)
  const top = list.rows[0]?.cursor ?? 0
  const heldTop = list.held[0]?.cursor ?? top
  const fresh = page.filter((row) => row.cursor > heldTop)
  const gap = list.gap || (fresh.length === page.length && page.length >= pageMax)
  const held = gap && fresh.length === page.length ? fresh : [...fresh, ...renewed(list.held, news)]
  const next = { ...list, rows, held, gap }
  return follows ? admit(next) : next
}

/** Show the rows that were held. */
export function admit(list: TraceList): TraceList {
  if (list.held.length === 0) return list
  const rows = list.gap ? list.held : [...list.held, ...list.rows]
  return { ...list, rows: rows.slice(0, ROWS_MAX), held: [], gap: false, complete: list.complete && !list.gap }
}

/** Add a page of older rows below, or bring rows that are known up to date. */
export function extend(list: TraceList, page: readonly TraceRow[], pageMax: number): TraceList {
  const known = renewed(list.rows, new Map(page.map((row) => [row.traceId, row])))
  const bottom = list.rows.at(-1)?.cursor ?? Number.POSITIVE_INFINITY
  const older = page.filter((row) => row.cursor < bottom)
  return { ...list, rows: [...known, ...older], complete: list.complete || page.length < pageMax }
}

/** The newest row that still runs and that the newest page no longer holds: it must be asked for by itself. */
export function staleRow(list: TraceList, page: readonly TraceRow[]): TraceRow | undefined {
  const oldest = page.at(-1)?.cursor ?? 0
  return list.rows.find((row) => row.cursor < oldest && row.status === 'running')
}

function renewed(rows: readonly TraceRow[], news: ReadonlyMap<string, TraceRow>): readonly TraceRow[] {
  const next = rows.map((row) => {
    const now = news.get(row.traceId)
    return now === undefined || isSame(now, row) ? row : now
  })
  return next.some((row, at) => row !== rows[at]) ? next : rows
}

function isSame(a: TraceRow, b: TraceRow): boolean {
  return a.status === b.status && a.durationMs === b.durationMs && a.runCount === b.runCount && a.name === b.name && a.replayCount === b.replayCount
}
