import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'
import { begin } from './samples'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'StartTs',
  path: '/ts/chains',
  method: 'POST',
  bodySchema: z.object({ chains: z.number().int(), length: z.number().int() }),
  emits: ['chain.ts'],
}

export const handler: Handlers['StartTs'] = async (req, { emit }) => {
  const { chains, length } = req.body
  begin(chains * length)
  const starts = Array.from({ length: chains }, (_, chain) => emit({ topic: 'chain.ts', data: { chain, left: length, at: 0 } }))
  await Promise.all(starts)
  return { status: 200, body: { started: chains } }
}
