/** What a handler is given as its context: emit, state, streams, logger. Source: PS-8, Motia 0.17. */
import { inspect } from 'node:util'
import { carry, carryAsText } from './codec.ts'
import { isMap, PolystepError, shown } from './errors.ts'
import type { Members } from './errors.ts'
import { LINE_CHARS_MAX } from './output.ts'
import type { Run } from './run.ts'

/** Severity of a log line. */
export type Level = 'debug' | 'info' | 'warn' | 'error'
type LogListener = (level: Level, message: string, fields?: unknown) => void

const EMIT_SHAPE = "emit takes one object: await emit({ topic: 'order.placed', data: { … }, messageGroupId?: 'key' })"
/** Parameters that are text; the others are values. */
const TEXTS = new Set(['topic', 'group', 'key', 'stream', 'id', 'message_group_id'])

/** The context of `run`. All members are its own, so that it can be spread and taken apart. */
export function createContext(run: Run): object {
  return {
    traceId: run.params['trace_id'],
    flows: run.params['flows'],
    logger: new RunLogger(run),
    state: new RunState(run),
    emit: emitOf(run),
    streams: new Proxy(new RunStreams(run), STREAM_BY_NAME),
    attempt: run.params['attempt'],
    get signal() { return run.signal },
  }
}

/** Shared values in groups. A write that was awaited is on disk. */
class RunState {
  readonly #run: Run

  constructor(run: Run) { this.#run = run }

  get(group: unknown, key: unknown): Promise<unknown> { return call(this.#run, 'state.get', { group, key }) }
  set(group: unknown, key: unknown, value: unknown): Promise<unknown> {
    return call(this.#run, 'state.set', { group, key, value }, () => value)
  }
  delete(group: unknown, key: unknown): Promise<unknown> { return call(this.#run, 'state.delete', { group, key }) }
  getGroup(group: unknown): Promise<unknown> { return call(this.#run, 'state.get_group', { group }) }
  clear(group: unknown): Promise<unknown> { return call(this.#run, 'state.clear', { group }, nothing) }
}

/** One live channel: items that clients see change. */
class RunStream {
  readonly #run: Run
  readonly #stream: string

  constructor(run: Run, stream: string) {
    this.#run = run
    this.#stream = stream
  }

  get(group: unknown, id: unknown): Promise<unknown> { return this.#call('streams.get', { group, id }) }
  set(group: unknown, id: unknown, data: unknown): Promise<unknown> { return this.#call('streams.set', { group, id, data }) }
  delete(group: unknown, id: unknown): Promise<unknown> { return this.#call('streams.delete', { group, id }) }
  getGroup(group: unknown): Promise<unknown> { return this.#call('streams.get_group', { group }) }
  /** Send an event that is not stored to the group, or to one item of it. */
  send(channel: unknown, event: unknown): Promise<unknown> {
    return this.#run.call('streams.send', (params) => {
      const { groupId, id } = isMap(channel) ? channel : {}
      const { type, data } = isMap(event) ? event : {}
      const address = { stream: this.#stream, group: text(groupId, 'groupId'), ...ifGiven('id', id) }
      write(params, { ...address, event: { type: text(type, 'event.type'), data: carry(data, 'event.data') ?? null } })
    }, nothing)
  }

  #call(method: string, given: Members, result?: () => unknown): Promise<unknown> {
    return call(this.#run, method, { stream: this.#stream, ...given }, result)
  }
}

/** The streams of a run by name; handlers have it behind a proxy. */
class RunStreams {
  readonly #run: Run

  constructor(run: Run) { this.#run = run }

  static open(streams: RunStreams, name: string): RunStream { return new RunStream(streams.#run, name) }
}

/** Any name is a stream; the host says when there is none. What the language itself asks for is none. */
const STREAM_BY_NAME: ProxyHandler<RunStreams> = {
  get(streams, name) {
    const isOwn = typeof name === 'symbol' || name === 'then' || name === 'toJSON' || name in streams
    return isOwn ? (Reflect.get(streams, name) as unknown) : RunStreams.open(streams, name)
  },
  has: (_streams, name) => typeof name === 'string' && name !== 'then' && name !== 'toJSON',
  set: () => false,
}

/** A function without a name of its own: tsx makes naming each one expensive. */
function emitOf(run: Run): (event: unknown) => Promise<unknown> {
  return (event) => run.call('emit', (params) => {
    const { topic, data, messageGroupId } = isMap(event) ? event : {}
    if (topic === '' || (typeof topic !== 'string' && typeof topic !== 'number')) {
      throw invalid(`${EMIT_SHAPE}; it was given ${inspect(event, { depth: 0, breakLength: Infinity })}`)
    }
    write(params, { topic, data, ...ifGiven('message_group_id', messageGroupId) })
  }, nothing)
}

/** Call the host; `result` is what that gives to user code, if it is not the answer. */
function call(run: Run, method: string, given: Members, result?: () => unknown): Promise<unknown> {
  return run.call(method, (params) => { write(params, given) }, result)
}

const nothing = (): undefined => undefined

/** Add what user code gave to the params of a call. Source: PS-8.3. */
function write(params: Members, given: Members): void {
  const isLost = 'value' in given && given['value'] === undefined
  if (isLost) throw invalid('the value must not be undefined; use null, or state.delete(group, key)')
  for (const name of Object.keys(given)) {
    params[name] = TEXTS.has(name) ? text(given[name], name) : (carry(given[name], name) ?? null)
  }
}

/** Keys are text; numbers are taken as their text, as JavaScript's own objects do. */
function text(value: unknown, name: string): unknown {
  if (typeof value === 'string') return carry(value, name)
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  throw invalid(`${name} must be a string, not ${shown(value)}`)
}

function ifGiven(name: string, value: unknown): Members {
  return value === undefined || value === null ? {} : { [name]: value }
}

const invalid = (message: string): PolystepError => PolystepError.own('invalid_params', `${message}.`)

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
    const line = given instanceof Error ? `${given.name}: ${given.message}` : shown(given, LINE_CHARS_MAX + 1)
    const message = line.length > LINE_CHARS_MAX ? `${line.slice(0, LINE_CHARS_MAX - 1)}…` : line
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
