import { ATTEMPT_KIND, isHead, isRun, type Skeleton } from './skeleton.ts'

/** Range of the time axis, in milliseconds since the trace began. */
export interface Range {
  from: number
  to: number
}

/**
 * Measure of the time axis that may shorten times in which nothing worked: it grows with time, piece by piece, and never
 * falls.
 */
export interface Scale {
  /** Times at which the measure bends, and its values there. */
  times: readonly number[]
  values: readonly number[]
  gaps: readonly Range[]
}

const GAP_SHARE_MIN = 0.05
/** A shortened time takes this part of the time that is left. */
const GAP_SHOWN_SHARE = 0.03

/** Times in which a handler worked, joined where they meet. */
export function busyTimes(rows: Skeleton): Range[] {
  const found: Range[] = []
  for (let row = 0; row < rows.count; row++) {
    if (!isHead(rows, row)) continue
    // Of a run with attempts the attempts say when it worked.
    if (isRun(rows, row) && hasAttempts(rows, row)) continue
    const from = (rows.start[row] ?? 0) + (isRun(rows, row) ? (rows.wait[row] ?? 0) : 0)
    found.push({ from, to: Math.max(from, rows.end[row] ?? 0) })
  }
  found.sort((a, b) => a.from - b.from)
  const joined: Range[] = []
  for (const each of found) {
    const last = joined.at(-1)
    if (last !== undefined && each.from <= last.to) last.to = Math.max(last.to, each.to)
    else joined.push({ ...each })
  }
  return joined
}

export const hasAttempts = (rows: Skeleton, row: number): boolean => {
  const end = row + (rows.size[row] ?? 1)
  for (let each = row + 1; each < end; each += rows.size[each] ?? 1) {
    if (rows.kind[each] === ATTEMPT_KIND) return true
  }
  return false
}

/** Long times in which nothing worked, and the part that all such times have of the trace. */
export function idleOf(rows: Skeleton): { gaps: Range[]; share: number } {
  const span = rows.spanMs
  const gaps: Range[] = []
  let idle = 0
  let at = 0
  for (const { from, to } of [...busyTimes(rows), { from: span, to: span }]) {
    const length = from - at
    if (length > 0) idle += length
    if (length > span * GAP_SHARE_MIN) gaps.push({ from: at, to: from })
    at = Math.max(at, to)
  }
  return { gaps, share: span > 0 ? idle / span : 0 }
}

export function scaleOf(spanMs: number, gaps: readonly Range[]): Scale {
  const left = Math.max(spanMs - gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0), spanMs * 0.001)
  const shown = left * GAP_SHOWN_SHARE
  const times = [0]
  const values = [0]
  let [at, value] = [0, 0]
  for (const gap of gaps) {
    value += gap.from - at
    times.push(gap.from)
    values.push(value)
    value += Math.min(shown, gap.to - gap.from)
    times.push(gap.to)
    values.push(value)
    at = gap.to
  }
  times.push(Math.max(spanMs, at + 1e-6))
  values.push(value + Math.max(spanMs - at, 1e-6))
  return { times, values, gaps }
}

/** The measure at a time. */
export const measure = (scale: Scale, ms: number): number => between(scale.times, scale.values, ms)
/** The time of a measure. */
export const timeAt = (scale: Scale, value: number): number => between(scale.values, scale.times, value)

function between(from: readonly number[], to: readonly number[], at: number): number {
  let [low, high] = [0, from.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((from[middle] ?? 0) <= at) low = middle
    else high = middle
  }
  const [a = 0, b = 1, x = 0, y = 1] = [from[low], from[high], to[low], to[high]]
  return b > a ? x + ((at - a) / (b - a)) * (y - x) : x
}

/** Place of a time on the axis, from 0 to 1 within its range. */
export function fraction(scale: Scale, range: Range, ms: number): number {
  const [from, to] = [measure(scale, range.from), measure(scale, range.to)]
  return (measure(scale, ms) - from) / Math.max(to - from, 1e-9)
}

/** Time at a place of the axis. */
export function timeOf(scale: Scale, range: Range, part: number): number {
  const [from, to] = [measure(scale, range.from), measure(scale, range.to)]
  return timeAt(scale, from + part * (to - from))
}
