import { randomUUID } from 'node:crypto'
import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'
import { statusAt, ticketDraft, type Ticket } from './lib/ticket.ts'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'SubmitTicket',
  description: 'Takes a support ticket and answers before any slow work starts',
  method: 'POST',
  path: '/tickets',
  bodySchema: ticketDraft,
  responseSchema: {
    200: z.object({ ticketId: z.string(), status: z.literal('received') }),
  },
  emits: ['ticket.submitted'],
  flows: ['ticket-triage'],
}

export const handler: Handlers['SubmitTicket'] = async (request, { emit, logger, streams }) => {
  const accepted: Ticket = { ticketId: randomUUID(), ...request.body }
  const { ticketId } = accepted
  logger.info('Ticket accepted', { ticketId, subject: accepted.subject })

  // The status comes first: a browser that subscribes with the id from the answer always finds it.
  await streams.ticketStatus.set(ticketId, 'status', statusAt('received', ticketId))
  await emit({ topic: 'ticket.submitted', data: accepted })

  return { status: 200, body: { ticketId, status: 'received' } }
}
