import type { ApiRouteConfig, Handlers } from 'motia'

const VERSION = 0

export const config: ApiRouteConfig = { type: 'api', name: 'VersionTs', path: '/ts/version', method: 'GET', emits: [] }

export const handler: Handlers['VersionTs'] = async () => ({ status: 200, body: { version: VERSION } })
