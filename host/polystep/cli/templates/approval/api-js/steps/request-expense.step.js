import { z } from 'zod'

/** @type {import('motia').ApiRouteConfig} */
export const config = {
  type: 'api',
  name: 'RequestExpense',
  description: 'Takes an expense and answers before anybody has decided about it',
  method: 'POST',
  path: '/expenses',
  bodySchema: z.object({ purpose: z.string().min(1), amount: z.number().positive() }),
  responseSchema: {
    202: z.object({ expenseId: z.string(), status: z.literal('requested') }),
  },
  emits: ['expense.requested'],
  flows: ['approval'],
}

/** @type {import('motia').Handlers['RequestExpense']} */
export const handler = async (request, { emit, state, traceId }) => {
  const { purpose, amount } = request.body
  const expenseId = traceId

  await state.set('expenses', expenseId, { purpose, amount, status: 'requested' })
  await emit({ topic: 'expense.requested', data: { expenseId, purpose, amount } })
  return { status: 202, body: { expenseId, status: 'requested' } }
}
