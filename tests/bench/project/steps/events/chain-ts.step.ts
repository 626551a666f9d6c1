import type { EventConfig, Handlers } from 'motia'
import { z } from 'zod'
import { took } from './samples'

// Each event writes state and emits the next one: as many are in flight as chains were started.
export const config: EventConfig = {
  type: 'event',
  name: 'ChainTs',
  subscribes: ['chain.ts'],
  emits: ['chain.ts'],
  input: z.object({ chain: z.number(), left: z.number(), at: z.number() }),
}

export const handler: Handlers['ChainTs'] = async ({ chain, left, at }, { emit, state }) => {
  const now = performance.now()
  if (at > 0) took(now - at)
  await state.set('chains', `ts-${chain}`, { left, at: now, note: 'A value of usual size' })
  if (left > 0) await emit({ topic: 'chain.ts', data: { chain, left: left - 1, at: now } })
}
