/** What a handler is given as its context: emit, state, streams, logger. Source: PS-8, Motia 0.17. */
import { inspect } from 'node:util'
import { carry, carryAsText } from './codec.ts'
import { invalidParams, isMap, type Members, shown } from './errors.ts'
import { readGroup } from './features/pages.ts'
import type { Run } from './run.ts'

/** Severity of a log line. */
export type Level = 'debug' | 'info' | 'warn' | 'error'
type LogListener = (level: Level, message: string, fields?: unknown) => void

const EMIT_SHAPE = "emit takes one object: await emit({ topic: 'order.placed', data: { … }, messageGroupId?: 'key' })"
/** Parameters that are text; the others are values. */
const TEXTS = new Set(['topic', 'group', 'key', 'stream', 'id', 'message_group_id'])

/** The context of `run`, which it keeps to itself. All members are its own, so that it can be spread and taken apart. */
export function createContext(run: Run): object {
  const { trace_id: traceId, flows, attempt } = run.params
  return {
    traceId, flows, logger: new RunLogger(run), state: new RunState(run),
    // A method, as all functions here that are made for each run: tsx gives names to other functions, which is expensive.
    emit(event: unknown) {
      return run.call('emit', () => {
        // `type` was the topic's name before Motia 0.1.
        const { type, topic = type, data, messageGroupId } = isMap(event) ? event : {}
        if (topic !== '' && (typeof topic === 'string' || typeof topic === 'number')) {
          return { topic, data, ...ifGiven('message_group_id', messageGroupId) }
        }
        throw invalidParams(`${EMIT_SHAPE}; it was given ${inspect(event, { depth: 0, breakLength: Infinity })}.`)
      }, nothing)
    },
    streams: new Proxy({}, new StreamsByName(run)), attempt, get signal() { return run.controller.signal },
  }
}

/** Shared values in groups. A write that was awaited is on disk. A class, so that runs do not each make its methods. */
class RunState {
  readonly #run: Run

  constructor(run: Run) { this.#run = run }

  get(group: unknown, key: unknown) { return this.#run.call('state.get', () => ({ group, key })) }
  set(group: unknown, key: unknown, value: unknown) {
    return this.#run.call('state.set', () => ({ group, key, value }), () => value)
  }
  delete(group: unknown, key: unknown) { return this.#run.call('state.delete', () => ({ group, key })) }
  getGroup(group: unknown, page?: unknown) { return readGroup(this.#run, 'state', { group }, page) }
  clear(group: unknown) { return this.#run.call('state.clear', () => ({ group }), nothing) }
}

/** One live channel: items that clients see change. */
function streamOf(run: Run, stream: string): object {
  return {
    get(group: unknown, id: unknown) { return run.call('streams.get', () => ({ stream, group, id })) },
    set(group: unknown, id: unknown, data: unknown) { return run.call('streams.set', () => ({ stream, group, id, data })) },
    delete(group: unknown, id: unknown) { return run.call('streams.delete', () => ({ stream, group, id })) },
    getGroup(group: unknown, page?: unknown) { return readGroup(run, 'streams', { stream, group }, page) },
    /** Send an event that is not stored to the group, or to one item of it. */
    send(channel: unknown, event: unknown) {
      return run.call('streams.send', () => {
        const { groupId, id } = isMap(channel) ? channel : {}
        const { type, data } = isMap(event) ? event : {}
        const sent = { type: text(type, 'event.type'), data: carry(data, 'event.data') ?? null }
        return { stream, group: text(groupId, 'groupId'), ...ifGiven('id', id), event: sent }
      }, nothing)
    },
  }
}

/** The streams of a run by name, for a proxy. */
class StreamsByName implements ProxyHandler<object> {
  constructor(private readonly run: Run) {}

  /** Any name is a stream; the host says when there is none. What the language itself asks for is none. */
  get(plain: object, name: string | symbol): unknown {
    const isStream = this.has(plain, name) && !(name in plain)
    return isStream ? streamOf(this.run, String(name)) : (Reflect.get(plain, name) as unknown)
  }

  has(_plain: object, name: string | symbol): boolean { return typeof name === 'string' && name !== 'then' && name !== 'toJSON' }
  set(): boolean { return false }
}

const nothing = (): undefined => undefined

/** The params of a call of `run`, out of what user code gave. Source: PS-8.3. */
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

/** Keys are text; numbers are taken as their text, as JavaScript's own objects do. */
function text(value: unknown, name: string): unknown {
  if (typeof value === 'string') return carry(value, name)
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  throw invalidParams(`${name} must be a string, not ${shown(value)}.`)
}

const ifGiven = (name: string, value: unknown): Members => (value === undefined || value === null ? {} : { [name]: value })

/** Structured log lines of a run; they are sent without waiting and never fail the handler. Source: PS-8.7. */
class RunLogger {
  readonly #run: Run
  readonly #listeners: LogListener[] = []

  constructor(run: Run) { this.#run = run }

  info(message: unknown, ...fields: unknown[]): void { this.#write('info', message, fields) }
  warn(message: unknown, ...fields: unknown[]): void { this.#write('warn', message, fields) }
  error(message: unknown, ...fields: unknown[]): void { this.#write('error', message, fields) }
  debug(message: unknown, ...fields: unknown[]): void { this.#write('debug', message, fields) }
  addListener(listener: LogListener): void { this.#listeners.push(listener) }

  #write(level: Level, given: unknown, rest: readonly unknown[]): void {
    const message = shown(given instanceof Error ? `${given.name}: ${given.message}` : given)
    this.#run.notify('log', { level, message, fields: fieldsOf(rest), time_ms: Date.now(), source: 'logger' })
    for (const listener of this.#listeners) listener(level, message, rest[0])
  }
}

/** A map of fields from whatever stands behind the message. */
function fieldsOf(rest: readonly unknown[]): unknown {
  const [first] = rest
  if (first instanceof Error && rest.length === 1) return { error: carryAsText(first) }
  const carried = carryAsText(rest.length > 1 ? rest : first)
  return isMap(carried) || carried === undefined ? carried : { data: carried }
}
