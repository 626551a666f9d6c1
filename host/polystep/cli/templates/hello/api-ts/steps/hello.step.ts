import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'Hello',
  description: 'Answers at once and leaves the greeting to an event step',
  method: 'GET',
  path: '/hello',
  queryParams: [{ name: 'name', description: 'Who to greet' }],
  responseSchema: {
    200: z.object({ message: z.string(), greetingId: z.string() }),
  },
  emits: ['hello.said'],
  flows: ['hello'],
}

export const handler: Handlers['Hello'] = async (request, { emit, logger, traceId }) => {
  const name = String(request.queryParams.name ?? 'world')
  logger.info('Someone said hello', { name })

  await emit({ topic: 'hello.said', data: { greetingId: traceId, name } })
  return { status: 200, body: { message: `Hello, ${name}!`, greetingId: traceId } }
}
