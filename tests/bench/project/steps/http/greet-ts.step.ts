import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'GreetTs',
  path: '/ts/greet',
  method: 'POST',
  bodySchema: z.object({ name: z.string().min(1), visits: z.number().int() }),
  emits: [],
}

export const handler: Handlers['GreetTs'] = async (req) => {
  const { name, visits } = req.body
  return { status: 200, body: { greeting: `Hello ${name}`, visits: visits + 1 } }
}
