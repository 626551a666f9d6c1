/** Changes of a value of the state, as they are sent. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { callerOf } from './callers.ts'
import { update } from './update.ts'

void it('sends the changes of a value as they are', async () => {
  const { caller, calls } = callerOf({ 'state.update': () => ({ n: 1 }) })
  const ops = [{ type: 'increment', path: ['n'] }]
  const asked = { ...caller, features: new Set(['update']) }
  assert.deepEqual(await update(asked, 'g', 'k', ops), { n: 1 })
  assert.deepEqual(calls, [['state.update', { group: 'g', key: 'k', ops }]])
})

void it('asks a host without the feature nothing', () => {
  const { caller, calls } = callerOf({})
  assert.throws(() => { void update(caller, 'g', 'k', []) }, /This host has no state.update/)
  assert.deepEqual(calls, [])
})
