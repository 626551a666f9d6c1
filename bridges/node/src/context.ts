/** Context of a handler: emit, state, streams, logger. Source: PS-8, Motia 0.17. */
import { carry, carryAsText } from './codec.ts'
import { invalidParams, isMap, type Members, shown } from './errors.ts'
import { durable, readGroup, update } from './features/context.ts'
import { emitter } from './features/emit.ts'
import type { Caller, Level } from './types.ts'

type LogListener = (level: Level, message: string, fields?: unknown) => void

/** Parameters that are text; the others are values. */
const TEXTS = new Set(['topic', 'group', 'key', 'stream', 'id', 'message_group_id'])

/** Make the context of `caller`, which it keeps to itself. All members are its own, so that it can be spread. */
export function createContext(caller: Caller): object {
  const { trace_id: traceId, flows, attempt } = caller.params
  return {
    traceId, flows, logger: new Logger(caller), state: new State(caller),
    emit: emitter(caller), ...durable(caller), streams: new Proxy({}, new StreamsByName(caller)), attempt, get signal() { return caller.controller.signal },
  }
}

/** Shared values in groups. A write that was awaited is on disk. A class, so that attempts do not each make its methods. */
class State {
  readonly #caller: Caller

  constructor(caller: Caller) { this.#caller = caller }

  get(group: unknown, key: unknown) { return this.#caller.call('state.get', () => ({ group, key })) }
  set(group: unknown, key: unknown, value: unknown) { return this.#caller.call('state.set', () => ({ group, key, value }), () => value) }
  update(group: unknown, key: unknown, ops: unknown) { return update(this.#caller, group, key, ops) }
  delete(group: unknown, key: unknown) { return this.#caller.call('state.delete', () => ({ group, key })) }
  getGroup(group: unknown, page?: unknown) { return readGroup(this.#caller, 'state', { group }, page) }
  clear(group: unknown) { return this.#caller.call('state.clear', () => ({ group }), nothing) }
}

/** Make one live channel: items that clients see change. */
function streamOf(caller: Caller, stream: string): object {
  return {
    get(group: unknown, id: unknown) { return caller.call('streams.get', () => ({ stream, group, id })) },
    set(group: unknown, id: unknown, data: unknown) { return caller.call('streams.set', () => ({ stream, group, id, data })) },
    delete(group: unknown, id: unknown) { return caller.call('streams.delete', () => ({ stream, group, id })) },
    getGroup(group: unknown, page?: unknown) { return readGroup(caller, 'streams', { stream, group }, page) },
    /** Send an event that is not stored to the group, or to one item of it. */
    send(channel: unknown, event: unknown) {
      return caller.call('streams.send', () => {
        const { groupId, id } = isMap(channel) ? channel : {}
        const { type, data } = isMap(event) ? event : {}
        const sent = { type: text(type, 'event.type'), data: carry(data, 'event.data') ?? null }
        return { stream, group: text(groupId, 'groupId'), ...ifGiven('id', id), event: sent }
      }, nothing)
    },
  }
}

/** Handler of the proxy that finds streams by name. */
class StreamsByName implements ProxyHandler<object> {
  constructor(private readonly caller: Caller) {}

  /** Any name is a stream; the host says when there is none. What the language itself asks for is none. */
  get(plain: object, name: string | symbol): unknown {
    const isStream = this.has(plain, name) && !(name in plain)
    return isStream ? streamOf(this.caller, String(name)) : (Reflect.get(plain, name) as unknown)
  }

  has(_plain: object, name: string | symbol): boolean { return typeof name === 'string' && name !== 'then' && name !== 'toJSON' }
  set(): boolean { return false }
}

const nothing = (): undefined => undefined

/** Make the params of a call of `run` from the arguments of user code. Source: PS-8.3. */
export function carryParams(run: string, given: Members): Members {
  const params: Members = { run }
  for (const name of Object.keys(given)) {
    const value = given[name]
    const isLost = name === 'value' && value === undefined
    if (isLost) throw invalidParams('the value must not be undefined; use null, or state.delete(group, key).')
    params[name] = TEXTS.has(name) ? text(value, name) : (carry(value, name) ?? null)
  }
  return params
}

/** Carry a key: text, or a number as its text, as in JavaScript's own objects. */
function text(value: unknown, name: string): unknown {
  if (typeof value === 'string') return carry(value, name)
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  throw invalidParams(`${name} must be a string, not ${shown(value)}.`)
}

const ifGiven = (name: string, value: unknown): Members => (value === undefined || value === null ? {} : { [name]: value })

/** Logger that sends structured lines without waiting and never fails the handler. Source: PS-8.7. */
class Logger {
  readonly #caller: Caller
  readonly #listeners: LogListener[] = []

  constructor(caller: Caller) { this.#caller = caller }

  info(message: unknown, ...fields: unknown[]): void { this.#write('info', message, fields) }
  warn(message: unknown, ...fields: unknown[]): void { this.#write('warn', message, fields) }
  error(message: unknown, ...fields: unknown[]): void { this.#write('error', message, fields) }
  debug(message: unknown, ...fields: unknown[]): void { this.#write('debug', message, fields) }
  addListener(listener: LogListener): void { this.#listeners.push(listener) }

  #write(level: Level, given: unknown, rest: readonly unknown[]): void {
    const message = shown(given instanceof Error ? `${given.name}: ${given.message}` : given)
    this.#caller.notify('log', { level, message, fields: fieldsOf(rest), time_ms: Date.now(), source: 'logger' })
    for (const listener of this.#listeners) listener(level, message, rest[0])
  }
}

/** Make a map of fields of the arguments behind the message. */
function fieldsOf(rest: readonly unknown[]): unknown {
  const [first] = rest
  if (first instanceof Error && rest.length === 1) return { error: carryAsText(first) }
  const carried = carryAsText(rest.length > 1 ? rest : first)
  return isMap(carried) || carried === undefined ? carried : { data: carried }
}
