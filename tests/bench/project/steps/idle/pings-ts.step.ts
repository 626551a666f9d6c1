import type { ApiRouteConfig, Handlers } from 'motia'
import { delaysMs } from './pings'

export const config: ApiRouteConfig = { type: 'api', name: 'PingsTs', path: '/ts/pings', method: 'GET', emits: [] }

export const handler: Handlers['PingsTs'] = async () => ({ status: 200, body: { delaysMs } })
