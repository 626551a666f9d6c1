import type { EventConfig, Handlers } from 'motia'
import { z } from 'zod'
import { took } from './samples'

export const config: EventConfig = {
  type: 'event',
  name: 'OfferedTs',
  subscribes: ['offered.ts'],
  emits: [],
  input: z.object({ number: z.number(), at: z.number() }),
}

export const handler: Handlers['OfferedTs'] = async ({ number, at }, { state }) => {
  took(performance.now() - at)
  await state.set('offered', `ts-${number % 1000}`, { number, at, note: 'A value of usual size' })
}
