/** Runs of handlers: start, cancel, wait for their calls, answer. Source: PS-7. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { carry, carryAsText } from './codec.ts'
import { createContext } from './context.ts'
import type { HandlerContext } from './context.ts'
import { describeFailure, PolystepError } from './errors.ts'
import type { LoadedFile } from './loader.ts'
import type { CallOwner, Params, Peer } from './peer.ts'

/** What `process.exit` throws instead of ending everyone's process. */
export class ExitCalled extends Error {
  override readonly name = 'ExitCalled'
}

/** Where log lines of a run go, and that they must be out before its answer. */
export interface RunOutput {
  flush(run: Run): void
}

/** One attempt of one handler. */
export class Run implements CallOwner {
  readonly id: string
  readonly type: string
  readonly traceId: string
  readonly flows: unknown
  readonly attempt: number
  /** Calls of its own that were rejected and that nobody has handled, by promise. */
  readonly unhandled = new Map<Promise<unknown>, PolystepError>()
  callsOpen = 0
  /** The handler has returned or thrown. */
  isSettled = false
  /** The host has its answer; what user code still does no longer counts. */
  isAnswered = false
  failure: { readonly thrown: unknown } | null = null
  value: unknown = null
  callsFailed = 0
  /** How many of the failed calls had the time to be reported as unhandled. */
  callsFailedSeen = 0
  private controller: AbortController | null = null
  private cancelledBy: PolystepError | null = null

  constructor(
    readonly requestId: number,
    readonly step: LoadedFile,
    readonly params: Params,
    private readonly runs: Runs,
  ) {
    this.id = String(params['run'])
    this.type = String(params['type'])
    this.traceId = String(params['trace_id'])
    this.flows = params['flows']
    this.attempt = Number(params['attempt'] ?? 1)
  }

  /** Fires when the host cancels the run; made when it is first asked for. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    if (this.cancelledBy !== null && !this.controller.signal.aborted) this.controller.abort(this.cancelledBy)
    return this.controller.signal
  }

  /** Call the host for this run; `params` went through `carry`. */
  call(method: string, params: Params, result: unknown): Promise<unknown> {
    return this.runs.peer.call(method, params, this, result)
  }

  /** Tell the host something of this run; never fails. */
  notify(method: string, params: Params): void {
    this.runs.peer.notify(method, params)
  }

  /** A call that is refused before it is sent. */
  reject(error: PolystepError): Promise<never> {
    this.callStarted()
    this.callEnded(error)
    return Promise.reject(error)
  }

  callStarted(): void {
    this.callsOpen += 1
  }

  callEnded(error?: PolystepError): void {
    this.callsOpen -= 1
    if (error !== undefined) {
      this.callsFailed += 1
      this.runs.culprits.set(error, this)
    }
    if (this.isSettled && this.callsOpen === 0) this.runs.finishSoon(this)
  }

  /** End the run as failed, even when its handler hangs; the first failure counts. */
  fail(thrown: unknown): void {
    this.failure ??= { thrown }
    this.settle()
  }

  /** The handler is done. */
  settle(): void {
    if (this.isSettled) return
    this.isSettled = true
    this.runs.finishSoon(this)
  }

  cancel(error: PolystepError): void {
    this.cancelledBy = error
    this.controller?.abort(error)
  }
}

/** All runs of this process. */
export class Runs {
  /** The run that the current code belongs to, across awaits. */
  readonly current = new AsyncLocalStorage<Run>()
  /** Which run a rejected call belongs to. */
  readonly culprits = new WeakMap<PolystepError, Run>()
  private readonly open = new Map<string, Run>()
  private finished: Run[] = []
  private readonly drains: number[] = []

  constructor(
    readonly peer: Peer,
    private readonly output: RunOutput,
  ) {}

  /** Run a handler and answer the request with its value. Source: PS-7.1. */
  start(requestId: number, params: Params, step: LoadedFile): void {
    const run = new Run(requestId, step, params, this)
    if (this.open.has(run.id)) {
      this.peer.refuse(requestId, PolystepError.own('invalid_params', `The run ${run.id} is open already.`))
      return
    }
    this.open.set(run.id, run)
    this.current.run(run, invoke, run)
  }

  /** Abort the run's signal and answer it at once; JavaScript cannot be stopped from outside. Source: PS-7.5. */
  cancel(params: Params): void {
    const run = this.open.get(String(params['run']))
    if (run === undefined) return
    const reason = typeof params['reason'] === 'string' ? params['reason'] : 'no reason given'
    const error = PolystepError.own('cancelled', `The run was cancelled: ${reason}.`)
    // After the end: a listener of the signal may settle the handler.
    this.end(run)
    this.peer.refuse(run.requestId, error)
    this.current.run(run, () => { run.cancel(error) })
  }

  /** Answer once no run is open. Source: PS-7.6. */
  drain(requestId: number): void {
    this.drains.push(requestId)
    this.answerDrains()
  }

  /** An unhandled rejection of a call fails its run, unless it is handled before the run ends. False: not a call's. */
  unhandled(reason: unknown, promise: Promise<unknown>): boolean {
    const run = reason instanceof PolystepError ? this.culprits.get(reason) : undefined
    if (run === undefined || run.isAnswered) return false
    run.unhandled.set(promise, reason as PolystepError)
    return true
  }

  /** Somebody took the rejection after all. */
  handled(promise: Promise<unknown>): void {
    for (const run of this.open.values()) run.unhandled.delete(promise)
  }

  /** Look at a settled run again after all code that is ready now has run: it may start further calls. */
  finishSoon(run: Run): void {
    if (this.finished.push(run) === 1) queueMicrotask(this.afterMicrotasks)
  }

  /** A tick that is asked for by a microtask comes after all microtasks; one asked for by I/O comes before them. */
  private readonly afterMicrotasks = (): void => {
    process.nextTick(this.finish)
  }

  private readonly finish = (): void => {
    const finished = this.finished
    this.finished = []
    for (const run of finished) {
      if (run.isAnswered || run.callsOpen > 0) continue
      if (run.callsFailed > run.callsFailedSeen) {
        // Node reports unhandled rejections at the end of a tick, so the verdict is known in the next one.
        run.callsFailedSeen = run.callsFailed
        setImmediate(() => { this.finishSoon(run) })
      } else this.answer(run)
    }
  }

  private answer(run: Run): void {
    this.end(run)
    const [unhandled] = run.unhandled.values()
    if (run.failure !== null) this.peer.refuse(run.requestId, asStepFailed(run.failure.thrown, ''))
    else if (unhandled !== undefined) {
      this.peer.refuse(run.requestId, asStepFailed(unhandled, 'A call that the handler did not await failed: '))
    } else this.answerValue(run)
  }

  private answerValue(run: Run): void {
    // Motia ignores what event and cron handlers return, so it must not fail them: odd values are answered as text.
    if (run.type !== 'api') {
      this.peer.answer(run.requestId, carryAsText(run.value) ?? null)
      return
    }
    try {
      this.peer.answer(run.requestId, carry(run.value, 'result') ?? null)
    } catch (error) {
      this.peer.refuse(run.requestId, error instanceof PolystepError ? error : asStepFailed(error, ''))
    }
  }

  private end(run: Run): void {
    this.output.flush(run)
    run.isAnswered = true
    this.open.delete(run.id)
    this.answerDrains()
  }

  private answerDrains(): void {
    if (this.open.size > 0) return
    // After the last run's own answer.
    for (const id of this.drains.splice(0)) process.nextTick(() => { this.peer.answer(id, null) })
  }
}

function asStepFailed(thrown: unknown, before: string): PolystepError {
  const failure = describeFailure(thrown)
  return PolystepError.own('step_failed', before + failure.message, { ...failure })
}

function invoke(run: Run): void {
  try {
    const context = createContext(run)
    const { handler, middleware } = run.step
    if (handler === null) throw new Error(`${run.step.file} exports no handler, so it cannot run. Export "handler", or set type: 'noop'.`)
    const input = run.params['input']
    const result =
      middleware.length > 0
        ? callThrough(run, input, context, 0)
        : run.type === 'cron' ? handler(context) : handler(input, context)
    if (isThenable(result)) watch(run, result)
    else end(run, result)
  } catch (error) {
    run.fail(error)
  }
}

function watch(run: Run, result: PromiseLike<unknown>): void {
  result.then(
    (value) => { end(run, value) },
    (error: unknown) => { run.fail(error) },
  )
}

function end(run: Run, value: unknown): void {
  run.value = value
  run.settle()
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Call the middleware at `index`, or the handler after the last one; the first is outermost. */
function callThrough(run: Run, input: unknown, context: HandlerContext, index: number): unknown {
  const { handler, middleware } = run.step
  const layer = middleware[index]
  if (layer === undefined) return run.type === 'cron' ? handler?.(context) : handler?.(input, context)
  let isCalled = false
  const next = (): unknown => {
    if (isCalled) throw new Error(`next() was called twice in middleware ${index + 1} of ${run.step.file}; call it once.`)
    isCalled = true
    return callThrough(run, input, context, index + 1)
  }
  // A promise also over a handler that is not async, so that `next().then` and `catch` work.
  return layer(input, context, () => new Promise((resolve) => { resolve(next()) }))
}
