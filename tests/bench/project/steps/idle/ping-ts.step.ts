import type { ApiRouteConfig, Handlers } from 'motia'

export const config: ApiRouteConfig = { type: 'api', name: 'PingTs', path: '/ts/ping', method: 'POST', emits: ['ping.ts'] }

export const handler: Handlers['PingTs'] = async (_req, { emit }) => {
  await emit({ topic: 'ping.ts', data: { at: performance.now() } })
  return { status: 200, body: { sent: true } }
}
