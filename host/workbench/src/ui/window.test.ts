import { expect, it } from 'vitest'
import { scrollTo, windowOf } from './window.ts'

it('mounts what is in sight with a few spare rows, however many there are', () => {
  const { first, last } = windowOf(100_000, 26, 26 * 5000, 800)
  expect(first).toBe(4992)
  expect(last).toBe(5039)
})

it('stays within the list', () => {
  expect(windowOf(3, 26, 0, 800)).toEqual({ first: 0, last: 3 })
  expect(windowOf(0, 26, 500, 800)).toEqual({ first: 0, last: 0 })
  expect(windowOf(10, 26, -50, 100)).toEqual({ first: 0, last: 10 })
})

it('scrolls no further than it must', () => {
  expect(scrollTo(0, 20, 100, 200)).toBe(0)
  expect(scrollTo(6, 20, 100, 200)).toBe(100)
  expect(scrollTo(20, 20, 100, 200)).toBe(220)
})
