import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/approve-expense.step.ts'

type Call = Parameters<typeof handler>

/** Run the step with the answer of a person; returns what it wrote to the state. */
async function decided(answer: unknown): Promise<unknown[]> {
  const written: unknown[] = []
  const context = {
    ask: async () => answer,
    logger: { info() {} },
    state: { update: async (...given: unknown[]) => void written.push(given) },
  } as unknown as Call[1]
  await handler({ expenseId: '1', purpose: 'A chair', amount: 180 }, context)
  return written
}

const kept = (status: string): unknown[] => [['expenses', '1', [{ type: 'set', path: 'status', value: status }]]]

test('a person decides', async () => {
  assert.deepEqual(await decided({ status: 'answered', value: { approve: true } }), kept('approved'))
  assert.deepEqual(await decided({ status: 'answered', value: { approve: false } }), kept('refused'))
})

test('nobody decides', async () => {
  assert.deepEqual(await decided({ status: 'timeout' }), kept('refused'))
})
