/** @type {import('motia').ApiRouteConfig} */
export const config = {
  type: 'api',
  name: 'Hello',
  description: 'Answers at once and leaves the greeting to an event step',
  method: 'GET',
  path: '/hello',
  queryParams: [{ name: 'name', description: 'Who to greet' }],
  emits: ['hello.said'],
  flows: ['hello'],
}

/** @type {import('motia').Handlers['Hello']} */
export const handler = async (request, { emit, logger, traceId }) => {
  const name = String(request.queryParams.name ?? 'world')
  logger.info('Someone said hello', { name })

  await emit({ topic: 'hello.said', data: { greetingId: traceId, name } })
  return { status: 200, body: { message: `Hello, ${name}!`, greetingId: traceId } }
}
