import type { StreamConfig } from 'motia'
import { ticketStatus } from './lib/ticket.ts'

// One group per ticket, with the single item "status" in it.
export const config: StreamConfig = {
  name: 'ticketStatus',
  schema: ticketStatus,
  baseConfig: { storageType: 'default' },
}
