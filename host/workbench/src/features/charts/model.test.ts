import { expect, it } from 'vitest'
import type { RatePoint, Rates } from '../../api/results.ts'
import { brushed, CHARTS, columnsOf, lonePlaces, share, summaryOf } from './model.ts'

const point = (at: number, change: Partial<RatePoint> = {}): RatePoint => ({
  at, runs: 6, failed: 3, retried: 0, waitP50: 1, waitP95: 20, waitP99: null, workP50: 5, workP95: 5, workP99: 5, ...change,
})
const { at: _at, ...total } = point(0)
const rates: Rates = {
  since: 0, until: 60_000, widthS: 15, total, points: [point(15_000), point(45_000, { runs: 0, failed: 0 })], steps: [], marks: [], cursor: null,
}

it('has a value for each stretch of the time, also for those without runs', () => {
  const [runs, failures, wait] = CHARTS.map((chart) => columnsOf(rates, chart))
  expect(runs).toEqual([[0, 15, 30, 45], [0, 24, 0, 0], [0, 12, 0, 0], [0, 0, 0, 0]])
  expect(failures).toEqual([[0, 15, 30, 45], [null, 50, null, null]])
  expect(wait?.[2]).toEqual([null, 20, null, 20])
})

it('is told in a sentence', () => {
  const [runs, , wait] = CHARTS
  if (!runs || !wait) throw new Error('no charts')
  expect(summaryOf(columnsOf(rates, runs), runs)).toBe(
    'Runs per minute: ended at most 24, last 0; failed at most 12, last 0; retried at most 0, last 0.',
  )
  expect(summaryOf(columnsOf(rates, wait), wait)).toContain('p95 at most 20 ms, last 20 ms; p99 nothing')
})

it('takes whole stretches from a brush, and nothing from a click', () => {
  expect(brushed(16, 31, 15)).toEqual({ since: 15_000, until: 45_000 })
  expect(brushed(16, 16, 15)).toBeNull()
  expect(brushed(Number.NaN, 5, 15)).toBeNull()
})

it('knows the values that no line shows', () => {
  expect(lonePlaces([null, 50, null, 1, 2, null, undefined, 3])).toEqual([1, 7])
  expect(lonePlaces([])).toEqual([])
})

it('says no share of nothing', () => {
  expect(share({ ...total, runs: 0, failed: 0 })).toBeNull()
})
