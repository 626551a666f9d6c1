import { isHead, isRun, type Skeleton } from './skeleton.ts'

/** Chain of runs that made the trace as long as it is, and what they waited for. */
export interface CriticalPath {
  /** By row: whether it is on the path. */
  on: Uint8Array
  /** Runs on it, from the first to the last. */
  runs: number[]
  waitMs: number
}

/**
 * Walk back from the run that ended last to its root. Of each run its work up to the emit that led to the next run is on
 * the path, with the longest thing that it did meanwhile.
 */
export function criticalPath(rows: Skeleton): CriticalPath {
  const on = new Uint8Array(rows.count)
  let last = -1
  for (let row = 0; row < rows.count; row++) {
    if (isRun(rows, row) && (last < 0 || (rows.end[row] ?? 0) > (rows.end[last] ?? 0))) last = row
  }
  const runs: number[] = []
  let waitMs = 0
  let until = last < 0 ? 0 : (rows.end[last] ?? 0)
  for (let run = last; run >= 0; run = rows.parent[run] ?? -1) {
    on[run] = 1
    runs.unshift(run)
    waitMs += markBelow(rows, run, until, on)
    until = rows.start[run] ?? 0
  }
  return { on, runs, waitMs }
}

/** Mark the attempts of a run and the longest operation of each scope that began before a time; returns the waits. */
function markBelow(rows: Skeleton, run: number, until: number, on: Uint8Array): number {
  let waited = rows.wait[run] ?? 0
  let tries = 0
  let longest = -1
  const end = run + (rows.size[run] ?? 1)
  for (let row = run + 1; row < end; ) {
    if (isRun(rows, row)) {
      row += rows.size[row] ?? 1
      continue
    }
    const began = (rows.start[row] ?? 0) <= until
    if (isHead(rows, row) && began) {
      on[row] = 1
      // The wait before the first attempt is that of the run.
      if (tries++ > 0) waited += rows.wait[row] ?? 0
    } else if (began && (longest < 0 || length(rows, row) > length(rows, longest))) longest = row
    row++
  }
  if (longest >= 0 && length(rows, longest) > 0) on[longest] = 1
  return waited
}

const length = (rows: Skeleton, row: number): number => (rows.end[row] ?? 0) - (rows.start[row] ?? 0)
