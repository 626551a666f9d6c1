import { expect, it } from 'vitest'
import { changesOf, pathWords, valueWords, type Change } from './diff.ts'
import { parseExact } from './exact.ts'

/** The value with the changes made, as a reader would make them by hand. */
function applied(value: unknown, changes: readonly Change[]): unknown {
  let whole = structuredClone(value)
  // The last first: elements that are removed from a list do not move those before.
  for (const change of [...changes].reverse()) {
    const last = change.path.at(-1)
    if (last === undefined) {
      whole = change.after
      continue
    }
    const owner = change.path.slice(0, -1).reduce<unknown>((inside, part) => Reflect.get(inside as object, part), whole) as object
    if ('after' in change) Reflect.set(owner, last, change.after)
    else if (Array.isArray(owner)) owner.splice(Number(last), 1)
    else Reflect.deleteProperty(owner, last)
  }
  return whole
}

it('makes one value of the other, whatever they are', () => {
  let seed = 7
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  const some = (depth: number): unknown => {
    const kind = next(depth > 0 ? 6 : 4)
    if (kind === 0) return next(3)
    if (kind === 1) return ['', 'a', 'b'][next(3)]
    if (kind === 2) return null
    if (kind === 3) return next(2) === 0
    if (kind === 4) return Array.from({ length: next(4) }, () => some(depth - 1))
    return Object.fromEntries(['k', 'l', 'm'].slice(0, next(4)).map((key) => [key, some(depth - 1)]))
  }
  for (let round = 0; round < 2000; round++) {
    const [before, after] = [some(3), some(3)]
    // Growing lists are filled from the front, so their changes are made in order.
    const changes = changesOf(before, after)
    const added = changes.filter((each) => !('before' in each))
    const rest = changes.filter((each) => 'before' in each)
    expect(applied(applied(before, rest), [...added].reverse())).toEqual(after)
    expect(changes.length === 0).toBe(JSON.stringify(before) === JSON.stringify(after) || valueWords(before) === valueWords(after))
  }
})

it('tells numbers apart as they are written', () => {
  const [a, b] = [parseExact('{"n": 9007199254740993}'), parseExact('{"n": 9007199254740992}')]
  const [change] = changesOf(a, b)
  expect([valueWords(change?.before), valueWords(change?.after)]).toEqual(['9007199254740993', '9007199254740992'])
  expect(changesOf(a, parseExact('{"n": 9007199254740993}'))).toEqual([])
})

it('names the place of a change, and stops at the bound', () => {
  expect(pathWords(['body', 'items', 2, 'a b'])).toBe('body.items[2]."a b"')
  expect(pathWords([])).toBe('the whole value')
  expect(changesOf(Array.from({ length: 500 }, (_, at) => at), [], 10)).toHaveLength(10)
})
