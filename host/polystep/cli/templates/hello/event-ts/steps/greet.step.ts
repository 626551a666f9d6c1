import type { EventConfig, Handlers } from 'motia'
import { z } from 'zod'

export const config: EventConfig = {
  type: 'event',
  name: 'Greet',
  description: "Keeps a greeting in the state group 'greetings'",
  subscribes: ['hello.said'],
  emits: [],
  input: z.object({ greetingId: z.string(), name: z.string() }),
  flows: ['hello'],
}

export const handler: Handlers['Greet'] = async ({ greetingId, name }, { logger, state }) => {
  const greeting = { text: `Good to see you, ${name}!`, at: new Date().toISOString() }
  await state.set('greetings', greetingId, greeting)
  logger.info('Greeting kept', greeting)
}
