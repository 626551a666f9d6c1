import { expect, it } from 'vitest'
import { Memory } from './memory.ts'

it('keeps what was written last, and no more than its bound', () => {
  const memory = new Memory<number>(2)
  memory.set('a', 1)
  memory.set('b', 2)
  memory.set('a', 3)
  memory.set('c', 4)
  expect([memory.get('a'), memory.get('b'), memory.get('c')]).toEqual([3, undefined, 4])
})

it('tells those who look', () => {
  const memory = new Memory<number>(2)
  let told = 0
  const leave = memory.subscribe(() => { told += 1 })
  memory.set('a', 1)
  leave()
  memory.set('a', 2)
  expect(told).toBe(1)
})
