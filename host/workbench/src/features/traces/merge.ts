import { SORTS, closedAt, columns, isRun, sortAt, type Skeleton } from './skeleton.ts'

const RUN_BEHIND_US = 999

/** Order of two siblings, as the host lays them out: by time, and runs behind what was done in their millisecond. */
function compare(a: Skeleton, i: number, b: Skeleton, j: number): number {
  const [sortA, sortB] = [sortAt(a, i), sortAt(b, j)]
  const timeA = (a.startUs[i] ?? 0) + (sortA === SORTS.run ? RUN_BEHIND_US : 0)
  const timeB = (b.startUs[j] ?? 0) + (sortB === SORTS.run ? RUN_BEHIND_US : 0)
  return timeA - timeB || sortA - sortB || (a.key[i] ?? 0) - (b.key[j] ?? 0)
}

interface Frame {
  i: number
  endI: number
  j: number
  endJ: number
  /** Row of the result that these are below. */
  parent: number
  /** The news have all that belongs to this run itself: what they do not have is gone. */
  whole: boolean
}

/**
 * The rows of a trace with what has come since: new rows in their places, and known ones as the news have them. Both are
 * walked once, side by side; what stands below a row that the news do not know is taken over in one piece.
 */
export function merged(old: Skeleton, news: Skeleton, nowMs: number): Skeleton {
  const plan = new Plan(old, news)
  const stack: Frame[] = [{ i: 0, endI: old.count, j: 0, endJ: news.count, parent: -1, whole: false }]
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const { i, j } = frame
    const [hasOld, hasNews] = [i < frame.endI, j < frame.endJ]
    if (!hasOld && !hasNews) {
      stack.pop()
      continue
    }
    const order = !hasNews ? -1 : !hasOld ? 1 : compare(old, i, news, j)
    if (order < 0) {
      frame.i += old.size[i] ?? 1
      if (!frame.whole || isRun(old, i)) plan.take(old, i, frame.parent, false)
    } else if (order > 0) {
      frame.j += news.size[j] ?? 1
      plan.take(news, j, frame.parent, true)
    } else {
      frame.i += old.size[i] ?? 1
      frame.j += news.size[j] ?? 1
      const parent = plan.add(j, frame.parent)
      const whole = isRun(news, j) ? news.whole[j] === 1 : frame.whole
      stack.push({ i: i + 1, endI: frame.i, j: j + 1, endJ: frame.j, parent, whole })
    }
  }
  return plan.done(nowMs)
}

/** Rows of the result: which one of which of the two, and below which row. */
class Plan {
  private count = 0
  private readonly source: Int32Array
  private readonly parent: Int32Array
  private readonly old: Skeleton
  private readonly news: Skeleton

  constructor(old: Skeleton, news: Skeleton) {
    this.old = old
    this.news = news
    this.source = new Int32Array(old.count + news.count)
    this.parent = new Int32Array(old.count + news.count)
  }

  /** Take one row of the news; rows of the news are below zero. */
  add(row: number, parent: number): number {
    this.source[this.count] = ~row
    this.parent[this.count] = parent
    return this.count++
  }

  /** Take a row with all below it. */
  take(from: Skeleton, first: number, parent: number, isNew: boolean): void {
    const size = from.size[first] ?? 1
    const shift = this.count - first
    for (let row = first; row < first + size; row++) {
      this.source[this.count] = isNew ? ~row : row
      this.parent[this.count] = row === first ? parent : (from.parent[row] ?? -1) + shift
      this.count++
    }
  }

  done(nowMs: number): Skeleton {
    const { old, news } = this
    const names = [...old.names]
    const numbers = new Map(names.map((name, at) => [name.join('\u001f'), at]))
    const renamed = news.names.map((name) => {
      const known = numbers.get(name.join('\u001f'))
      return known ?? names.push(name) - 1
    })
    const texts = news.texts.length > 1 ? [...old.texts, ...news.texts.slice(1)] : old.texts
    const rows = columns(this.count, names, texts, new Map([...old.runIds, ...news.runIds]))
    for (let at = 0; at < this.count; at++) {
      const from = this.source[at] ?? 0
      const parent = this.parent[at] ?? -1
      rows.parent[at] = parent
      rows.size[at] = 1
      rows.depth[at] = parent < 0 ? 0 : (rows.depth[parent] ?? 0) + 1
      if (from >= 0) copy(old, from, rows, at)
      else {
        copy(news, ~from, rows, at)
        rows.name[at] = renamed[news.name[~from] ?? 0] ?? 0
        const text = news.text[~from] ?? 0
        rows.text[at] = text === 0 ? 0 : text - 1 + old.texts.length
      }
    }
    for (let at = this.count - 1; at > 0; at--) {
      const parent = rows.parent[at] ?? -1
      if (parent >= 0) rows.size[parent] = (rows.size[parent] ?? 1) + (rows.size[at] ?? 1)
    }
    return closedAt(rows, nowMs)
  }
}

const COPIED = ['startUs', 'start', 'end', 'wait', 'open', 'kind', 'status', 'name', 'text', 'key'] as const

function copy(from: Skeleton, row: number, to: Skeleton, at: number): void {
  for (const column of COPIED) to[column][at] = from[column][row] ?? 0
}
