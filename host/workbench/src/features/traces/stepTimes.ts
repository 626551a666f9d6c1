import { attemptsOf } from './bars.ts'
import { isFailed, isRun, nameOf, type Skeleton } from './skeleton.ts'

/** Runs of one step in a trace, and their times. */
export interface StepTime {
  step: string
  runs: number
  failed: number
  attempts: number
  waitMs: number
  workMs: number
  longestMs: number
  /** Row of its longest run. */
  row: number
}

/** Times of a trace by step, the longest first. */
export function stepTimes(rows: Skeleton): StepTime[] {
  const found = new Map<string, StepTime>()
  for (let row = 0; row < rows.count; row++) {
    if (!isRun(rows, row)) continue
    const step = nameOf(rows, row)
    const known = found.get(step) ?? { step, runs: 0, failed: 0, attempts: 0, waitMs: 0, workMs: 0, longestMs: -1, row }
    found.set(step, known)
    const tries = attemptsOf(rows, row)
    const wait = rows.wait[row] ?? 0
    const whole = (rows.end[row] ?? 0) - (rows.start[row] ?? 0)
    const work = tries.length > 0 ? tries.reduce((sum, each) => sum + (rows.end[each] ?? 0) - (rows.start[each] ?? 0), 0) : whole - wait
    known.runs += 1
    known.failed += isFailed(rows, row) ? 1 : 0
    known.attempts += Math.max(1, tries.length)
    known.waitMs += wait
    known.workMs += Math.max(0, work)
    if (whole > known.longestMs) {
      known.longestMs = whole
      known.row = row
    }
  }
  return [...found.values()].sort((a, b) => b.workMs - a.workMs)
}
