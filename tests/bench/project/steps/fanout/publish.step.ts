import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'Publish',
  path: '/publish',
  method: 'POST',
  bodySchema: z.object({ count: z.number().int() }),
  emits: [],
  infrastructure: { handler: { timeout: 300 } },
}

// The clock is the machine's monotonic one: another process reads the same.
const nowMs = () => Number(process.hrtime.bigint()) / 1e6

export const handler: Handlers['Publish'] = async (req, { streams }) => {
  const began = nowMs()
  for (let number = 0; number < req.body.count; number++) {
    await streams.ticker.set('all', 'item', { number, at: nowMs(), note: 'A change of usual size' })
  }
  return { status: 200, body: { startedMs: began, tookMs: nowMs() - began } }
}
