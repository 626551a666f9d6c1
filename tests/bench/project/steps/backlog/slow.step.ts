import { setTimeout } from 'node:timers/promises'
import type { EventConfig, Handlers } from 'motia'

// Four at a time, a second each: whatever waits for it waits long.
export const config: EventConfig = {
  type: 'event',
  name: 'Slow',
  subscribes: ['slow'],
  emits: [],
  infrastructure: { queue: { concurrency: 4 } },
}

export const handler: Handlers['Slow'] = async () => {
  await setTimeout(1000)
}
