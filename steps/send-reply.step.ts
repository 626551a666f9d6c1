import type { EventConfig, Handlers } from 'motia'
import { z } from 'zod'
import type { Assessment, Ticket } from './lib/ticket.ts'

const proposed = z.object({ ticketId: z.string() })

export const config: EventConfig = {
  type: 'event',
  name: 'SendReply',
  description: 'Asks a person whether the reply that a model has drafted may be sent, and sends it',
  subscribes: ['reply.proposed'],
  emits: [],
  input: proposed,
  flows: ['ticket-triage'],
}

/** What the person decides; a text takes the place of the draft. */
const decision = z.object({ send: z.boolean(), text: z.string().optional() })

export const handler: Handlers['SendReply'] = async ({ ticketId }, { ask, logger, once, state }) => {
  const ticket = await state.get<Ticket & Assessment>('tickets', ticketId)
  if (!ticket) return
  const { subject, body, email, draftReply } = ticket

  // The run leaves its process here, for days if need be, and starts again from the top with the answer.
  const answer = await ask('may it be sent', {
    title: `Send this reply to ${email}?`,
    data: { subject, body, draftReply },
    schema: decision,
    timeout: '3d',
  })
  if (answer.status !== 'answered' || !answer.value.send) {
    logger.info('Reply not sent', { ticketId, status: answer.status })
    return
  }

  // Once, also when the process ends between the mail and the note of it.
  const reply = answer.value.text || draftReply
  await once('send', () => {
    sendMail(email, `Re: ${subject}`, reply)
  })
  // Other steps may write the ticket meanwhile: what they write stays.
  await state.update('tickets', ticketId, [{ type: 'merge', value: { reply, repliedAt: new Date().toISOString() } }])
  logger.info('Reply sent', { ticketId, to: email })
}

/** Stands for a mail service. */
function sendMail(to: string, subject: string, text: string): void {
  console.log(`To ${to}: ${subject}: ${text}`)
}
