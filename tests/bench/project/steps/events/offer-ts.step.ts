import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'
import { begin } from './samples'

const TICK_MS = 4

// Emits at a steady rate, whatever becomes of the events: each emit is a write of its own.
export const config: ApiRouteConfig = {
  type: 'api',
  name: 'OfferTs',
  path: '/ts/offer',
  method: 'POST',
  bodySchema: z.object({ perSecond: z.number().int(), seconds: z.number() }),
  emits: ['offered.ts'],
}

export const handler: Handlers['OfferTs'] = async (req, { emit }) => {
  const { perSecond, seconds } = req.body
  const wanted = Math.round(perSecond * seconds)
  begin(wanted)
  const began = performance.now()
  const emits: Promise<void>[] = []
  while (emits.length < wanted) {
    const due = Math.min(wanted, Math.ceil(((performance.now() - began) / 1000) * perSecond))
    while (emits.length < due) emits.push(emit({ topic: 'offered.ts', data: { number: emits.length, at: performance.now() } }))
    await sleep(TICK_MS)
  }
  await Promise.all(emits)
  return { status: 200, body: { emitted: wanted } }
}
