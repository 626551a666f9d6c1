import { expect, it } from 'vitest'
import type { CronWeek } from '../../api/results.ts'
import { collisionWords, dayWords, daysOf, hourWords, midnight } from './week.ts'

const BEGIN = midnight(Date.UTC(2026, 0, 14, 12))
const HOUR_MS = 3_600_000
const counts = (...hours: number[]): number[] => Array.from({ length: 169 }, (_, at) => hours.filter((each) => each === at).length)
const WEEK: CronWeek = {
  beginAt: BEGIN,
  steps: [
    { step: 'Nightly', paused: false, often: false, counts: counts(3, 27) },
    { step: 'Report', paused: false, often: false, counts: counts(3, 3, 5, 6, 7, 8, 9) },
    { step: 'Poll', paused: false, often: true, counts: counts(1, 2, 3) },
    { step: 'Resting', paused: true, often: false, counts: counts(4) },
  ],
  collisions: [{ steps: ['Nightly', 'Report'], count: 1, times: [BEGIN + 3 * HOUR_MS] }],
  cut: false,
}

it('puts ticks into the hours of seven days, without steps that are paused', () => {
  const days = daysOf(WEEK)
  expect(days).toHaveLength(7)
  expect(days.every((day) => day.hours.length === 24)).toBe(true)
  const [first, second] = days
  expect(first?.hours.map((each) => each?.count)).toEqual([0, 0, 0, 3, 0, 1, 1, 1, 1, 1, ...Array.from({ length: 14 }, () => 0)])
  expect(second?.hours[3]?.count).toBe(1)
  expect([first?.hours[3]?.collisions, second?.hours[3]?.collisions]).toEqual([1, 0])
})

it('says in words what a cell, a day and a collision are', () => {
  const [first, second, third] = daysOf(WEEK)
  const hour = first?.hours[3]
  expect(hour && hourWords(hour)).toBe('Nightly, Report 2 times, Poll often; several in one minute')
  expect(first?.hours[0] && hourWords(first.hours[0])).toBe('nothing')
  expect([first, second, third].map((day) => day && dayWords(day, 'Nightly'))).toEqual(['03:00', '03:00', '–'])
  expect(first && [dayWords(first, 'Report'), dayWords(first, 'Poll')]).toEqual(['7 times', 'often, in 3 hours'])
  expect(collisionWords({ steps: ['A', 'B', 'C'], count: 7, times: [] })).toBe('A, B and C fire in the same minute 7 times')
  expect(collisionWords({ steps: ['A', 'B'], count: 1, times: [] })).toBe('A and B fire in the same minute once')
})
