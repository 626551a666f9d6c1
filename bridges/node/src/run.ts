/** Runs of handlers: start, wait for their calls, answer. Source: PS-7. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { carry } from './codec.ts'
import { carryParams, createContext } from './context.ts'
import { askRule } from './features/access.ts'
import { checkedInput } from './features/contracts.ts'
import { entered } from './features/heartbeat.ts'
import { failureOf, isText, type Members, PolystepError } from './errors.ts'
import type { LoadedFile } from './loader.ts'
import type { EndCall, Peer } from './peer.ts'
import { callThrough } from './features/middleware.ts'
import { streamed } from './features/responses.ts'

/** The run that the current code belongs to, across awaits. */
export const currentRun = new AsyncLocalStorage<Run>()
/** Which run user code was given an error in: of a call that failed, or as the reason of a cancelled signal. */
export const runOfError = new WeakMap<PolystepError, Run>()

/** One attempt of one handler. */
export class Run {
  /** The host has its answer; what user code still does no longer counts. */
  isAnswered = false
  /** Failures of its calls that nobody has handled, by what was rejected with them. */
  readonly unhandled = new Map<Promise<unknown>, PolystepError>()
  /** A call failed. Node says at the end of a tick whether anybody took that, so the verdict is known in the next one. */
  private isInDoubt = false
  private callsOpen = 0
  /** What the handler gave, carried, once it is done. */
  private result: { readonly value: unknown } | null = null
  private failure: PolystepError | null = null
  private madeController: AbortController | null = null

  /** `ended` is called once, with the answer or the error that the host gets. */
  constructor(readonly id: string, readonly step: LoadedFile, readonly params: Members, readonly features: ReadonlySet<string>,
    private readonly peer: Peer, private readonly ended: (value: unknown, error: PolystepError | null) => void) {}

  /** Fires when the host cancels the run; made when it is first asked for. */
  get controller(): AbortController { return (this.madeController ??= new AbortController()) }

  /** Call the handler; what it gives becomes the answer. */
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
      // What other handlers give has no meaning; PS-7.7.
      this.settle(type === 'event' || type === 'cron' ? null : carry(value, 'result'))
    } catch (error) {
      this.fail(error)
    }
  }

  /**
   * Call the host with what `given` gives; what that throws is a rejection too, so that nobody can miss it. `result` is what
   * user code gets, if it is not the host's answer.
   */
  async call(method: string, given: () => Members, result?: () => unknown): Promise<unknown> {
    this.callsOpen += 1
    const params = () => carryParams(entered(this.id), given())
    const [error, answer] = await new Promise<Parameters<EndCall>>((resolve) => { this.peer.call(method, params, (...end) => { resolve(end) }) })
    this.callEnded(error)
    if (error === null) return result === undefined ? answer : result()
    // Only here does V8 know who awaits this call: the line of the handler.
    Error.captureStackTrace(error)
    throw error
  }

  /** Tell the host something; never fails. */
  notify(method: string, params: Members): void { this.peer.notify(method, { run: entered(this.id), ...params }) }

  /** End the run as failed, even when its handler hangs; the first failure counts. */
  fail(thrown: unknown): void {
    // What user code was never given is this side's verdict on what goes in or comes out.
    const isVerdict = thrown instanceof PolystepError && !runOfError.has(thrown)
    this.failure ??= isVerdict ? thrown : failureOf('step_failed', thrown)
    this.settle(null)
  }

  /** Answer at once and abort the signal: JavaScript cannot be stopped from outside. Source: PS-7.9. */
  cancel(reason: unknown): void {
    const error = PolystepError.own('cancelled', `The run was cancelled: ${isText(reason) ? reason : 'no reason given'}.`)
    runOfError.set(error, this)
    this.end(null, error)
    currentRun.run(this, () => { this.controller.abort(error) })
  }

  private callEnded(error: PolystepError | null): void {
    this.callsOpen -= 1
    entered(this.id)
    if (error !== null) {
      this.isInDoubt = true
      runOfError.set(error, this)
    }
    this.answerSoon()
  }

  private settle(value: unknown): void {
    this.result ??= { value }
    this.answerSoon()
  }

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

  private end(value: unknown, error: PolystepError | null): void {
    this.isAnswered = true
    this.ended(value, error)
  }
}
