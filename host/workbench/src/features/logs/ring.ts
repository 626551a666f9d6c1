import type { LogLine } from '../../services/shapes.ts'

const SPARE = 20_000

/**
 * Lines in the order of their ids, each once and without gaps. New ones come at the end, older ones in front; when it is
 * full the oldest go. A line keeps its position, counted from the first one that came, for as long as it is here.
 */
export class LineRing {
  private lines: LogLine[] = []
  private head = 0
  private position = 0
  readonly max: number

  constructor(max = 100_000) {
    this.max = max
  }

  get length(): number {
    return this.lines.length - this.head
  }

  /** Position of the first line. */
  get begin(): number {
    return this.position
  }

  /** Position behind the last line. */
  get end(): number {
    return this.position + this.length
  }

  get isFull(): boolean {
    return this.length >= this.max
  }

  get first(): LogLine | undefined {
    return this.lines[this.head]
  }

  get last(): LogLine | undefined {
    return this.length === 0 ? undefined : this.lines.at(-1)
  }

  /** Line by its row: the first one is 0. */
  at(row: number): LogLine | undefined {
    return row < 0 ? undefined : this.lines[this.head + row]
  }

  /** Row of the line with an id; -1 when it is not here. */
  rowOf(id: number): number {
    let [low, high] = [this.head, this.lines.length - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = this.lines[middle]?.id ?? 0
      if (found === id) return middle - this.head
      if (found < id) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** Add newer lines, oldest first; those that are here already are left out. Returns how many were added. */
  append(found: readonly LogLine[]): number {
    let last = this.last?.id ?? Number.NEGATIVE_INFINITY
    let added = 0
    for (const line of found) {
      if (line.id <= last) continue
      this.lines.push(line)
      last = line.id
      added += 1
    }
    const surplus = this.length - this.max
    if (surplus > 0) {
      this.head += surplus
      this.position += surplus
      // Seldom, since it copies what is left.
      if (this.head > SPARE) {
        this.lines = this.lines.slice(this.head)
        this.head = 0
      }
    }
    return added
  }

  /** Add older lines, oldest first, as many as there is room for: those next to the first one. Returns how many. */
  prepend(found: readonly LogLine[]): number {
    const first = this.first?.id ?? Number.POSITIVE_INFINITY
    const room = this.max - this.length
    const older = found.filter((line) => line.id < first)
    const kept = older.slice(Math.max(0, older.length - room))
    if (kept.length === 0) return 0
    this.lines = [...kept, ...this.lines.slice(this.head)]
    this.head = 0
    this.position -= kept.length
    return kept.length
  }

  clear(): void {
    this.position = this.end
    this.lines = []
    this.head = 0
  }
}
