/** Requests of the host, and the guard that keeps user code from ending or corrupting the process. */
import { writeSync } from 'node:fs'
import { Attempt, attemptOfError, currentAttempt } from './attempt.ts'
import { Answers } from './features/answers.ts'
import { watchOutgoing } from './adapters/outgoing.ts'
import { installStandIn } from './adapters/standin.ts'
import { FRAME_BYTES_MAX, type FrameWriter } from './channel.ts'
import { describeFailure, failureOf, invalidParams, isMap, isText, type Members, PolystepError, shown } from './errors.ts'
import { loadAccess } from './features/access.ts'
import { entered, opened } from './features/heartbeat.ts'
import { loadFile } from './loader.ts'
import { Output } from './output.ts'
import { Peer } from './peer.ts'
import type { Listener, LoadedFile } from './types.ts'

/** Protocol version of this side; PS-5.2. */
const PROTOCOL = '1.0'
/** Version of this package. */
const VERSION = '0.1.0'
/** Optional features of this runner; PS-5.5. */
const FEATURES = ['access', 'contracts', 'durable', 'emit.options', 'heartbeat', 'integers', 'middleware', 'pages', 'response.stream', 'update']
/** Handlers at once: they share one thread, so more only adds memory. Streamed answers wait for their clients: PS-7.12. */
const RUNS_MAX = 128
/** Time from the answer of `shutdown` to the exit, also when the host does not read; PS-7.10. */
const LEAVE_MS = 1000

/** Error that `process.exit` throws instead of ending everyone's process. */
class ExitCalled extends Error {}

const KINDS = { text: isText, integer: Number.isSafeInteger, array: Array.isArray, map: isMap }
/** Parameters as a list, which is quicker to go through. */
const needs = (parameters: Record<string, keyof typeof KINDS>) => Object.entries(parameters)
/** Requests of the host, each a method of `Bridge`, with the types of their parameters; PS-4.2. */
const REQUESTS = {
  hello: needs({ host: 'map', project: 'text', frame_bytes_max: 'integer', features: 'array' }),
  'step.load': needs({ file: 'text', kind: 'text' }),
  'step.run': needs({ run: 'text', file: 'text', step: 'text', type: 'text', trace_id: 'text', attempt: 'integer' }),
  drain: needs({}),
  ping: needs({}),
  shutdown: needs({}),
}

const isRequest = (method: unknown): method is keyof typeof REQUESTS => isText(method) && Object.hasOwn(REQUESTS, method)

/** This side of the protocol: answers the host and owns everything that belongs to runs. */
export class Bridge implements Listener {
  readonly peer: Peer
  /** Answers of attempts. */
  readonly answers: Answers
  private readonly output = new Output((line) => { this.peer.notify('log', line) })
  private readonly files = new Map<string, LoadedFile>()
  private readonly open = new Map<string, Attempt>()
  private readonly drains: number[] = []
  private readonly exit = process.exit.bind(process)
  private project: string | null = null
  /** Features of both sides. */
  private features: ReadonlySet<string> = new Set()
  /** Fails the file that is being imported; does nothing later. */
  private failLoad = (_error: ExitCalled): void => undefined

  /** `onHello` is called after the first answer, which nothing may delay. */
  constructor(private readonly writer: FrameWriter, private readonly onHello: (reports: boolean) => void) {
    this.peer = new Peer(writer, this)
    this.answers = new Answers(writer)
    this.guardProcess()
  }

  request(id: number, method: unknown, params: unknown): void {
    if ((method === 'hello') !== (this.project === null)) throw invalidParams('"hello" comes first, and there is only one.')
    if (id < 0 || !isMap(params)) throw invalidParams('The params of a request are a map, and its id is not below 0.')
    if (method === 'hello') requireVersion(params['protocol'])
    if (!isRequest(method)) throw PolystepError.own('method_not_found', `This runner has no method "${shown(method)}".`)
    for (const [name, kind] of REQUESTS[method]) {
      if (!KINDS[kind](params[name])) throw invalidParams(`${method} needs "${name}", of type ${kind}.`)
    }
    this[method](id, params)
  }

  notification(method: unknown, params: unknown): void {
    if (method === 'cancel' && isMap(params)) this.open.get(params['run'] as string)?.cancel(params['reason'])
  }

  broken(why: string): void {
    // Bypasses user code and `Output`; perhaps nobody reads it.
    try { writeSync(2, `polystep: ${why}\n`) } catch {}
    this.leave(1)
  }

  /** End the process now. Source: PS-2.5. */
  leave(status: number): void {
    // When an 'exit' listener of user code throws: Node does not call them a second time.
    try { this.exit(status) } catch { this.exit(status) }
  }

  private hello(id: number, params: Members): void {
    this.project = params['project'] as string
    this.peer.answer(id, {
      protocol: PROTOCOL, runner: { name: 'polystep-node', version: VERSION }, language: 'node', pid: process.pid,
      runs_max: RUNS_MAX, streams_max: 16 * RUNS_MAX, frame_bytes_max: FRAME_BYTES_MAX, features: FEATURES,
    })
    this.peer.frameBytesMax = Math.min(params['frame_bytes_max'] as number, FRAME_BYTES_MAX)
    this.features = new Set(FEATURES.filter((feature) => (params['features'] as unknown[]).includes(feature)))
    this.output.install()
    watchOutgoing(() => currentAttempt.getStore())
    installStandIn()
    this.onHello(this.features.has('heartbeat'))
  }

  private 'step.load'(id: number, params: Members): void {
    const file = params['file'] as string
    const exited = new Promise<never>((_resolve, reject) => { this.failLoad = reject })
    const loaded = Promise.race([(params['kind'] === 'access' ? loadAccess : loadFile)(this.project ?? '', file), exited]).finally(() => { this.output.flush() })
    loaded.then((step) => {
      this.files.set(file, step)
      this.peer.answer(id, step.answer)
    }, (error: unknown) => { this.peer.answer(id, null, failureOf('load_failed', error)) })
  }

  private 'step.run'(id: number, params: Members): void {
    const [name, file] = [params['run'] as string, params['file'] as string]
    const step = this.files.get(file)
    if (step === undefined) throw invalidParams(`${file} is not loaded in this runner; send step.load first.`)
    if (!step.handler && !step.rules[params['type'] as string]) throw invalidParams(`${file} exports no handler, so it cannot run. Export "handler", or set type: 'noop'.`)
    if (this.open.has(name)) throw invalidParams(`The run ${name} is open already.`)
    const attempt = new Attempt(name, step, params, this.features, this.peer, (value, error) => {
      this.output.flush(attempt)
      this.open.delete(name)
      this.answers.give(value, () => { this.peer.answer(id, value, error); this.drain() })
    })
    this.open.set(entered(name), attempt)
    opened(this.open.size)
    void currentAttempt.run(attempt, () => attempt.start())
  }

  /** Answer once no run is open: this is asked again, without an `id`, when a run ends. Source: PS-7.10. */
  private drain(id?: number): void {
    if (id !== undefined) this.drains.push(id)
    if (opened(this.open.size) + this.answers.size > 0) return
    for (const drain of this.drains.splice(0)) this.peer.answer(drain, null)
  }

  private ping(id: number): void { this.peer.answer(id, {}) }

  private shutdown(id: number): void {
    this.output.flush()
    this.peer.answer(id, null)
    this.peer.close(PolystepError.own('runner_gone', 'This runner is shut down.'))
    this.writer.finish(() => { this.leave(0) })
    setTimeout(() => { this.leave(0) }, LEAVE_MS)
  }

  /** Keep user code from ending the process: what it throws or exits with belongs to its run. */
  private guardProcess(): void {
    process.exit = (code) => this.exitCalled(code)
    process.on('uncaughtException', (error) => {
      currentAttempt.getStore()?.fail(error)
      this.report('Uncaught exception', error)
    })
    process.on('unhandledRejection', (reason, promise) => {
      const attempt = attemptOfError.get(reason as PolystepError)
      if (attempt?.isAnswered === false) attempt.unhandled.set(promise, reason as PolystepError)
      else this.report('Unhandled rejection', reason)
    })
    process.on('rejectionHandled', (promise) => { for (const attempt of this.open.values()) attempt.unhandled.delete(promise) })
    // Ctrl-C reaches the whole terminal group; the host decides when its runners stop.
    process.on('SIGINT', () => undefined)
  }

  private exitCalled(code: unknown): never {
    const attempt = currentAttempt.getStore()
    const call = `process.exit(${shown(code ?? '')})`
    const error = new ExitCalled(attempt === undefined
      ? `${call} was called outside of a handler; a runner is shared by all steps, so it goes on.`
      : `${call} was called in a handler; only this run fails. Return to end it, or throw to fail it.`)
    if (attempt === undefined) this.failLoad(error)
    else attempt.fail(error)
    throw error
  }

  private report(what: string, thrown: unknown): void {
    if (thrown instanceof ExitCalled) return
    const error = describeFailure(thrown)
    const attempt = currentAttempt.getStore()
    const message = shown(`${what} in ${attempt?.step.file ?? 'no handler'}: ${error.name}: ${error.message}`)
    this.peer.notify('log', { run: attempt?.id, level: 'error', message, fields: { error }, time_ms: Date.now(), source: 'output' })
  }
}

/** Source: PS-5.2. */
function requireVersion(theirs: unknown): void {
  const major = Number(/^(\d+)\.\d+$/.exec(typeof theirs === 'string' ? theirs : '')?.[1])
  if (major === Number.parseInt(PROTOCOL)) return
  const update = `Update ${major > 1 ? 'this runner' : 'the host'}, so that both come from one polystep release.`
  const message = `The host speaks protocol ${shown(theirs, 100)}, this Node runner ${PROTOCOL}. ${update}`
  throw PolystepError.own('protocol_mismatch', message, { protocol: PROTOCOL })
}
