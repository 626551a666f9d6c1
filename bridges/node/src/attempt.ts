/** Attempts: start the handler, wait for its calls, answer. Source: PS-7. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { carry } from './codec.ts'
import { carryParams, createContext } from './context.ts'
import { askRule } from './features/access.ts'
import { checkedInput } from './features/checks.ts'
import { isSilent, stepFailure } from './features/durable.ts'
import { entered } from './features/heartbeat.ts'
import { failureOf, isText, type Members, PolystepError } from './errors.ts'
import type { EndCall, Peer } from './peer.ts'
import { callThrough } from './features/middleware.ts'
import { streamed } from './features/responses.ts'
import type { Caller, LoadedFile } from './types.ts'

/** Attempt that the current code belongs to, across awaits. */
export const currentAttempt = new AsyncLocalStorage<Attempt>()
/** Attempt in which user code got an error: of a call that failed, or as the reason of a cancelled signal. */
export const attemptOfError = new WeakMap<PolystepError, Attempt>()

/** One call of one handler. */
export class Attempt implements Caller {
  /** The host has the answer; later actions of user code do not count. */
  isAnswered = false
  /** It goes on in another leg, from the top. */
  private isSuspended = false
  /** Failures of its calls that nobody has handled, by the rejected promise. */
  readonly unhandled = new Map<Promise<unknown>, PolystepError>()
  /** A call failed. Node reports at the end of a tick whether anybody took that, so the verdict is known in the next one. */
  private isInDoubt = false
  callsOpen = 0
  /** The carried value of the handler, once it is done. */
  private result: { readonly value: unknown } | null = null
  private failure: PolystepError | null = null
  private madeController: AbortController | null = null

  /** `ended` is called once, with the answer or the error that the host gets. */
  constructor(readonly id: string, readonly step: LoadedFile, readonly params: Members, readonly features: ReadonlySet<string>,
    private readonly peer: Peer, private readonly ended: (value: unknown, error: PolystepError | null) => void) {}

  /** Controller that aborts when the host cancels the run; made when it is first used. */
  get controller(): AbortController { return (this.madeController ??= new AbortController()) }

  /** Call the handler, and answer with its value. */
  async start(): Promise<void> {
    const { checks, handler } = this.step
    const { type, input: sent } = this.params
    const isChecked = this.features.has('contracts') && Object.keys(checks).length > 0
    try {
      const input = isChecked ? await checkedInput(checks, type, sent) : sent
      const context = createContext(this)
      const handle = type === 'cron' ? () => handler?.(context) : () => handler?.(input, context)
      let value = await (askRule(this.step, type, input) ?? callThrough(this.step, [input, context], handle))
      if (type === 'api' && this.features.has('response.stream')) value = await streamed(this, value)
      // Values of other handlers have no meaning; PS-7.7.
      this.settle(isSilent(this.params) ? null : carry(value, 'result'))
    } catch (error) {
      this.fail(error)
    }
  }

  /**
   * Call the host with the params of `given`; an error of `given` is a rejection too, so that nobody can miss it. User code
   * gets the value of `result`, or without it the host's answer.
   */
  async call(method: string, given: () => Members, result?: () => unknown): Promise<unknown> {
    // The answer of the handler does not wait for a wait; PS-8.17.
    const counted = method === 'wait' ? 0 : 1
    this.callsOpen += counted
    const params = () => carryParams(entered(this.id), given())
    // A suspended run settles nothing any more: its handler stays where it is, and is collected; PS-8.18.
    const [error, answer] = await new Promise<Parameters<EndCall>>((resolve) => {
      if (!this.isSuspended) this.peer.call(method, params, (...end) => { if (!this.isSuspended) resolve(end) })
    })
    this.callEnded(error, counted)
    if (error === null) return result === undefined ? answer : result()
    // Only here does V8 know who awaits this call: the line of the handler.
    Error.captureStackTrace(error)
    throw error
  }

  /** Send a notification; never fails. */
  notify(method: string, params: Members): void { this.peer.notify(method, { run: entered(this.id), ...params }) }

  /** End the run as failed, even when its handler hangs; the first failure counts. */
  fail(thrown: unknown): void {
    // An error that user code never got is this side's verdict on the input or the value.
    const isVerdict = thrown instanceof PolystepError && !attemptOfError.has(thrown)
    this.failure ??= isVerdict ? thrown : stepFailure(thrown)
    this.settle(null)
  }

  /** Answer at once and abort the signal: JavaScript cannot be stopped from outside. Source: PS-7.9. */
  cancel(reason: unknown): void {
    const error = PolystepError.own('cancelled', `The run was cancelled: ${isText(reason) ? reason : 'no reason given'}.`)
    attemptOfError.set(error, this)
    this.isSuspended = reason === 'suspended'
    this.end(null, error)
    currentAttempt.run(this, () => { this.controller.abort(error) })
  }

  /** One call, or what counts as one, has ended; the answer of the handler waits for all of them. Source: PS-7.4. */
  callEnded(error: PolystepError | null, counted = 1): void {
    this.callsOpen -= counted
    entered(this.id)
    if (error !== null) {
      this.isInDoubt = true
      attemptOfError.set(error, this)
    }
    this.answerSoon()
  }

  private settle(value: unknown): void { this.result ??= { value }; this.answerSoon() }

  /** Answer after all code that is ready now has run: it may start further calls. Source: PS-7.4. */
  private answerSoon(): void {
    if (this.result === null || this.callsOpen > 0) return
    // A tick that is asked for by a microtask comes after all microtasks; one asked for by I/O comes before them.
    queueMicrotask(() => { process.nextTick(() => { this.answer() }) })
  }

  private answer(): void {
    if (this.isAnswered || this.callsOpen > 0) return
    if (this.isInDoubt) {
      this.isInDoubt = false
      setImmediate(() => { this.answer() })
      return
    }
    const [unnoticed] = this.unhandled.values()
    if (unnoticed !== undefined) {
      unnoticed.message = `A call that the handler did not await failed: ${unnoticed.message}`
      this.failure ??= failureOf('step_failed', unnoticed)
    }
    this.end(this.result?.value, this.failure)
  }

  private end(value: unknown, error: PolystepError | null): void { this.isAnswered = true; this.ended(value, error) }
}
