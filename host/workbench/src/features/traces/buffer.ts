import type { TraceRow, TraceSkeleton } from '../../api/results.ts'
import { merged } from './merge.ts'
import { EMPTY, decoded, type Skeleton } from './skeleton.ts'

/** What is known of one trace. */
export interface Known {
  trace: TraceRow | null
  rows: Skeleton
  leftOut: number
  textsLeftOut: number
}

/** Rows that one trace shows; the host has the same bound. */
export const ROWS_MAX = 100_000
/** Smaller traces are read anew: that costs less than to think about it. */
const SMALL_ROWS = 2000

/** Calls back before the next picture; of a hidden page, which has none, before the next event. */
const soon = (act: () => void): void => {
  if (document.visibilityState === 'hidden') queueMicrotask(act)
  else requestAnimationFrame(act)
}

/**
 * Buffer of the rows of one trace that takes the answers of the host, in whatever order, and tells its readers at most
 * once a picture.
 */
export class TraceBuffer {
  private known: Known = { trace: null, rows: EMPTY, leftOut: 0, textsLeftOut: 0 }
  private shown: Known = this.known
  private cursor: string | null = null
  private told = true
  private readonly later: (act: () => void) => void
  private readonly listeners = new Set<() => void>()

  constructor(later: (act: () => void) => void = soon) {
    this.later = later
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly snapshot = (): Known => this.shown

  /** Where the next answer is to begin; `null` for all rows: of small traces, and of what has ended, to be sure of it. */
  get after(): string | null {
    const { rows, trace } = this.known
    return rows.count <= SMALL_ROWS || trace?.status !== 'running' ? null : this.cursor
  }

  /** Take an answer. One that goes on from elsewhere than the rows that are known is ignored: a later one has its rows. */
  take(answer: TraceSkeleton): void {
    if (answer.after !== null && answer.after !== this.cursor) return
    const before = this.known
    const news = decoded(answer)
    const nowMs = answer.readAt - answer.trace.startedAt
    const isWhole = answer.after === null
    const rows = isWhole ? news : news.count === 0 && before.trace?.status !== 'running' ? before.rows : merged(before.rows, news, nowMs)
    this.cursor = answer.cursor
    // A trace that has grown beyond the bound is read whole: the host says what it leaves out.
    if (!isWhole && rows.count > ROWS_MAX) this.cursor = null
    this.known = {
      trace: answer.trace,
      rows,
      leftOut: isWhole ? answer.leftOut : before.leftOut,
      textsLeftOut: isWhole ? answer.textsLeftOut : before.textsLeftOut + answer.textsLeftOut,
    }
    if (this.told) {
      this.told = false
      this.later(() => {
        this.told = true
        this.shown = this.known
        for (const each of this.listeners) each()
      })
    }
  }
}
