import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../steps/submit-ticket.step.ts'

type Call = Parameters<typeof handler>

test('a ticket gets an id, a status for browsers, and is emitted', async () => {
  const did: unknown[][] = []
  const ticket = { subject: 'Locked out', body: 'The page refuses my password.', email: 'ada@example.com' }
  const context = {
    emit: async (event: { topic: string; data: unknown }) => void did.push(['emit', event.topic, event.data]),
    logger: { info() {} },
    streams: { ticketStatus: { set: async (group: string, id: string) => void did.push(['set', group, id]) } },
  } as unknown as Call[1]

  const answer = await handler({ body: ticket } as unknown as Call[0], context)

  const { ticketId, status } = answer.body as { ticketId: string; status: string }
  assert.equal(status, 'received')
  assert.deepEqual(did, [
    ['set', ticketId, 'status'],
    ['emit', 'ticket.submitted', { ticketId, ...ticket }],
  ])
})
