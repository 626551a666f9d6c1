import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { once } from './durable.ts'
import type { Members } from '../errors.ts'
import { callerOf } from './callers.ts'

const go = (timeoutMs = 1000) => ({ 'once.begin': () => ({ go: 'stable', timeout_ms: timeoutMs, attempt: 1 }) })

describe('once', () => {
  it('gives the value as it travels, and keeps that', async () => {
    const { caller, calls } = callerOf(go())
    const value = await once(caller, 'k', () => ({ at: new Date(0), none: undefined }), {})
    assert.deepEqual(value, { at: '1970-01-01T00:00:00.000Z' })
    assert.equal(Object.hasOwn(value as object, 'none'), false)
    assert.deepEqual(calls.map(([method]) => method), ['once.begin', 'once.end'])
  })

  it('names the line of user code that calls it', async () => {
    const { caller, calls } = callerOf(go())
    await once(caller, 'k', () => 1, {})
    assert.equal(typeof calls[0]?.[1]['key'], 'string')
    assert.equal(JSON.stringify(calls[0]?.[1]).includes('durable.ts:'), false)
  })

  it('fires the signal of the function when its time is over', async () => {
    const { caller, calls } = callerOf(go(20))
    const aborted: boolean[] = []
    const late = once(caller, 'k', async ({ signal }: { signal: AbortSignal }) => {
      await new Promise((resolve) => { signal.addEventListener('abort', resolve) })
      aborted.push(signal.aborted)
    }, {})
    await assert.rejects(late, { name: 'timed_out' })
    assert.deepEqual(aborted, [true])
    assert.deepEqual((calls[1]?.[1]['error'] as Members)['name'], 'timed_out')
  })

  it('refuses what is no function, and a key that is no text', async () => {
    const { caller, calls } = callerOf(go())
    await assert.rejects(once(caller, 'k', 5, {}), { name: 'invalid_params' })
    await assert.rejects(once(caller, 5, () => 1, {}), { name: 'invalid_params' })
    assert.deepEqual(calls, [])
  })

  it('checks a kept value by the schema object, and does not ask again for one that does not fit', async () => {
    const { caller } = callerOf({ 'once.begin': () => ({ value: 'x' }) })
    const schema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no', path: ['a'] }] }) } }
    await assert.rejects(once(caller, 'k', () => 1, { schema }), { name: 'contract_broken', retryable: false, message: /kept result.*a: no/ })
  })
})
