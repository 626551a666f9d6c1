import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/request-expense.step.ts'

type Call = Parameters<typeof handler>

test('an expense is kept, emitted and answered at once', async () => {
  const did: unknown[] = []
  const request = { body: { purpose: 'A chair', amount: 180 } } as unknown as Call[0]
  const context = {
    traceId: 'trace-1',
    state: { set: async (...given: unknown[]) => void did.push(given) },
    emit: async (event: unknown) => void did.push(event),
  } as unknown as Call[1]

  const answer = await handler(request, context)

  assert.deepEqual(answer, { status: 202, body: { expenseId: 'trace-1', status: 'requested' } })
  assert.deepEqual(did, [
    ['expenses', 'trace-1', { purpose: 'A chair', amount: 180, status: 'requested' }],
    { topic: 'expense.requested', data: { expenseId: 'trace-1', purpose: 'A chair', amount: 180 } },
  ])
})
