/** Events: `emit`, with an id that counts once and a time at which they are due, and `emit.cancel`. Source: PS-8.3, PS-8.25. */
import { inspect } from 'node:util'
import { invalidParams, isMap, type Members } from '../errors.ts'
import type { Caller } from '../types.ts'

const EMIT_SHAPE = "emit takes one object: await emit({ topic: 'order.placed', data: { … }, messageGroupId?: 'key', id?: 'order-7', delay?: '15m' })"
/** Options of an event, by their names on the wire. */
const OPTIONS = Object.entries({ id: 'id', idTtl: 'id_ttl', replace: 'replace', delay: 'delay', at: 'at' })

type Take = (event: unknown) => Promise<unknown>

const nothing = (): undefined => undefined

/** Make the `emit` of a context. */
export function emitter(caller: Caller): object {
  // Methods, as all functions that are made for each attempt: tsx gives names to other functions, which is expensive.
  const made: { emit: Take; cancel: (topic: unknown, id: unknown) => Promise<unknown> } = {
    emit(event: unknown) { return caller.call('emit', () => eventOf(caller, event), nothing) },
    cancel(topic: unknown, id: unknown) {
      return caller.call('emit.cancel', () => {
        requireOptions(caller)
        return { topic, id }
      })
    },
  }
  return Object.assign(made.emit, { cancel: made.cancel })
}

function eventOf(caller: Caller, event: unknown): Members {
  // `type` was the topic's name before Motia 0.1.
  const { type, topic = type, data, messageGroupId, ...more } = isMap(event) ? event : {}
  if (topic === '' || (typeof topic !== 'string' && typeof topic !== 'number')) {
    throw invalidParams(`${EMIT_SHAPE}; it was given ${inspect(event, { depth: 0, breakLength: Infinity })}.`)
  }
  const given: Members = { topic, data, ...(messageGroupId == null ? {} : { message_group_id: messageGroupId }) }
  const options = OPTIONS.filter(([name]) => more[name] != null)
  if (options.length > 0) requireOptions(caller)
  for (const [name, onWire] of options) given[onWire] = more[name]
  return given
}

/** A host that does not know ids would send the event twice without a word. */
function requireOptions(caller: Caller): void {
  if (!caller.features.has('emit.options')) throw invalidParams('This host knows no ids and times of events: update it.')
}
