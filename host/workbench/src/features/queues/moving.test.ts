import { expect, it } from 'vitest'
import type { StepTotal } from '../../api/results.ts'
import { STILL, drainWords, movingOf, movingWords, rateWords } from './moving.ts'

const total = (step: string, runs: number): StepTotal => ({
  step, runs, failed: 0, retried: 0, waitP50: null, waitP95: null, waitP99: null, workP50: null, workP95: null, workP99: null,
})

it('adds up what is known of each step', () => {
  const found = movingOf({
    letters: { count: 3, steps: [{ step: 'Pack', count: 3 }], fifoKeys: 0, uptoId: 9 },
    counts: {
      flow: '*',
      steps: [],
      events: [
        { topic: 'a', step: 'Pack', total: 50, recent: 10, waiting: 0 },
        { topic: 'b', step: 'Pack', total: 5, recent: 5, waiting: null },
      ],
      countedS: 30,
    },
    totals: [total('Pack', 50), total('Mail', 1)],
  })
  expect(found.get('Pack')).toEqual({ dead: 3, into: 30, out: 10 })
  expect(found.get('Mail')).toEqual({ dead: 0, into: 0, out: 0.2 })
  expect(movingOf({ letters: undefined, counts: undefined, totals: undefined }).size).toBe(0)
})

it('says when what is due will have run', () => {
  const row = { ready: 15, blocked: 5, pausedAt: null }
  expect(drainWords({ ...row, ready: 0, blocked: 0 }, STILL)).toBe('')
  expect(drainWords(row, STILL)).toBe('nothing ends')
  expect(drainWords({ ...row, pausedAt: 1 }, { dead: 0, into: 0, out: 9 })).toBe('paused')
  expect(drainWords(row, { dead: 0, into: 10, out: 10 })).toBe('grows')
  expect(drainWords(row, { dead: 0, into: 10, out: 20 })).toBe('in 2 min 0 s')
})

it('says in a sentence how a queue moves', () => {
  const row = { ready: 20, blocked: 0, pausedAt: null }
  expect(movingWords(row, { dead: 0, into: 10, out: 20 })).toBe('10 in and 20 out a minute, drained in 2 min 0 s')
  expect(movingWords(row, { dead: 0, into: 9, out: 1 })).toBe('9.0 in and 1.0 out a minute, grows')
  expect(movingWords({ ...row, ready: 0 }, STILL)).toBe('0 in and 0 out a minute')
})

it('writes rates short', () => {
  expect([0, 0.04, 0.2, 9.94, 1234.4].map(rateWords)).toEqual(['0', '< 0.1', '0.2', '9.9', '1,234'])
})
