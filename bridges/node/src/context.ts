/** What a handler is given as its context: emit, state, streams, logger. Source: PS-8, Motia 0.17. */
import { inspect } from 'node:util'
import { carry, carryAsText } from './codec.ts'
import { PolystepError } from './errors.ts'
import { ANSWER } from './peer.ts'
import type { Run } from './run.ts'

/** A log line is cut here, as the host cuts it. */
export const LINE_CHARS_MAX = 16_384

/** Severity of a log line. */
export type Level = 'debug' | 'info' | 'warn' | 'error'

/** Told of every line of one run's logger. */
export type LogListener = (level: Level, message: string, fields?: unknown) => void

/** An event to be sent. */
export interface Emission {
  topic: string
  data?: unknown
  /** Events with the same group are handled one at a time, in order. */
  messageGroupId?: string
}

/** The second argument of a handler; the only one of a cron handler. */
export interface HandlerContext {
  readonly traceId: string
  readonly flows: unknown
  readonly logger: RunLogger
  readonly state: RunState
  readonly emit: (event: Emission) => Promise<void>
  readonly streams: Record<string, RunStream>
  /** 1 for the first start. */
  readonly attempt: number
  /** Fires when the run is cancelled; hand it to `fetch` and the like. */
  readonly signal: AbortSignal
}

/** The context of `run`. All members are its own, so that it can be spread and taken apart. */
export function createContext(run: Run): HandlerContext {
  return {
    traceId: run.traceId,
    flows: run.flows,
    logger: new RunLogger(run),
    state: new RunState(run),
    emit: (event) => emit(run, event),
    streams: new Proxy(new RunStreams(run), BY_NAME) as unknown as Record<string, RunStream>,
    attempt: run.attempt,
    get signal() {
      return run.signal
    },
  }
}

/** Structured log lines of a run; they are sent without waiting and never fail the handler. */
export class RunLogger {
  readonly #listeners: LogListener[] = []

  readonly #run: Run

  constructor(run: Run) {
    this.#run = run
  }

  info(message: unknown, ...fields: unknown[]): void {
    this.write('info', message, fields)
  }

  warn(message: unknown, ...fields: unknown[]): void {
    this.write('warn', message, fields)
  }

  error(message: unknown, ...fields: unknown[]): void {
    this.write('error', message, fields)
  }

  debug(message: unknown, ...fields: unknown[]): void {
    this.write('debug', message, fields)
  }

  addListener(listener: LogListener): void {
    this.#listeners.push(listener)
  }

  private write(level: Level, given: unknown, rest: readonly unknown[]): void {
    const message = lineOf(given)
    const fields = rest.length === 0 ? undefined : fieldsOf(rest)
    this.#run.notify('log', { run: this.#run.id, level, message, fields, time_ms: Date.now(), source: 'logger' })
    for (const listener of this.#listeners) listener(level, message, rest[0])
  }
}

function lineOf(given: unknown): string {
  const text = typeof given === 'string' ? given : given instanceof Error ? `${given.name}: ${given.message}` : inspect(given)
  return (text.length > LINE_CHARS_MAX ? `${text.slice(0, LINE_CHARS_MAX - 1)}…` : text).toWellFormed()
}

/** A map of fields from whatever stands behind the message. */
function fieldsOf(rest: readonly unknown[]): unknown {
  const [first] = rest
  if (rest.length > 1) return { data: carryAsText(rest) }
  if (first === undefined) return undefined
  if (first instanceof Error) return { error: carryAsText(first) }
  const carried = carryAsText(first)
  const isFields = typeof carried === 'object' && carried !== null && !Array.isArray(carried) && !ArrayBuffer.isView(carried)
  return isFields ? carried : { data: carried }
}

/** Shared values in groups. A write that was awaited is on disk. */
export class RunState {
  readonly #run: Run

  constructor(run: Run) {
    this.#run = run
  }

  /** The value, or `null`. */
  get(group: string, key: string): Promise<unknown> {
    return send(this.#run, 'state.get', () => ({ run: this.#run.id, group: text(group, 'group'), key: text(key, 'key') }), ANSWER)
  }

  /** Write or replace; resolves to `value` itself. */
  set(group: string, key: string, value: unknown): Promise<unknown> {
    const params = (): Record<string, unknown> => {
      if (value === undefined) throw invalid('the value must not be undefined; use null, or state.delete(group, key)')
      return { run: this.#run.id, group: text(group, 'group'), key: text(key, 'key'), value: carry(value, 'value') }
    }
    return send(this.#run, 'state.set', params, value)
  }

  /** Remove; resolves to the old value or `null`. */
  delete(group: string, key: string): Promise<unknown> {
    return send(this.#run, 'state.delete', () => ({ run: this.#run.id, group: text(group, 'group'), key: text(key, 'key') }), ANSWER)
  }

  /** All values of a group, without their keys. */
  getGroup(group: string): Promise<unknown> {
    return send(this.#run, 'state.get_group', () => ({ run: this.#run.id, group: text(group, 'group') }), ANSWER)
  }

  /** Remove a group. */
  clear(group: string): Promise<unknown> {
    return send(this.#run, 'state.clear', () => ({ run: this.#run.id, group: text(group, 'group') }), undefined)
  }
}

/** One live channel: items that clients see change. */
export class RunStream {
  readonly #run: Run
  readonly #name: string

  constructor(run: Run, name: string) {
    this.#run = run
    this.#name = name
  }

  /** The item, or `null`. */
  get(group: string, id: string): Promise<unknown> {
    return send(this.#run, 'streams.get', () => this.item(group, id), ANSWER)
  }

  /** Write or replace; resolves to the item with `id`, `_createdAt` and `__motia`, or `null` for no data. */
  set(group: string, id: string, data: unknown): Promise<unknown> {
    return send(this.#run, 'streams.set', () => ({ ...this.item(group, id), data: carry(data, 'data') ?? null }), ANSWER)
  }

  /** Remove; resolves to the old item or `null`. */
  delete(group: string, id: string): Promise<unknown> {
    return send(this.#run, 'streams.delete', () => this.item(group, id), ANSWER)
  }

  /** All items of a group, oldest first. */
  getGroup(group: string): Promise<unknown> {
    return send(this.#run, 'streams.get_group', () => ({ run: this.#run.id, stream: this.#name, group: text(group, 'groupId') }), ANSWER)
  }

  /** Send an event that is not stored to the group, or to one item of it. */
  send(channel: { groupId: string; id?: string }, event: { type: string; data?: unknown }): Promise<unknown> {
    const params = (): Record<string, unknown> => ({
      run: this.#run.id,
      stream: this.#name,
      group: text(member(channel, 'groupId'), 'groupId'),
      id: optionalText(member(channel, 'id'), 'id'),
      event: { type: text(member(event, 'type'), 'event.type'), data: carry(event.data, 'event.data') ?? null },
    })
    return send(this.#run, 'streams.send', params, undefined)
  }

  private item(group: string, id: string): Record<string, unknown> {
    return { run: this.#run.id, stream: this.#name, group: text(group, 'groupId'), id: text(id, 'id') }
  }
}

/** The streams of a run by name; handlers have it behind a proxy. */
class RunStreams {
  readonly #run: Run

  constructor(run: Run) {
    this.#run = run
  }

  static open(streams: RunStreams, name: string): RunStream {
    return new RunStream(streams.#run, name)
  }
}

/** Any name is a stream; the host says when there is none. What the language itself asks for is none. */
const BY_NAME: ProxyHandler<RunStreams> = {
  get(streams, name) {
    if (typeof name === 'symbol' || name === 'then' || name === 'toJSON' || name in streams) {
      return Reflect.get(streams, name) as unknown
    }
    return RunStreams.open(streams, name)
  },
  has: (_streams, name) => typeof name === 'string' && name !== 'then' && name !== 'toJSON',
  set: () => false,
}

const EMIT_SHAPE = "emit takes one object: await emit({ topic: 'order.placed', data: { … }, messageGroupId?: 'key' })"

function emit(run: Run, event: Emission): Promise<void> {
  const params = (): Record<string, unknown> => {
    const topic = member(event, 'topic')
    if (typeof topic !== 'string' || topic === '') {
      const given = inspect(event, { depth: 0, breakLength: Infinity })
      throw invalid(`${EMIT_SHAPE}; it was given ${given}`)
    }
    const group = optionalText(event.messageGroupId, 'messageGroupId')
    return { run: run.id, topic, data: carry(event.data, 'data') ?? null, message_group_id: group }
  }
  return send(run, 'emit', params, undefined) as Promise<void>
}

/** Check, carry and call; every failure is a rejection, so that a forgotten `await` cannot lose it. */
function send(run: Run, method: string, build: () => Record<string, unknown>, result: unknown): Promise<unknown> {
  let params: Record<string, unknown>
  try {
    params = build()
  } catch (error) {
    if (!(error instanceof PolystepError)) return run.reject(invalidValue(method, error))
    error.message = `${method}: ${error.message}`
    return run.reject(error)
  }
  return run.call(method, params, result)
}

function invalid(message: string): PolystepError {
  return PolystepError.own('invalid_params', `${message}.`)
}

function invalidValue(method: string, thrown: unknown): PolystepError {
  const error = PolystepError.own('invalid_value', `${method}: reading the value threw: ${String(thrown)}`)
  error.cause = thrown
  return error
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** Keys are text; numbers are taken as their text, as JavaScript's own objects do. */
function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value.isWellFormed()) return value
  if (typeof value === 'number') return String(value)
  throw invalid(`${name} must be a string, not ${inspect(value, { depth: 0 })}`)
}

function optionalText(value: unknown, name: string): string | undefined {
  return value === undefined || value === null ? undefined : text(value, name)
}
