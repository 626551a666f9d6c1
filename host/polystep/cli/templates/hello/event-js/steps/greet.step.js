import { z } from 'zod'

/** @type {import('motia').EventConfig} */
export const config = {
  type: 'event',
  name: 'Greet',
  description: "Keeps a greeting in the state group 'greetings'",
  subscribes: ['hello.said'],
  emits: [],
  input: z.object({ greetingId: z.string(), name: z.string() }),
  flows: ['hello'],
}

/** @type {import('motia').Handlers['Greet']} */
export const handler = async ({ greetingId, name }, { logger, state }) => {
  const greeting = { text: `Good to see you, ${name}!`, at: new Date().toISOString() }
  await state.set('greetings', greetingId, greeting)
  logger.info('Greeting kept', greeting)
}
