import { z } from 'zod'

// What the ticket steps agree on. Everything that crosses a step is described here once.

/** What a customer sends in. */
export const ticketDraft = z.object({
  subject: z.string().min(1),
  body: z.string().min(1),
  email: z.email(),
})

/** A ticket that has been accepted. */
export const ticket = ticketDraft.extend({ ticketId: z.string() })

/** What the model has to say about a ticket. */
export const assessment = z.object({
  priority: z.enum(['low', 'medium', 'high', 'urgent']),
  category: z.string().min(1),
  draftReply: z.string().min(1),
})

/** What a browser that watches a ticket sees. */
export const ticketStatus = z.object({
  ticketId: z.string(),
  stage: z.enum(['received', 'analyzing', 'triaged']),
  priority: assessment.shape.priority.nullable(),
  draftReply: z.string().nullable(),
})

export type Ticket = z.infer<typeof ticket>
export type Assessment = z.infer<typeof assessment>
export type TicketStatus = z.infer<typeof ticketStatus>

/** The status of a ticket; priority and reply stay empty until there is an assessment. */
export function statusAt(stage: TicketStatus['stage'], ticketId: string, result?: Assessment): TicketStatus {
  return { ticketId, stage, priority: result?.priority ?? null, draftReply: result?.draftReply ?? null }
}
