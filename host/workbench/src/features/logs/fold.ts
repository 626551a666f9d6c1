import type { LogLine } from '../../services/shapes.ts'
import type { LineRing } from './ring.ts'

const SPARE = 20_000

export interface FoldedRow {
  /** Last line of those that are one row. */
  line: LogLine
  count: number
}

/** Rows of a list of lines. */
export interface LineRows {
  length: number
  at: (row: number) => FoldedRow | undefined
  positionOf: (row: number) => number
  rowOf: (position: number) => number
}

/** Rows of which each is one line. */
export function plainRows(ring: LineRing): LineRows {
  return {
    length: ring.length,
    at: (row) => {
      const line = ring.at(row)
      return line && { line, count: 1 }
    },
    positionOf: (row) => ring.begin + row,
    rowOf: (position) => position - ring.begin,
  }
}

/** Rows in which lines that say the same one after the other are one. Lines that come at the end cost only themselves. */
export class Fold implements LineRows {
  /** Positions of the first line of each row. */
  private starts: number[] = []
  private skipped = 0
  private begin = 0
  private end = 0
  private readonly ring: LineRing

  constructor(ring: LineRing) {
    this.ring = ring
    this.begin = this.end = ring.begin
  }

  /** Take note of how the lines have changed. */
  update(): void {
    const { begin, end } = this.ring
    if (begin < this.begin || begin >= this.end) {
      // Older lines have come, or none of the last ones is left: from the beginning.
      this.starts = []
      this.skipped = 0
      this.end = begin
    }
    this.begin = begin
    for (let at = this.end; at < end; at++) {
      const [before, line] = [this.ring.at(at - 1 - begin), this.ring.at(at - begin)]
      if (before === undefined || line === undefined || !saysTheSame(before, line)) this.starts.push(at)
    }
    this.end = end
    while ((this.starts[this.skipped + 1] ?? Number.POSITIVE_INFINITY) <= begin) this.skipped += 1
    if (this.skipped > SPARE) this.starts.splice(0, this.skipped)
    if (this.skipped > SPARE) this.skipped = 0
  }

  get length(): number {
    return this.starts.length - this.skipped
  }

  at(row: number): FoldedRow | undefined {
    const start = this.starts[this.skipped + row]
    if (start === undefined || row < 0) return undefined
    const next = this.starts[this.skipped + row + 1] ?? this.end
    const line = this.ring.at(next - 1 - this.begin)
    return line && { line, count: next - Math.max(start, this.begin) }
  }

  /** Position of the first line of a row. */
  positionOf(row: number): number {
    return Math.max(this.starts[this.skipped + row] ?? this.end, this.begin)
  }

  /** Row that holds the line at a position. */
  rowOf(position: number): number {
    let [low, high] = [this.skipped, this.starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.starts[middle] ?? 0) <= position) low = middle
      else high = middle - 1
    }
    return low - this.skipped
  }
}

/** Whether two lines are one for a reader: also the same fields, and the same step at the same level. */
export function saysTheSame(a: LogLine, b: LogLine): boolean {
  return (
    a.message === b.message &&
    a.level === b.level &&
    a.step === b.step &&
    (a.fields === b.fields || JSON.stringify(a.fields) === JSON.stringify(b.fields))
  )
}
