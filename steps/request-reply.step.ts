import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'
import type { Assessment, Ticket } from './lib/ticket.ts'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'RequestReply',
  description: 'Proposes the drafted reply of a ticket to a person, and answers before that person has decided',
  method: 'POST',
  path: '/tickets/:ticketId/reply',
  responseSchema: {
    202: z.object({ ticketId: z.string(), status: z.literal('proposed') }),
    404: z.object({ error: z.string() }),
    409: z.object({ error: z.string() }),
  },
  emits: ['reply.proposed'],
  flows: ['ticket-triage'],
}

export const handler: Handlers['RequestReply'] = async ({ pathParams }, { emit, state }) => {
  const { ticketId } = pathParams
  const ticket = await state.get<Ticket & Partial<Assessment> & { reply?: string }>('tickets', ticketId)
  if (!ticket?.draftReply) return { status: 404, body: { error: `No ticket ${ticketId} has a draft of a reply` } }
  if (ticket.reply) return { status: 409, body: { error: `Ticket ${ticketId} has been replied to` } }

  await emit({ topic: 'reply.proposed', data: { ticketId } })
  return { status: 202, body: { ticketId, status: 'proposed' } }
}
