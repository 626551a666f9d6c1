import type { ApiRouteConfig, Handlers } from 'motia'
import { rounds } from './rounds'

export const config: ApiRouteConfig = { type: 'api', name: 'Rounds', path: '/rounds', method: 'GET', emits: [] }

export const handler: Handlers['Rounds'] = async () => {
  const { done, writesMs } = rounds
  rounds.writesMs = []
  return { status: 200, body: { done, at: performance.now(), writesMs } }
}
