/** Errors that cross the wire, and how a failure of user code is described. Source: PS-9. */
import { writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'

/** What a runner itself sends: number and whether a retry can help, by name. */
const OWN_ERRORS = {
  method_not_found: [2, false],
  invalid_params: [3, false],
  invalid_value: [4, false],
  frame_too_large: [5, false],
  protocol_mismatch: [6, false],
  runner_gone: [10, true],
  cancelled: [11, true],
  load_failed: [20, false],
  step_failed: [21, true],
} as const satisfies Record<string, readonly [code: number, retryable: boolean]>

/** The name of an error that this side can raise. */
export type OwnErrorName = keyof typeof OWN_ERRORS

/** An error of the protocol: raised here, or received from the host. User code sees `name`, `message`, `code`, `data`. */
export class PolystepError extends Error {
  readonly code: number
  readonly retryable: boolean
  readonly data: Record<string, unknown>

  constructor(name: string, message: string, code: number, retryable: boolean, data: Record<string, unknown>) {
    super(message)
    // Not enumerable, as on every other Error, so that printing one stays short.
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true })
    this.code = code
    this.retryable = retryable
    this.data = data
  }

  /** An error of this side. */
  static own(name: OwnErrorName, message: string, data: Record<string, unknown> = {}): PolystepError {
    const [code, retryable] = OWN_ERRORS[name]
    return new PolystepError(name, message, code, retryable, data)
  }

  /** The error map of a response; a malformed one becomes `internal`. */
  static fromWire(payload: unknown): PolystepError {
    const map = isMap(payload) ? payload : {}
    const name = typeof map['name'] === 'string' ? map['name'] : 'internal'
    const message = typeof map['message'] === 'string' ? map['message'] : `The host sent a malformed error: ${inspect(payload)}`
    const code = typeof map['code'] === 'number' ? map['code'] : 1
    return new PolystepError(name, message, code, map['retryable'] === true, isMap(map['data']) ? map['data'] : {})
  }

  /** Shape: `{code, name, message, retryable, data}`. */
  toWire(): Record<string, unknown> {
    return { code: this.code, name: this.name, message: this.message, retryable: this.retryable, data: this.data }
  }
}

/** Whether `value` is an object that is not a list: a received map, or a config. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Shape of a failure of user code: `{name, message, stack}`. Anything can be thrown, so anything is taken. */
export function describeFailure(thrown: unknown): { name: string; message: string; stack: string } {
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === 'string' ? thrown : inspect(thrown)
    return { name: typeof thrown, message: message.toWellFormed(), stack: '' }
  }
  const cause = thrown.cause === undefined ? '' : `\nCaused by: ${stackOf(thrown.cause)}`
  return { name: nameOf(thrown), message: text(thrown.message), stack: stackOf(thrown) + cause }
}

/** Most packages give their errors a class and no name of their own: then the class says more than "Error". */
function nameOf(error: Error): string {
  if (error.name !== 'Error') return text(error.name)
  const own: unknown = (error.constructor as { name?: unknown } | undefined)?.name
  // Node's own class for what it raises itself; its code is in the message.
  return typeof own === 'string' && own !== '' && own !== 'NodeError' ? own.toWellFormed() : 'Error'
}

const BRIDGE_DIR = dirname(fileURLToPath(import.meta.url))
const FOREIGN_FRAME = /^\s+at .*(?:node:internal\/|node:async_hooks|\/node_modules\/(?:tsx|esbuild|@msgpack)\/|data:text\/javascript)/

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return inspect(thrown).toWellFormed()
  const lines = text(thrown.stack ?? `${thrown.name}: ${thrown.message}`).split('\n')
  return lines.filter((line) => !isBridgeFrame(line) && !FOREIGN_FRAME.test(line)).join('\n')
}

function isBridgeFrame(line: string): boolean {
  const at = line.indexOf(BRIDGE_DIR)
  return at >= 0 && line.trimStart().startsWith('at ') && !line.includes('.test.ts', at)
}

function text(value: unknown): string {
  return (typeof value === 'string' ? value : inspect(value)).toWellFormed()
}

/** Say something to whoever reads the process's stderr, past everything that user code or `Output` made of it. */
export function complain(message: string): void {
  try {
    writeSync(2, `polystep: ${message}\n`)
  } catch {
    // Nobody reads it.
  }
}
