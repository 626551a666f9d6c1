import { z } from 'zod'

/** What the person decides. */
const decision = z.object({ approve: z.boolean(), reason: z.string().optional() })

/** @type {import('motia').EventConfig} */
export const config = {
  type: 'event',
  name: 'ApproveExpense',
  description: 'Asks a person about an expense and keeps the decision',
  subscribes: ['expense.requested'],
  emits: [],
  input: z.object({ expenseId: z.string(), purpose: z.string(), amount: z.number() }),
  flows: ['approval'],
}

/** @type {import('motia').Handlers['ApproveExpense']} */
export const handler = async (expense, { ask, logger, state }) => {
  const { expenseId, purpose, amount } = expense

  // The run leaves its process here, and starts again from the top with the answer.
  const answer = await ask('may it be spent', {
    title: `Spend ${amount} on ${purpose}?`,
    data: expense,
    schema: decision,
    timeout: '2d',
  })
  const approved = answer.status === 'answered' && answer.value.approve
  const status = approved ? 'approved' : 'refused'
  await state.update('expenses', expenseId, [{ type: 'set', path: 'status', value: status }])
  logger.info('Expense decided', { expenseId, status })
}
