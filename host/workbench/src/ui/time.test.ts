import { expect, it } from 'vitest'
import { ago, counted, day, duration } from './time.ts'

it.each([
  [null, '…'],
  [0.4, '< 1 ms'],
  [12.4, '12 ms'],
  [1234, '1.23 s'],
  [12_340, '12.3 s'],
  [61_000, '1 min 1 s'],
  [119_700, '1 min 59 s'],
  [3_660_000, '1 h 1 min'],
])('a duration of %s ms is %s', (ms, words) => {
  expect(duration(ms)).toBe(words)
})

it('says how long ago, and never before now', () => {
  expect(ago(1000, 500)).toBe('0 s ago')
  expect(ago(0, 59_000)).toBe('59 s ago')
  expect(ago(0, 3_600_000)).toBe('1 h ago')
  expect(ago(0, 200_000_000)).toBe('2 d ago')
})

it('names the day of what was not today', () => {
  const now = new Date(2026, 11, 1, 0, 30).getTime()
  expect(day(now - 20 * 60_000, now)).toBe('')
  expect(day(now - 40 * 60_000, now)).toBe('11-30')
  expect(day(new Date(2025, 0, 2, 12).getTime(), now)).toBe('2025-01-02')
})

it('counts in words', () => {
  expect(counted(1, 'run')).toBe('1 run')
  expect(counted(12_000, 'trace')).toBe('12,000 traces')
})
