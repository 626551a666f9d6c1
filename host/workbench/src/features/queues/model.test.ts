import { expect, it } from 'vitest'
import type { QueueRow, StepRow } from '../../api/results.ts'
import { ageWords, deliveriesOf, dueWords, rowsOf } from './model.ts'

const row = (step: string, waiting: number): QueueRow => ({
  step, waiting, ready: waiting, blocked: 0, delayed: 0, retrying: 0, running: 0, oldestAt: null, pausedAt: null,
})
const step = (name: string, type: StepRow['type']): StepRow => ({ name, type, language: 'python', file: `${name}.py`, error: null })

it('lists every step that has a queue, the longest first', () => {
  const steps = { steps: [step('Pack', 'event'), step('Order', 'api'), step('Nightly', 'cron')], streams: [], warnings: [], findings: [], cursor: null }
  const rows = rowsOf({ queues: [row('Mail', 2), row('Pack', 7)], parked: [], cursor: null }, steps)
  expect(rows.map((each) => `${each.step} ${each.waiting}`)).toEqual(['Pack 7', 'Mail 2', 'Nightly 0'])
})

it('lists what waits before the steps are known', () => {
  expect(rowsOf({ queues: [row('Mail', 2)], parked: [], cursor: null }, undefined)).toHaveLength(1)
})

it('keeps the data of deliveries as it is written', () => {
  const { deliveries, cursor } = deliveriesOf('{"deliveries":[{"id":1,"data":{"n":1.0}},{"id":2,"data":9007199254740993}],"cursor":"0.1.2"}')
  expect(deliveries.map((each) => [each.id, each.source])).toEqual([[1, '{"n":1.0}'], [2, '9007199254740993']])
  expect(cursor).toBe('0.1.2')
})

it('says how long something is due', () => {
  expect(ageWords(null, 5000)).toBe('')
  expect(ageWords(1000, 5000)).toBe('4.00 s')
  expect(dueWords({ state: 'delayed', dueAt: 65_000 }, 5000)).toBe('due in 1 min 0 s')
  expect(dueWords({ state: 'ready', dueAt: 1000 }, 5000)).toBe('due for 4.00 s')
  expect(dueWords({ state: 'running', dueAt: 1000 }, 5000)).toBe('running')
})
