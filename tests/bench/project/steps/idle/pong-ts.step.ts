import type { EventConfig, Handlers } from 'motia'
import { z } from 'zod'
import { delaysMs } from './pings'

export const config: EventConfig = {
  type: 'event',
  name: 'PongTs',
  subscribes: ['ping.ts'],
  emits: [],
  input: z.object({ at: z.number() }),
}

export const handler: Handlers['PongTs'] = async ({ at }) => {
  delaysMs.push(performance.now() - at)
}
