import { expect, it } from 'vitest'
import { clockChange, cronWords, driftWords, lateWords, untilWords, utc, zoned } from './words.ts'

it.each([
  ['0 3 * * *', 'At 03:00'],
  ['*/5 * * * *', 'Every 5 minutes'],
  ['30 9 * * 1-5', 'At 09:30, Monday through Friday'],
  ['0 0 1 * *', 'At 00:00, on day 1 of the month'],
  ['0 12 * * 0', 'At 12:00, only on Sunday'],
  ['0 12 * * 7', 'At 12:00, only on Sunday'],
  ['61 * * * *', ''],
  ['nonsense', ''],
  ['<img src=x>', ''],
])('%s is "%s"', (expression, words) => {
  expect(cronWords(expression)).toBe(words)
})

it('says how late a tick began', () => {
  expect(lateWords({ scheduledAt: null, startedAt: 5 })).toBe('')
  expect(lateWords({ scheduledAt: 1000, startedAt: 1200 })).toBe('')
  expect(lateWords({ scheduledAt: 1000, startedAt: 4000 })).toBe('late by 3.00 s')
  expect(lateWords({ scheduledAt: 1000, startedAt: 4_000_000 })).toBe('ran as at another time')
  expect(lateWords({ scheduledAt: 4_000_000, startedAt: 1000 })).toBe('ran as at another time')
})

it('says how late ticks usually began, without those that were run for another time', () => {
  const tick = (late: number) => ({ scheduledAt: 10_000, startedAt: 10_000 + late })
  expect(driftWords([])).toBe('')
  expect(driftWords([tick(90_000), { scheduledAt: null, startedAt: 1 }])).toBe('')
  expect(driftWords([tick(3), tick(12), tick(90_000)])).toBe('Late by at most 12 ms in 95 of 100 (of the last 2)')
  expect(driftWords(Array.from({ length: 100 }, (_, at) => tick(at)))).toContain('at most 94 ms')
})

it('flags the nights in which clocks change', () => {
  const [before, after] = [Date.parse('2027-03-27T01:30:00Z'), Date.parse('2027-03-28T01:00:00Z')]
  expect(clockChange(before, after, 'Europe/Berlin')).toMatch(/^clocks forward by 1 h/)
  expect(clockChange(Date.parse('2027-10-30T00:30:00Z'), Date.parse('2027-10-31T01:30:00Z'), 'Europe/Berlin')).toMatch(/^clocks back by 1 h/)
  expect(clockChange(before, after, 'UTC')).toBe('')
  expect(clockChange(before, after, 'No/Where')).toBe('')
})

it('says when something is due, also in another zone', () => {
  expect(untilWords(5000, 5000)).toBe('now')
  expect(untilWords(65_000, 5000)).toBe('in 1 min 0 s')
  expect(untilWords(3 * 86_400_000 + 5 * 3_600_000, 1)).toBe('in 3 d 4 h')
  expect(utc(0)).toBe('1970-01-01 00:00:00 UTC')
  expect(zoned(0, 'Asia/Tokyo')).toContain('09:00:00')
  expect(zoned(0, 'No/Where')).toBe('')
})
