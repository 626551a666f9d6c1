import { fraction, timeOf, type Range, type Scale } from './scale.ts'
import { ATTEMPT_KIND, isFailed, isRun, type Skeleton } from './skeleton.ts'

/** Part of a bar: waiting for a slot, waiting for a retry, or work. Milliseconds since the trace began. */
export interface Segment {
  kind: 'wait' | 'retry' | 'work'
  from: number
  to: number
  failed: boolean
}

/** Attempts of one run that its bar shows; more would not be told apart. */
const ATTEMPTS_MAX = 50

/** Parts of the bar of one row: of a run its waits and attempts, of anything else its time. */
export function segmentsOf(rows: Skeleton, row: number): Segment[] {
  const [start, end] = [rows.start[row] ?? 0, rows.end[row] ?? 0]
  const failed = isFailed(rows, row)
  if (!isRun(rows, row)) return [{ kind: 'work', from: start, to: end, failed }]
  const tries = attemptsOf(rows, row)
  if (tries.length > 0) return runSegments(rows, row, tries)
  const work = Math.min(end, start + (rows.wait[row] ?? 0))
  const waits = rows.open[row] && work === start && isWaiting(rows, row)
  if (waits) return [{ kind: 'wait', from: start, to: end, failed: false }]
  const segments: Segment[] = work > start ? [{ kind: 'wait', from: start, to: work, failed: false }] : []
  return [...segments, { kind: 'work', from: work, to: end, failed }]
}

const WAITING = 4
const isWaiting = (rows: Skeleton, row: number): boolean => rows.status[row] === WAITING

export function attemptsOf(rows: Skeleton, row: number): number[] {
  const found: number[] = []
  const end = row + (rows.size[row] ?? 1)
  for (let each = row + 1; each < end && found.length < ATTEMPTS_MAX; each += rows.size[each] ?? 1) {
    if (rows.kind[each] === ATTEMPT_KIND) found.push(each)
  }
  return found
}

function runSegments(rows: Skeleton, row: number, tries: readonly number[]): Segment[] {
  const segments: Segment[] = []
  let done = rows.start[row] ?? 0
  for (const each of tries) {
    const from = Math.max(done, rows.start[each] ?? 0)
    const kind = segments.some((known) => known.kind === 'work') ? 'retry' : 'wait'
    if (from > done) segments.push({ kind, from: done, to: from, failed: false })
    done = Math.max(from, rows.end[each] ?? 0)
    segments.push({ kind: 'work', from, to: done, failed: isFailed(rows, each) })
  }
  const end = rows.end[row] ?? 0
  if (done < end && rows.open[row]) segments.push({ kind: 'retry', from: done, to: end, failed: false })
  return segments
}

/** Left edge and width in percent of the axis; `null` when the part lies outside. */
export function placed(from: number, to: number, range: Range, scale: Scale): { left: number; width: number } | null {
  if (from > range.to || to < range.from) return null
  const left = fraction(scale, range, Math.max(from, range.from))
  const right = fraction(scale, range, Math.min(Math.max(from, to), range.to))
  return { left: 100 * left, width: 100 * Math.max(0, right - left) }
}

/** About so many times for the axis, round ones where it is even. */
export function ticksOf(range: Range, wanted: number, scale: Scale): number[] {
  if (scale.gaps.length > 0) return Array.from({ length: wanted }, (_, at) => timeOf(scale, range, at / wanted))
  const raw = (range.to - range.from) / Math.max(1, wanted)
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 5, 10].find((each) => each * power >= raw) ?? 10) * power
  const ticks = []
  for (let at = Math.ceil(range.from / step) * step; at <= range.to; at += step) ticks.push(at)
  return ticks
}

const SHORTEST_MS = 0.05

/** The axis `factor` times as long around a time, which keeps its place, within the trace. */
export function zoomed(range: Range, factor: number, around: number, spanMs: number): Range {
  const before = range.to - range.from
  const length = Math.min(spanMs, Math.max(SHORTEST_MS, before * factor))
  const part = before > 0 ? Math.min(1, Math.max(0, (around - range.from) / before)) : 0.5
  const from = Math.max(0, Math.min(spanMs - length, around - part * length))
  return { from, to: from + length }
}

/** The axis moved by a part of its length, within the trace. */
export function moved(range: Range, part: number, spanMs: number): Range {
  const length = range.to - range.from
  const from = Math.max(0, Math.min(spanMs - length, range.from + part * length))
  return { from, to: from + length }
}
