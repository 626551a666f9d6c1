import { fraction, type Range, type Scale } from './scale.ts'
import { isHead, type Skeleton } from './skeleton.ts'

/** How many rows are at work at each place of the whole axis, and which places hold a failure. */
export interface Density {
  counts: Uint32Array
  failed: Uint8Array
  most: number
}

export function densityOf(rows: Skeleton, scale: Scale, places: number): Density {
  const whole: Range = { from: 0, to: rows.spanMs }
  const changes = new Int32Array(places + 1)
  const failed = new Uint8Array(places)
  const placeOf = (ms: number): number => Math.max(0, Math.min(places - 1, Math.floor(fraction(scale, whole, ms) * places)))
  for (let row = 0; row < rows.count; row++) {
    // Runs and attempts wait as well; what they do is work.
    const start = (rows.start[row] ?? 0) + (isHead(rows, row) ? (rows.wait[row] ?? 0) : 0)
    const [first, last] = [placeOf(start), placeOf(Math.max(start, rows.end[row] ?? 0))]
    changes[first] = (changes[first] ?? 0) + 1
    changes[last + 1] = (changes[last + 1] ?? 0) - 1
    if (rows.status[row] === 1) failed[last] = 1
  }
  const counts = new Uint32Array(places)
  let [now, most] = [0, 1]
  for (let place = 0; place < places; place++) {
    now += changes[place] ?? 0
    counts[place] = now
    most = Math.max(most, now)
  }
  return { counts, failed, most }
}
