import { isFailed, type Skeleton } from './skeleton.ts'

/** Rows to show, in order: nothing below a closed row, and of a filtered trace what matches with all above it. */
export function visibleRows(rows: Skeleton, closed: Uint8Array | null, kept: Uint8Array | null = null): Int32Array {
  const shown = new Int32Array(rows.count)
  let count = 0
  for (let row = 0; row < rows.count; ) {
    const size = rows.size[row] ?? 1
    if (kept !== null && !kept[row]) {
      row += size
      continue
    }
    shown[count++] = row
    row += kept === null && closed?.[row] ? size : 1
  }
  return shown.subarray(0, count)
}

/** Rows that match, with all above them. */
export function keptRows(rows: Skeleton, matches: (row: number) => boolean): Uint8Array {
  const kept = new Uint8Array(rows.count)
  for (let row = rows.count - 1; row >= 0; row--) {
    if (!kept[row] && !matches(row)) continue
    kept[row] = 1
    const parent = rows.parent[row] ?? -1
    if (parent >= 0) kept[parent] = 1
  }
  return kept
}

/** Place of each shown row among those with the same parent, and how many there are, for readers of screens. */
export interface Places {
  /** By place in the list. */
  at: Int32Array
  /** By parent; those without one at the end. */
  of: Int32Array
}

export function placesOf(rows: Skeleton, shown: Int32Array): Places {
  const of = new Int32Array(rows.count + 1)
  const at = new Int32Array(shown.length)
  for (let place = 0; place < shown.length; place++) {
    const parent = rows.parent[shown[place] ?? 0] ?? -1
    const group = parent < 0 ? rows.count : parent
    const next = (of[group] ?? 0) + 1
    of[group] = next
    at[place] = next
  }
  return { at, of }
}

/** Where a row stands in the list of shown rows, or -1. They grow, so half of them is left out at each look. */
export function placeOf(shown: Int32Array, row: number): number {
  let [low, high] = [0, shown.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = shown[middle] ?? 0
    if (found === row) return middle
    if (found < row) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/**
 * Whether a row matches all words of a search: each in its kind, its status, its name or its text. Words are looked up
 * in the dictionaries first, so a row costs a few reads.
 */
export function matcher(rows: Skeleton, search: string, errors: boolean, words: { kinds: readonly string[]; statuses: readonly string[] }) {
  const wanted = search.toLowerCase().split(/\s+/).filter(Boolean)
  if (wanted.length === 0 && !errors) return undefined
  const tests = wanted.map((word) => {
    const has = (text: string): number => (text.toLowerCase().includes(word) ? 1 : 0)
    const kinds = Uint8Array.from(words.kinds, has)
    const statuses = Uint8Array.from(words.statuses, has)
    const names = Uint8Array.from(rows.names, ([what, where]) => has(`${what} ${where}`))
    const texts = Uint8Array.from(rows.texts, has)
    return (row: number): boolean =>
      names[rows.name[row] ?? 0] === 1 || texts[rows.text[row] ?? 0] === 1 || kinds[rows.kind[row] ?? 0] === 1 || statuses[rows.status[row] ?? 0] === 1
  })
  return (row: number): boolean => (!errors || isFailed(rows, row)) && tests.every((test) => test(row))
}

/** Rows that are closed, of those with rows below: by name, and all from a depth on. */
export function closedRows(rows: Skeleton, closed: ReadonlySet<string>, opened: ReadonlySet<string>, depth: number | null, idOf: (row: number) => string): Uint8Array | null {
  if (closed.size === 0 && depth === null) return null
  const found = new Uint8Array(rows.count)
  for (let row = 0; row < rows.count; row++) {
    if ((rows.size[row] ?? 1) <= 1) continue
    const deep = depth !== null && (rows.depth[row] ?? 0) >= depth
    if (!deep && closed.size === 0) continue
    const id = idOf(row)
    if (closed.has(id) || (deep && !opened.has(id))) found[row] = 1
  }
  return found
}
