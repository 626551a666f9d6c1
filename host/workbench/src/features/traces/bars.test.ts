import { describe, expect, it } from 'vitest'
import { answerOf, anyTrace, mulberry, type Given } from '../../test/skeletons.ts'
import { moved, placed, segmentsOf, ticksOf, zoomed } from './bars.ts'
import { criticalPath } from './critical.ts'
import { densityOf } from './density.ts'
import { busyTimes, fraction, idleOf, measure, scaleOf, timeAt, timeOf } from './scale.ts'
import { decoded } from './skeleton.ts'
import { stepTimes } from './stepTimes.ts'

const rows = (...given: Given[]) => decoded(answerOf(given))
const segments = (given: Given) => segmentsOf(rows(given), 0).map((each) => `${each.kind} ${each.from}-${each.to}${each.failed ? ' failed' : ''}`)
/** A guard for a busy machine, no measure. */
const SLOW_MS = 60_000
const even = scaleOf(1000, [])

describe('parts of a bar', () => {
  it('tells waiting from work', () => {
    expect(segments({ kind: 'run', key: 1, start: 0, length: 120, wait: 100 })).toEqual(['wait 0-100', 'work 100-120'])
    expect(segments({ kind: 'state', key: 1, start: 3, length: 2, status: 'failed' })).toEqual(['work 3-5 failed'])
    expect(segments({ kind: 'run', key: 1, start: 0, length: -1, status: 'waiting' })).toEqual(['wait 0-1000'])
  })

  it('tells a retry delay from work', () => {
    const below: Given[] = [
      { kind: 'attempt', key: 1, start: 10, length: 5, status: 'failed', wait: 10 },
      { kind: 'attempt', key: 2, start: 40, length: 5, wait: 25 },
    ]
    expect(segments({ kind: 'run', key: 1, start: 0, length: 45, wait: 10, below })).toEqual(['wait 0-10', 'work 10-15 failed', 'retry 15-40', 'work 40-45'])
    expect(segments({ kind: 'run', key: 1, start: 0, length: -1, status: 'waiting', below: below.slice(0, 1) })).toEqual(['wait 0-10', 'work 10-15 failed', 'retry 15-1000'])
  })
})

describe('the axis', () => {
  it('places parts in percent and leaves out what lies outside', () => {
    expect(placed(250, 500, { from: 0, to: 1000 }, even)).toEqual({ left: 25, width: 25 })
    expect(placed(0, 500, { from: 250, to: 750 }, even)).toEqual({ left: 0, width: 50 })
    expect(placed(0, 10, { from: 250, to: 750 }, even)).toBeNull()
  })

  it('has about as many round ticks as asked for', () => {
    expect(ticksOf({ from: 0, to: 1000 }, 5, even)).toEqual([0, 200, 400, 600, 800, 1000])
    expect(ticksOf({ from: 12, to: 14 }, 4, even)).toEqual([12, 12.5, 13, 13.5, 14])
  })

  it('zooms around a time, which keeps its place, and moves within the trace', () => {
    const range = zoomed({ from: 0, to: 1000 }, 0.5, 250, 1000)
    expect(range).toEqual({ from: 125, to: 625 })
    expect(zoomed(range, 100, 250, 1000)).toEqual({ from: 0, to: 1000 })
    expect(moved({ from: 100, to: 300 }, 0.5, 1000)).toEqual({ from: 200, to: 400 })
    expect(moved({ from: 900, to: 1000 }, 0.5, 1000)).toEqual({ from: 900, to: 1000 })
  })
})

describe('times without work', () => {
  it('are found between the attempts of all runs', () => {
    const trace = rows(
      { kind: 'run', key: 1, start: 0, length: 10, wait: 2 },
      { kind: 'run', key: 2, start: 5, length: 900, wait: 850 },
    )
    expect(busyTimes(trace)).toEqual([{ from: 2, to: 10 }, { from: 855, to: 905 }])
    const idle = idleOf(trace)
    expect(idle.gaps).toEqual([{ from: 10, to: 855 }])
    expect(idle.share).toBeCloseTo(847 / 905)
    expect(measure(scaleOf(trace.spanMs, idle.gaps), 855)).toBeLessThan(20)
  })

  it('shorten the axis and never turn it round', () => {
    for (let seed = 1; seed < 20; seed++) {
      const trace = decoded(answerOf(anyTrace(seed, 12, 3)))
      const random = mulberry(seed)
      let at = 0
      const gaps = Array.from({ length: 5 }, () => {
        const from = at + random() * 10
        at = from + random() * 20
        return { from, to: at }
      })
      for (const scale of [scaleOf(trace.spanMs, idleOf(trace).gaps), scaleOf(at + 5, gaps)]) {
        const end = scale.times.at(-1) ?? 0
        let before = -1
        for (let ms = 0; ms <= end; ms += end / 500) {
          const value = measure(scale, ms)
          expect(value).toBeGreaterThan(before)
          expect(timeAt(scale, value)).toBeCloseTo(ms, 5)
          before = value
        }
        const range = { from: end / 4, to: end / 2 }
        expect(timeOf(scale, range, fraction(scale, range, end / 3))).toBeCloseTo(end / 3, 5)
      }
    }
  }, SLOW_MS)
})

it('finds the runs that made a trace as long as it is', () => {
  const trace = rows({
    kind: 'http', key: 1, start: 0, length: 20,
    below: [
      { kind: 'state', key: 1, start: 1, length: 2 },
      { kind: 'call', key: 2, start: 4, length: 10 },
      { kind: 'run', key: 2, start: 15, length: 5 },
      { kind: 'run', key: 3, start: 16, length: 90, wait: 30, below: [{ kind: 'state', key: 3, start: 60, length: 8 }] },
      { kind: 'call', key: 4, start: 18, length: 100 },
    ],
  }) // prettier-ignore
  const path = criticalPath(trace)
  expect(path.runs).toEqual([0, 4])
  // The call that began after the emit did not hold it up.
  expect([...path.on]).toEqual([1, 0, 1, 0, 1, 1, 0])
  expect(path.waitMs).toBe(30)
})

it('counts runs and times by step', () => {
  const tries: Given[] = [
    { kind: 'attempt', key: 1, start: 12, length: 3, status: 'failed' },
    { kind: 'attempt', key: 2, start: 20, length: 5 },
  ]
  const trace = rows(
    { kind: 'http', key: 1, start: 0, length: 10, wait: 4, name: ['A', ''] },
    { kind: 'run', key: 2, start: 10, length: 15, wait: 2, name: ['B', ''], below: tries, status: 'failed' },
    { kind: 'run', key: 3, start: 0, length: 1, name: ['A', ''] },
  )
  expect(stepTimes(trace)).toEqual([
    { step: 'B', runs: 1, failed: 1, attempts: 2, waitMs: 2, workMs: 8, longestMs: 15, row: 1 },
    { step: 'A', runs: 2, failed: 0, attempts: 2, waitMs: 4, workMs: 7, longestMs: 10, row: 0 },
  ])
})

it('draws how much is at work, and what failed', () => {
  const trace = rows({ kind: 'run', key: 1, start: 0, length: 100, below: [{ kind: 'call', key: 1, start: 50, length: 10, status: 'failed' }] })
  const density = densityOf(trace, scaleOf(trace.spanMs, []), 10)
  expect([...density.counts]).toEqual([1, 1, 1, 1, 1, 2, 2, 1, 1, 1])
  expect([...density.failed]).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
})
