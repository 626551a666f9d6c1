/** Members of a context that features add. Source: PS-8.12 to PS-8.24. */
import type { Caller } from '../types.ts'
import { durable as results } from './durable.ts'
import { waits } from './waits.ts'

export { readGroup } from './pages.ts'
export { update } from './update.ts'

/** The durable calls of a context. */
export function durable(caller: Caller): object {
  return { ...results(caller), ...waits(caller) }
}
