import { Choice } from './choice.ts'

/** How lists say when something was: by the time of day, or by how long ago. */
export const times = new Choice('polystep.times', ['clock', 'ago'])
