import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Members } from '../errors.ts'
import { callerOf } from './callers.ts'
import { waits } from './waits.ts'

type Wait<T = unknown> = (key: unknown, options?: unknown) => Promise<T>
interface Hook { id: unknown; url: unknown; result: () => Promise<unknown> }
const waitsOf = (answer: (params: Members) => unknown) => {
  const { caller, calls } = callerOf({ wait: answer })
  return { ...(waits(caller) as { sleep: Wait; ask: Wait; callback: Wait<Hook> }), calls }
}
const answered = (value: unknown) => () => ({ status: 'answered', value })

describe('sleep', () => {
  it('is asked for when it is awaited, once', async () => {
    const { sleep, calls } = waitsOf(() => null)
    const nap = sleep('s', '1h')
    await Promise.resolve()
    assert.equal(calls.length, 0)
    await Promise.all([nap, nap])
    assert.deepEqual(calls.map(([method, { key, kind, duration }]) => [method, key, kind, duration]), [['wait', 's', 'sleep', '1h']])
  })
})

describe('ask', () => {
  it('sends what is asked, with null as the longest timeout and without what was not given', async () => {
    const { ask, calls } = waitsOf(answered(1))
    assert.deepEqual(await ask('a', { title: 'Send it?', data: { n: 1 }, timeout: null }), { status: 'answered', value: 1 })
    assert.deepEqual(JSON.parse(JSON.stringify(calls[0]?.[1])), { key: 'a', kind: 'ask', title: 'Send it?', data: { n: 1 }, timeout: null })
  })

  it('makes the value of an answer by the schema object, and no value of a timeout', async () => {
    const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: string) => ({ value: new Date(value) }) }, toJSONSchema: () => ({ type: 'string' }) }
    const { ask, calls } = waitsOf(answered('2026-01-01'))
    assert.deepEqual(await ask('a', { title: 't', schema }), { status: 'answered', value: new Date('2026-01-01') })
    assert.deepEqual(calls[0]?.[1]['schema'], { type: 'string' })
    const late = waitsOf(() => ({ status: 'timed_out', value: null }))
    assert.deepEqual(await late.ask('a', { title: 't', schema }), { status: 'timed_out', value: null })
  })

  it('refuses an answer that the schema of today does not take, and does not ask again', async () => {
    const schema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no', path: ['a'] }] }) }, toJSONSchema: () => ({}) }
    const { ask } = waitsOf(answered('x'))
    await assert.rejects(ask('a', { title: 't', schema }), { name: 'contract_broken', retryable: false, message: /ask\("a"\): the kept result.*a: no/ })
  })

  it('says what it takes', async () => {
    const { ask } = waitsOf(() => null)
    await assert.rejects(async () => { await ask('a', 'Send it?') }, { name: 'invalid_params', message: /takes options/ })
    await assert.rejects(async () => { await ask(7, { title: 't' }) }, { name: 'invalid_params' })
  })
})

describe('callback', () => {
  it('gives its link before it waits, and waits once', async () => {
    const { callback, calls } = waitsOf(({ open }) => (open === true ? { id: 'i', url: 'u' } : { status: 'answered', value: 2 }))
    const hook = await callback('c', { timeout: '1h' })
    assert.deepEqual([hook.id, hook.url, calls.length], ['i', 'u', 1])
    const result = hook.result()
    assert.deepEqual([await result, await result], Array(2).fill({ status: 'answered', value: 2 }))
    assert.deepEqual(calls.map(([, { open }]) => open), [true, undefined])
  })
})

describe('waitFor', () => {
  const both = [{ topic: 'said', by: 7 }, { topic: 'heard' }]
  const taking = (taken: unknown) => {
    const { caller, calls } = callerOf({ wait: () => taken })
    return { ...(waits(caller) as Record<'waitFor' | 'call', (...given: unknown[]) => Promise<unknown>>), calls }
  }

  it('gives the data of one event, and the topic too of a list', async () => {
    const { waitFor, calls } = taking({ topic: 'said', data: { n: 1 } })
    assert.deepEqual(await waitFor('w', { topic: 'said', by: 7, timeout: '1h' }), { n: 1 })
    assert.deepEqual(await waitFor('l', both, { timeout: null }), { topic: 'said', data: { n: 1 } })
    const sent = calls.map(([, { kind, topics, timeout }]) => ({ kind, topics, timeout }))
    assert.deepEqual(sent, [{ kind: 'event', topics: [{ topic: 'said', by: 7 }], timeout: '1h' }, { kind: 'event', topics: both, timeout: null }])
    assert.equal(await taking(null).waitFor('w', { topic: 'said' }), null)
    await assert.rejects(async () => { await waitFor('w', both, '1h') }, { name: 'invalid_params', message: /takes options/ })
  })

  it('calls a step, and raises its error', async () => {
    const { call, calls } = taking({ value: [1] })
    assert.deepEqual(await call('c', 'Other', { n: 1 }, { timeout: '1h' }), [1])
    const { kind, step, input, timeout } = calls[0]?.[1] ?? {}
    assert.deepEqual({ kind, step, input, timeout }, { kind: 'call', step: 'Other', input: { n: 1 }, timeout: '1h' })
    const failed = taking({ error: { name: 'TypeError', message: 'Other failed', data: { step: 'Other' } } })
    await assert.rejects(async () => { await failed.call('c', 'Other') }, { name: 'TypeError', message: 'Other failed', data: { step: 'Other' } })
  })
})
