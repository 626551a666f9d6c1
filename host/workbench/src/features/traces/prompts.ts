import { Choice } from '../../ui/choice.ts'

/** How the messages to and from language models are shown. */
export const prompts = new Choice('polystep.prompts', ['text', 'markdown'])
