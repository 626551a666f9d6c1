import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Announcements } from './announcements.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('says the first at once and then one text in five seconds, the newest of each source', () => {
  const all = new Announcements()
  const heard: string[] = []
  all.subscribe(() => heard.push(all.said()))
  all.say('traces', '1 new trace')
  for (let count = 2; count < 500; count++) all.say('traces', `${count} new traces`)
  all.say('connection', 'Live')
  expect(heard).toEqual(['1 new trace'])
  vi.advanceTimersByTime(4999)
  expect(heard).toHaveLength(1)
  vi.advanceTimersByTime(1)
  expect(heard).toEqual(['1 new trace', '499 new traces. Live'])
  vi.advanceTimersByTime(60_000)
  expect(heard).toHaveLength(2)
  all.say('traces', '500 new traces')
  expect(heard).toHaveLength(3)
})

it('does not say what is no longer so', () => {
  const all = new Announcements()
  all.say('connection', 'Live')
  all.say('traces', '3 new traces')
  all.say('traces', '')
  vi.advanceTimersByTime(5000)
  expect(all.said()).toBe('Live')
})
