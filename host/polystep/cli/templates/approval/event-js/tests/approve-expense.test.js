import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/approve-expense.step.js'

/**
 * Run the step with the answer of a person; returns what it wrote to the state.
 *
 * @param {unknown} answer
 */
async function decided(answer) {
  /** @type {unknown[]} */
  const written = []
  /** @type {any} */
  const context = {
    ask: async () => answer,
    logger: { info() {} },
    state: { update: async (/** @type {unknown[]} */ ...given) => void written.push(given) },
  }
  await handler({ expenseId: '1', purpose: 'A chair', amount: 180 }, context)
  return written
}

/** @param {string} status */
const kept = (status) => [['expenses', '1', [{ type: 'set', path: 'status', value: status }]]]

test('a person decides', async () => {
  assert.deepEqual(await decided({ status: 'answered', value: { approve: true } }), kept('approved'))
  assert.deepEqual(await decided({ status: 'answered', value: { approve: false } }), kept('refused'))
})

test('nobody decides', async () => {
  assert.deepEqual(await decided({ status: 'timeout' }), kept('refused'))
})
