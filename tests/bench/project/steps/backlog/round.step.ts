import type { EventConfig, Handlers } from 'motia'
import { z } from 'zod'
import { rounds } from './rounds'

// Each event puts another one at the end of its own queue, so that the queue stays as long as it was.
export const config: EventConfig = {
  type: 'event',
  name: 'Round',
  subscribes: ['round'],
  emits: ['round'],
  input: z.object({ lane: z.number() }),
}

export const handler: Handlers['Round'] = async ({ lane }, { emit, state }) => {
  const began = performance.now()
  await state.set('rounds', `lane-${lane}`, { at: began, note: 'A value of usual size' })
  rounds.writesMs.push(performance.now() - began)
  rounds.done += 1
  await emit({ topic: 'round', data: { lane: rounds.done % 128 } })
}
