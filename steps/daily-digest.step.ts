import type { CronConfig, Handlers } from 'motia'
import type { Assessment } from './lib/ticket.ts'

export const config: CronConfig = {
  type: 'cron',
  name: 'DailyDigest',
  description: 'Counts the tickets by priority, every morning at nine',
  cron: '0 9 * * *',
  emits: ['digest.ready'],
  flows: ['ticket-triage'],
}

export const handler: Handlers['DailyDigest'] = async ({ emit, logger, state }) => {
  const tickets: Partial<Assessment>[] = await state.getGroup('tickets')
  const byPriority: Record<string, number> = {}
  for (const { priority = 'unknown' } of tickets) {
    byPriority[priority] = (byPriority[priority] ?? 0) + 1
  }

  const digest = { date: new Date().toISOString().slice(0, 10), total: tickets.length, byPriority }
  logger.info('Digest ready', digest)
  await emit({ topic: 'digest.ready', data: digest })
}
