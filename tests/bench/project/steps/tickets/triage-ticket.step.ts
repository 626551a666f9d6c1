import type { EventConfig, Handlers } from 'motia'
import { z } from 'zod'

export const config: EventConfig = {
  type: 'event',
  name: 'TriageTicket',
  subscribes: ['ticket.submitted'],
  emits: ['ticket.triaged'],
  input: z.object({ ticketId: z.string(), subject: z.string(), body: z.string(), email: z.string(), at: z.number() }),
  flows: ['ticket-triage'],
}

export const handler: Handlers['TriageTicket'] = async (input, { emit, logger, state, streams }) => {
  const { ticketId, subject, body, at } = input
  await streams.ticketStatus.set(ticketId, 'status', { ticketId, stage: 'analyzing', priority: null, draftReply: null })
  const result = { priority: 'high', category: 'account', draftReply: 'We are on it.' }
  logger.info('Ticket triaged', { ticketId, priority: result.priority })
  await state.set('tickets', ticketId, { ...input, ...result, triagedAt: new Date().toISOString() })
  const { priority, draftReply } = result
  await streams.ticketStatus.set(ticketId, 'status', { ticketId, stage: 'triaged', priority, draftReply })
  await emit({ topic: 'ticket.triaged', data: { ticketId, text: `${subject} ${body}`, at } })
}
