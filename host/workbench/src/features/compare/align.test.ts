import { expect, it } from 'vitest'
import { aligned } from './align.ts'

/** Length of the longest common sequence, by trying all. */
function longest(a: readonly string[], b: readonly string[]): number {
  const [x, ...restA] = a
  const [y, ...restB] = b
  if (x === undefined || y === undefined) return 0
  return x === y ? 1 + longest(restA, restB) : Math.max(longest(restA, b), longest(a, restB))
}

it('uses each element once, in order, and pairs as many equal ones as there can be', () => {
  let seed = 3
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  for (let round = 0; round < 500; round++) {
    const [a, b] = [0, 1].map(() => Array.from({ length: next(8) }, () => 'abc'[next(3)] ?? 'a')) as [string[], string[]]
    const pairs = aligned(a, b)
    expect(pairs.map(([x]) => x).filter((x) => x >= 0)).toEqual(a.map((_, at) => at))
    expect(pairs.map(([, y]) => y).filter((y) => y >= 0)).toEqual(b.map((_, at) => at))
    const both = pairs.filter(([x, y]) => x >= 0 && y >= 0)
    expect(both.every(([x, y]) => a[x] === b[y])).toBe(true)
    expect(both.length).toBe(longest(a, b))
  }
})

it('joins lists that are too long by name and occurrence', () => {
  const pairs = aligned(['x', 'a', 'b', 'a', 'y'], ['z', 'a', 'c', 'a', 'z'], 1)
  expect(pairs).toEqual([[0, -1], [1, 1], [2, -1], [3, 3], [4, -1], [-1, 0], [-1, 2], [-1, 4]])
})
