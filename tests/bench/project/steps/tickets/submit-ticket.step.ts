import { randomUUID } from 'node:crypto'
import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'

// The tutorial's pipeline, without the call of a model.
export const config: ApiRouteConfig = {
  type: 'api',
  name: 'SubmitTicket',
  path: '/tickets',
  method: 'POST',
  bodySchema: z.object({ subject: z.string().min(1), body: z.string().min(1), email: z.string().email() }),
  responseSchema: { 200: z.object({ ticketId: z.string(), status: z.string() }) },
  emits: ['ticket.submitted'],
  flows: ['ticket-triage'],
}

export const handler: Handlers['SubmitTicket'] = async (req, { emit, logger, streams }) => {
  const ticketId = randomUUID()
  const { subject, body, email } = req.body
  logger.info('Ticket received', { ticketId, email })
  await streams.ticketStatus.set(ticketId, 'status', { ticketId, stage: 'received', priority: null, draftReply: null })
  await emit({ topic: 'ticket.submitted', data: { ticketId, subject, body, email, at: Date.now() } })
  return { status: 200, body: { ticketId, status: 'received' } }
}
