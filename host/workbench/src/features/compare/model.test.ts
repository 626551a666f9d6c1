import { expect, it } from 'vitest'
import { operation, run, trace } from '../../test/factories.ts'
import { compared, counts, delta } from './model.ts'
import { usualOf } from './words.ts'

it('aligns runs by step and occurrence and marks what differs', () => {
  const event = { trigger: { kind: 'event', topic: 't', data: { n: 1 } }, type: 'event' }
  const before = trace([run('a', { step: 'First' }), run('b', { step: 'Mail', ...event }), run('c', { step: 'Old', ...event })])
  const after = trace([
    run('x', { step: 'First' }),
    run('y', { step: 'Mail', ...event, trigger: { kind: 'event', topic: 't', data: { n: 2 } } }),
    run('z', { step: 'Mail', ...event }),
  ])
  const rows = compared(before, after)
  expect(rows.map(({ name, mark }) => [name, mark])).toEqual([['First', 'same'], ['Mail', 'changed'], ['Old', 'removed'], ['Mail', 'added']])
  expect(counts(rows)).toEqual({ same: 1, changed: 1, removed: 1, added: 1 })
})

it('sees other errors, results, operations and times', () => {
  const set = (value: number, took: number) => operation('state', 5, { operation: 'set', group: 'g', key: `${took}`, value, durationMs: took })
  const before = trace([run('a', { operations: [set(1, 1)], durationMs: 10 })])
  const after = trace([run('b', { operations: [set(2, 4), operation('emit', 9, { topic: 't' })], durationMs: 30, status: 'failed', error: { name: 'E', message: 'no' } })])
  const [first, write, emit] = compared(before, after)
  expect([first?.mark, first?.after?.error]).toEqual(['changed', { name: 'E', message: 'no', place: null }])
  expect(delta(first?.before?.workMs, first?.after?.workMs)).toBe(20)
  expect([write?.mark, emit?.mark]).toEqual(['changed', 'added'])
  expect(delta(write?.before?.workMs, emit?.before?.workMs)).toBeNull()
})

it('has the usual times of the step and of what it did', () => {
  const write = operation('state', 5, { operation: 'set', group: 'g', key: 'k', durationMs: 4 })
  const names = { operation: 'set', group: 'g', topic: '', stream: '', name: '' }
  const usual = [{ step: 'Mail', runs: 100, waitMs: 1, workMs: 20, operations: [{ type: 'state', ...names, count: 90, workMs: 2 }] }]
  const one = trace([run('a', { step: 'Mail', operations: [write], durationMs: 50 }), run('b', { step: 'Other' })])
  const rows = compared(one, one, usual)
  expect(rows.map((row) => row.usual)).toEqual([{ waitMs: 1, workMs: 20, of: 100 }, { waitMs: null, workMs: 2, of: 90 }, null])
  const [first, second, third] = rows.map((row) => usualOf(row))
  expect(first).toBe('Usual: the median of the last 100 completed runs; this one +30 ms')
  expect([second, third]).toEqual(['Usual: the median of 90 times; this one +2 ms', ''])
})
