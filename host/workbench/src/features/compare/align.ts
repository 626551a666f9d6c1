// Alignment of two lists by their longest common sequence.

/** Positions in both lists of one row; -1 where a list has nothing for it. */
export type Pair = readonly [a: number, b: number]

/** Cells of the table that is filled at most; longer lists are joined by name and occurrence. */
export const CELLS_MAX = 4_000_000

/** Pair the elements that both lists have in the same order; the others stand alone, those of the first list before. */
export function aligned(a: readonly string[], b: readonly string[], cellsMax = CELLS_MAX): Pair[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const [left, right] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)]
  const middle = left.length * right.length > cellsMax ? byOccurrence(left, right) : byLongest(left, right)
  return [
    ...Array.from({ length: head }, (_, at): Pair => [at, at]),
    ...middle.map(([x, y]): Pair => [x < 0 ? -1 : x + head, y < 0 ? -1 : y + head]),
    ...Array.from({ length: tail }, (_, at): Pair => [a.length - tail + at, b.length - tail + at]),
  ]
}

function byLongest(a: readonly string[], b: readonly string[]): Pair[] {
  const width = b.length + 1
  const longest = new Uint16Array((a.length + 1) * width)
  const at = (x: number, y: number): number => longest[x * width + y] ?? 0
  for (let x = a.length - 1; x >= 0; x--) {
    for (let y = b.length - 1; y >= 0; y--) {
      longest[x * width + y] = a[x] === b[y] ? at(x + 1, y + 1) + 1 : Math.max(at(x + 1, y), at(x, y + 1))
    }
  }
  const pairs: Pair[] = []
  let [x, y] = [0, 0]
  while (x < a.length && y < b.length) {
    if (a[x] === b[y]) pairs.push([x++, y++])
    else if (at(x + 1, y) >= at(x, y + 1)) pairs.push([x++, -1])
    else pairs.push([-1, y++])
  }
  while (x < a.length) pairs.push([x++, -1])
  while (y < b.length) pairs.push([-1, y++])
  return pairs
}

/** Join by name and occurrence, in the order of the first list; what only the second has comes last. */
function byOccurrence(a: readonly string[], b: readonly string[]): Pair[] {
  const places = new Map<string, number[]>()
  b.forEach((name, at) => places.set(name, [...(places.get(name) ?? []), at]))
  const taken = new Map<string, number>()
  const used = new Set<number>()
  const pairs = a.map((name, at): Pair => {
    const occurrence = taken.get(name) ?? 0
    taken.set(name, occurrence + 1)
    const found = places.get(name)?.[occurrence] ?? -1
    used.add(found)
    return [at, found]
  })
  return [...pairs, ...b.map((_, at): Pair => [-1, at]).filter(([, at]) => !used.has(at))]
}
