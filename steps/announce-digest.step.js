import { z } from 'zod'

/** @type {import('motia').EventConfig} */
export const config = {
  type: 'event',
  name: 'AnnounceDigest',
  description: 'Keeps each digest by its date; the place to send it on to a chat or a mailbox',
  subscribes: ['digest.ready'],
  emits: [],
  input: z.object({
    date: z.string(),
    total: z.number().int(),
    byPriority: z.record(z.string(), z.number().int()),
  }),
  flows: ['ticket-triage'],
}

/** @type {import('motia').Handlers['AnnounceDigest']} */
export const handler = async (digest, { logger, state }) => {
  await state.set('digests', digest.date, digest)
  const counts = Object.entries(digest.byPriority).map(([priority, count]) => `${count} ${priority}`)
  logger.info(`${digest.total} tickets so far: ${counts.join(', ') || 'a quiet day'}`, { date: digest.date })
}
