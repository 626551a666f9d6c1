import type { ApiRouteConfig, Handlers } from 'motia'
import { report } from './samples'

export const config: ApiRouteConfig = { type: 'api', name: 'ReportTs', path: '/ts/report', method: 'GET', emits: [] }

export const handler: Handlers['ReportTs'] = async () => ({ status: 200, body: report() })
