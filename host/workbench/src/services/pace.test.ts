import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Pace } from './pace.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const done = () => vi.fn((_: string) => Promise.resolve())

it('acts at once, then once for a burst, and never loses the last', async () => {
  const act = done()
  const pace = new Pace(() => 300, act)
  for (let at = 0; at < 10; at++) pace.ask('logs')
  expect(act).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(300)
  expect(act).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(600)
  expect(act).toHaveBeenCalledTimes(2)
  pace.ask('logs')
  expect(act).toHaveBeenCalledTimes(3)
})

it('rests five times as long as an action took, and goes on after one that failed', async () => {
  const act = vi.fn(() => new Promise((_, fail) => setTimeout(() => { fail(new Error('late')) }, 200)))
  const pace = new Pace(() => 300, act)
  pace.ask('logs')
  pace.ask('logs')
  await vi.advanceTimersByTimeAsync(1199)
  expect(act).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(act).toHaveBeenCalledTimes(2)
})

it('keeps names apart, and stops', async () => {
  const act = done()
  const pace = new Pace(() => 300, act)
  pace.ask('a')
  pace.ask('b')
  pace.ask('a')
  pace.stop()
  await vi.advanceTimersByTimeAsync(1000)
  expect(act.mock.calls).toEqual([['a'], ['b']])
  pace.ask('a')
  expect(act).toHaveBeenCalledTimes(3)
})
