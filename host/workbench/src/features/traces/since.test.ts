import { expect, it } from 'vitest'
import { sinceOf } from './since.ts'

it.each([
  ['15m', 9_100_000],
  ['1h', 6_400_000],
  ['1796000000000', 1_796_000_000_000],
  ['', undefined],
  ['soon', undefined],
  ['-5m', undefined],
])('reads %s', (text, ms) => {
  expect(sinceOf(text, 10_000_000)).toBe(ms)
})
