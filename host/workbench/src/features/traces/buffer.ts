import type { CallUnderWay, TraceRow, TraceSkeleton } from '../../api/results.ts'
import { merged } from './merge.ts'
import { EMPTY, closedAt, decoded, type Skeleton } from './skeleton.ts'
import { withUnderWay } from './underway.ts'

/** What is known of one trace. */
export interface Known {
  trace: TraceRow | null
  /** Rows, among them the calls that are under way. */
  rows: Skeleton
  underWay: readonly CallUnderWay[]
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
  private known: Known = { trace: null, rows: EMPTY, underWay: [], leftOut: 0, textsLeftOut: 0 }
  /** Rows without what is under way: the next answer goes on from these. */
  private rows: Skeleton = EMPTY
  /** Time of the host less that of this page, as of the last answer. */
  private aheadMs = 0
  private shown: Known = this.known
  private cursor: string | null = null
  private told = true
  private readonly later: (act: () => void) => void
  private readonly nowMs: () => number
  private readonly listeners = new Set<() => void>()

  constructor(later: (act: () => void) => void = soon, nowMs: () => number = () => performance.now()) {
    this.later = later
    this.nowMs = nowMs
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly snapshot = (): Known => this.shown

  /** Where the next answer is to begin; `null` for all rows: of small traces, and of what has ended, to be sure of it. */
  get after(): string | null {
    const { trace } = this.known
    const { rows } = this
    return rows.count <= SMALL_ROWS || trace?.status !== 'running' ? null : this.cursor
  }

  /** Take an answer. One that goes on from elsewhere than the rows that are known is ignored: a later one has its rows. */
  take(answer: TraceSkeleton): void {
    if (answer.after !== null && answer.after !== this.cursor) return
    const before = this.known
    const news = decoded(answer)
    const nowMs = answer.readAt - answer.trace.startedAt
    const isWhole = answer.after === null
    const rows = isWhole ? news : news.count === 0 && before.trace?.status !== 'running' ? this.rows : merged(this.rows, news, nowMs)
    this.rows = rows
    this.aheadMs = nowMs - this.nowMs()
    this.cursor = answer.cursor
    // A trace that has grown beyond the bound is read whole: the host says what it leaves out.
    if (!isWhole && rows.count > ROWS_MAX) this.cursor = null
    this.known = {
      trace: answer.trace,
      rows: withUnderWay(rows, answer.underWay, answer.trace.startedAt, nowMs),
      underWay: answer.underWay,
      leftOut: isWhole ? answer.leftOut : before.leftOut,
      textsLeftOut: isWhole ? answer.textsLeftOut : before.textsLeftOut + answer.textsLeftOut,
    }
    this.tell()
  }

  /** Let what is under way last until now, also while the host has no news of it. */
  tick(): void {
    const { known } = this
    if (known.underWay.length === 0 || known.trace?.status !== 'running') return
    const rows = { ...known.rows, end: known.rows.end.slice() }
    this.known = { ...known, rows: closedAt(rows, this.nowMs() + this.aheadMs) }
    this.tell()
  }

  private tell(): void {
    if (!this.told) return
    this.told = false
    this.later(() => {
      this.told = true
      this.shown = this.known
      for (const each of this.listeners) each()
    })
  }
}
