/** Errors that cross the wire, and descriptions of failures of user code. Source: PS-9. */
import { inspect } from 'node:util'
import { nameOf, stackOf } from './adapters/stack.ts'

/** Map with text keys, such as params and configs. */
export type Members = Record<string, unknown>

/** A log line is cut here, as the host cuts it. */
export const LINE_CHARS_MAX = 16_384

/** Errors that this side raises: number and whether a retry can help, by name; PS-9.2. */
const OWN_ERRORS = {
  internal: [1, true], method_not_found: [2, false], invalid_params: [3, false], invalid_value: [4, false],
  frame_too_large: [5, false], protocol_mismatch: [6, false], runner_gone: [10, true], cancelled: [11, true],
  load_failed: [20, false], step_failed: [21, true], contract_broken: [25, false],
} as const

/** An error of the protocol: raised here, or received from the host. User code sees `name`, `message`, `code`, `data`. */
export class PolystepError extends Error {
  constructor(name: string, message: string, readonly code: number, public retryable: boolean, readonly data: Members) {
    super(message)
    // Not enumerable, as on every other Error, so that printing one stays short.
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true })
  }

  /** Make an error of this side. */
  static own(name: keyof typeof OWN_ERRORS, message: string, data: Members = {}): PolystepError {
    const [code, retryable] = OWN_ERRORS[name]
    return new PolystepError(name, message, code, retryable, data)
  }

  /** Read the error of an answer, if there is one; other values become `internal`. Source: PS-9.5. */
  static fromWire(payload: unknown): PolystepError | null {
    if (payload === null) return null
    const { code = 1, name = 'internal', message = '', retryable, data } = isMap(payload) ? payload : { code: null }
    const isError = typeof code === 'number' && typeof name === 'string' && typeof message === 'string'
    if (!isError) return PolystepError.own('internal', `The host sent a malformed error: ${shown(payload)}`)
    return new PolystepError(name, message, code, retryable !== false, isMap(data) ? data : {})
  }

  /** Shape: `{code, name, message, retryable, data}`. */
  toWire(): Members {
    return { code: this.code, name: this.name, message: this.message, retryable: this.retryable, data: this.data }
  }
}

/** A problem with a file whose message says it all. */
export class LoadProblem extends Error { override readonly stack = '' }

/** Make the error of a call with unusable arguments. */
export const invalidParams = (message: string): PolystepError => PolystepError.own('invalid_params', message)

/** Report whether `value` is a string. */
export const isText = (value: unknown): value is string => typeof value === 'string'

/** Report whether `value` is an object that is neither a list nor bytes. */
export const isMap = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)

/** Show any value as well-formed text, cut with a mark, by default at the length of a log line; never throws. */
export function shown(value: unknown, charsMax = LINE_CHARS_MAX): string {
  try {
    const text = typeof value === 'string' ? value : inspect(value, { depth: 3, breakLength: Infinity })
    return (text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text).toWellFormed()
  } catch {
    return '[cannot be shown]'
  }
}

/** Describe anything thrown as `{name, message, stack}`; parts that cannot be read are empty. Source: PS-9.4. */
export function describeFailure(thrown: unknown): { name: string; message: string; stack: string } {
  const part = (charsMax: number, other: unknown, ofError: (error: Error) => unknown): string => {
    try { return shown(thrown instanceof Error ? ofError(thrown) : other, charsMax) } catch { return '' }
  }
  const name = part(1000, typeof thrown, nameOf)
  return { name, message: part(LINE_CHARS_MAX, thrown, (error) => error.message), stack: part(32_768, '', stackOf) }
}

/** Make the error of a request from an error of user code; errors of the protocol keep their `retryable`; PS-7.3. */
export function failureOf(name: 'load_failed' | 'step_failed', thrown: unknown): PolystepError {
  const failure = describeFailure(thrown)
  const error = PolystepError.own(name, shown(`${failure.name}: ${failure.message}`), failure)
  if (thrown instanceof PolystepError) error.retryable = thrown.retryable
  return error
}
