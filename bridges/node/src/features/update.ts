/** Changes of one value of the state, all or none, with no other write in between. Source: PS-8.24. */
import { invalidParams } from '../errors.ts'
import type { Caller } from '../types.ts'

/** Make the changes; gives the new value, `null` where there is none any more. */
export function update(caller: Caller, group: unknown, key: unknown, ops: unknown): Promise<unknown> {
  return caller.call('state.update', () => {
    if (caller.features.has('update')) return { group, key, ops }
    throw invalidParams('This host has no state.update: update the host.')
  })
}
