/** Runs of handlers: start, wait for their calls, answer. Source: PS-7. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { carry, carryAsText } from './codec.ts'
import { createContext } from './context.ts'
import { describeFailure, PolystepError } from './errors.ts'
import type { Members } from './errors.ts'
import type { LoadedFile } from './loader.ts'
import type { OpenLines } from './output.ts'
import type { Peer } from './peer.ts'

/** The run that the current code belongs to, across awaits. */
export const currentRun = new AsyncLocalStorage<Run>()
/** Which run a rejected call belongs to. */
export const runOfError = new WeakMap<PolystepError, Run>()
/** Rejected calls of open runs that nobody has handled. */
export const unhandledCalls = new Map<Promise<unknown>, PolystepError>()

/** One attempt of one handler. */
export class Run {
  readonly id: string
  /** What it prints, until the line ends. */
  readonly lines: OpenLines = {}
  /** The host has its answer; what user code still does no longer counts. */
  isAnswered = false
  private isSettled = false
  /** A call failed. Node says at the end of a tick whether anybody took that, so the verdict is known in the next one. */
  private isInDoubt = false
  private callsOpen = 0
  private failure: { readonly thrown: unknown } | null = null
  private value: unknown = null
  private controller: AbortController | null = null

  /** `ended` is called before the answer is sent. */
  constructor(readonly requestId: number, readonly step: LoadedFile, readonly params: Members, private readonly peer: Peer,
    private readonly ended: () => void) { this.id = params['run'] as string }

  /** Fires when the host cancels the run; made when it is first asked for. */
  get signal(): AbortSignal { return (this.controller ??= new AbortController()).signal }

  /** Call the handler; what it gives becomes the answer. */
  start(): void {
    try {
      const result = callThrough(this, this.params['input'], createContext(this), 0) as PromiseLike<unknown> | null | undefined
      if (typeof result?.then !== 'function') this.settle(result)
      else result.then((value) => { this.settle(value) }, (error: unknown) => { this.fail(error) })
    } catch (error) {
      this.fail(error)
    }
  }

  /** Call the host with what `write` adds to the params; what that throws is a rejection too, so that nobody can miss it. */
  call(method: string, write: (params: Members) => void, result?: () => unknown): Promise<unknown> {
    this.callsOpen += 1
    try {
      const params = { run: this.id }
      write(params)
      return this.peer.call(method, params, (error, answer) => {
        this.callEnded(error)
        return result === undefined ? answer : result()
      })
    } catch (thrown) {
      const { name, message } = describeFailure(thrown)
      const isOwn = thrown instanceof PolystepError
      const error = isOwn ? thrown : PolystepError.own('invalid_value', `reading the value threw: ${name}: ${message}`)
      error.message = `${method}: ${error.message}`
      this.callEnded(error)
      return Promise.reject(error)
    }
  }

  /** Tell the host something; never fails. */
  notify(method: string, params: Members): void { this.peer.notify(method, { run: this.id, ...params }) }

  /** End the run as failed, even when its handler hangs; the first failure counts. */
  fail(thrown: unknown): void {
    this.failure ??= { thrown }
    this.settle(null)
  }

  /** Answer at once and abort the signal: JavaScript cannot be stopped from outside. Source: PS-7.9. */
  cancel(reason: unknown): void {
    const why = typeof reason === 'string' ? reason : 'no reason given'
    const error = PolystepError.own('cancelled', `The run was cancelled: ${why}.`)
    this.end()
    this.peer.refuse(this.requestId, error)
    const controller = (this.controller ??= new AbortController())
    currentRun.run(this, () => { controller.abort(error) })
  }

  private callEnded(error: PolystepError | null): void {
    this.callsOpen -= 1
    if (error !== null) {
      this.isInDoubt = true
      runOfError.set(error, this)
    }
    if (this.isSettled) this.answerSoon()
  }

  private settle(value: unknown): void {
    if (this.isSettled) return
    this.isSettled = true
    this.value = value
    this.answerSoon()
  }

  /** Answer after all code that is ready now has run: it may start further calls. Source: PS-7.4. */
  private answerSoon(): void {
    // A tick that is asked for by a microtask comes after all microtasks; one asked for by I/O comes before them.
    if (this.callsOpen === 0) queueMicrotask(() => { process.nextTick(() => { this.answer() }) })
  }

  private answer(): void {
    if (this.isAnswered || this.callsOpen > 0) return
    if (this.isInDoubt) {
      this.isInDoubt = false
      setImmediate(() => { this.answer() })
      return
    }
    const unhandled = this.end()
    try {
      if (this.failure !== null) throw asStepFailed(this.failure.thrown)
      if (unhandled !== undefined) throw asStepFailed(unhandled, 'A call that the handler did not await failed: ')
      this.answerValue()
    } catch (error) {
      this.peer.refuse(this.requestId, error instanceof PolystepError ? error : asStepFailed(error))
    }
  }

  private answerValue(): void {
    if (this.params['type'] === 'api') this.peer.answer(this.requestId, carry(this.value, 'result') ?? null)
    // Motia ignores what event and cron handlers return, so it must not fail them (PS-7.7).
    else this.peer.answer(this.requestId, carryAsText(this.value) ?? null, null)
  }

  /** Nothing counts any more; returns a failed call that nobody took. */
  private end(): PolystepError | undefined {
    this.ended()
    this.isAnswered = true
    const mine = [...unhandledCalls].filter(([, error]) => runOfError.get(error) === this)
    for (const [promise] of mine) unhandledCalls.delete(promise)
    return mine[0]?.[1]
  }
}

/** Source: PS-7.3. */
function asStepFailed(thrown: unknown, before = ''): PolystepError {
  const failure = describeFailure(thrown)
  const error = PolystepError.own('step_failed', before + failure.message, failure)
  if (thrown instanceof PolystepError) error.retryable = thrown.retryable
  return error
}

/** Call the middleware at `index`, or the handler after the last one; the first is outermost. */
function callThrough(run: Run, input: unknown, context: object, index: number): unknown {
  const { file, handler, middleware } = run.step
  const layer = middleware[index]
  if (layer === undefined) return run.params['type'] === 'cron' ? handler?.(context) : handler?.(input, context)
  let isCalled = false
  const next = (): unknown => {
    if (isCalled) throw new Error(`next() was called twice in middleware ${index + 1} of ${file}; call it once.`)
    isCalled = true
    return callThrough(run, input, context, index + 1)
  }
  // A promise also over a handler that is not async, so that `next().then` and `catch` work.
  return layer(input, context, () => new Promise((resolve) => { resolve(next()) }))
}
