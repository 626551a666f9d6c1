import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/request-expense.step.js'

test('an expense is kept, emitted and answered at once', async () => {
  /** @type {unknown[]} */
  const did = []
  /** @type {any} */
  const request = { body: { purpose: 'A chair', amount: 180 } }
  /** @type {any} */
  const context = {
    traceId: 'trace-1',
    state: { set: async (/** @type {unknown[]} */ ...given) => void did.push(given) },
    emit: async (/** @type {unknown} */ event) => void did.push(event),
  }

  const answer = await handler(request, context)

  assert.deepEqual(answer, { status: 202, body: { expenseId: 'trace-1', status: 'requested' } })
  assert.deepEqual(did, [
    ['expenses', 'trace-1', { purpose: 'A chair', amount: 180, status: 'requested' }],
    { topic: 'expense.requested', data: { expenseId: 'trace-1', purpose: 'A chair', amount: 180 } },
  ])
})
