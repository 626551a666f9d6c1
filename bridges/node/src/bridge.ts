/** What the host may ask of this runner, and what keeps user code from ending or corrupting the process. */
import type { FrameWriter } from './channel.ts'
import { FRAME_BYTES_MAX } from './channel.ts'
import { LINE_CHARS_MAX } from './context.ts'
import { complain, describeFailure, PolystepError } from './errors.ts'
import { loadFile } from './loader.ts'
import type { LoadedFile } from './loader.ts'
import { watchHost } from './orphan.ts'
import { OutgoingCalls } from './outgoing.ts'
import { Output } from './output.ts'
import { Peer } from './peer.ts'
import type { Params, PeerListener } from './peer.ts'
import { ExitCalled, Runs } from './run.ts'
import { installStandIn } from './standin.ts'

/** The protocol that this side speaks; PS-5.2. */
export const PROTOCOL = '1.0'
/** Of this package. */
export const VERSION = '0.1.0'
/** Handlers at once. They share one thread, so more only adds memory. */
const RUNS_MAX = 128

/** Ends the process; Node's own `process.exit`, kept before user code gets another one. */
export type ExitProcess = (code: number) => void

/** This side of the protocol: answers the host and owns everything that belongs to runs. */
export class Bridge implements PeerListener {
  /** Agreed in `hello`; PS-3.2. */
  readonly limit = { frameBytesMax: FRAME_BYTES_MAX }
  readonly peer: Peer
  private readonly runs: Runs
  private readonly output: Output
  private readonly files = new Map<string, LoadedFile>()
  private project: string | null = null
  /** Its process id; taken early, because an orphan has another parent. */
  private readonly host = process.ppid

  constructor(
    private readonly writer: FrameWriter,
    private readonly exit: ExitProcess,
  ) {
    this.peer = new Peer(this.limit, writer, this)
    this.output = new Output(() => this.runs.current.getStore(), (line) => { this.peer.notify('log', line) })
    this.runs = new Runs(this.peer, this.output)
  }

  request(id: number, method: string, params: Params): void {
    if (method === 'hello') this.hello(id, params)
    else if (this.project === null) this.invalid(id, `"hello" comes first, not "${method}".`)
    else if (method === 'step.run') this.run(id, params)
    else if (method === 'step.load') this.load(id, params, this.project)
    else if (method === 'drain') this.runs.drain(id)
    else if (method === 'shutdown') this.shutdown(id)
    else this.peer.refuse(id, PolystepError.own('method_not_found', `This runner has no method "${method}".`))
  }

  notification(method: string, params: Params): void {
    if (method === 'cancel') this.runs.cancel(params)
  }

  broken(error: PolystepError): void {
    complain(error.message)
    this.leave(1)
  }

  /** End the process now, whatever user code is doing. Source: PS-2.5. */
  leave(code: number): void {
    this.peer.close(PolystepError.own('runner_gone', 'The host closed the channel.'))
    try {
      this.exit(code)
    } catch {
      // An 'exit' listener of user code threw; Node does not call them a second time.
      this.exit(code)
    }
  }

  /** Keep user code from ending the process: what it throws or exits with belongs to its run. */
  guardProcess(): void {
    process.exit = (code) => this.exitCalled(code)
    process.on('uncaughtException', (error) => {
      const run = this.runs.current.getStore()
      if (run !== undefined && !run.isAnswered) run.fail(error)
      if (!(error instanceof ExitCalled)) this.report('Uncaught exception', error)
    })
    process.on('unhandledRejection', (reason, promise) => {
      if (reason instanceof ExitCalled || this.runs.unhandled(reason, promise)) return
      this.report('Unhandled rejection', reason)
    })
    process.on('rejectionHandled', (promise) => { this.runs.handled(promise) })
    // Ctrl-C reaches the whole terminal group; the host decides when its runners stop.
    process.on('SIGINT', () => undefined)
  }

  private hello(id: number, params: Params): void {
    const theirs = String(params['protocol'])
    if (theirs.split('.')[0] !== PROTOCOL.split('.')[0]) {
      const older = Number.parseInt(theirs, 10) > Number.parseInt(PROTOCOL, 10) ? 'this runner' : 'the host'
      const speak = `The host speaks protocol ${theirs}, this Node runner ${PROTOCOL}.`
      const message = `${speak} Update ${older}, so that both come from one polystep release.`
      this.peer.refuse(id, PolystepError.own('protocol_mismatch', message))
      return
    }
    const isFirst = this.project === null
    this.project = String(params['project'])
    const theirMax = params['frame_bytes_max']
    this.peer.answer(id, {
      protocol: PROTOCOL,
      runner: { name: 'polystep-node', version: VERSION },
      language: 'node',
      pid: process.pid,
      runs_max: RUNS_MAX,
      frame_bytes_max: FRAME_BYTES_MAX,
      features: [],
    })
    if (typeof theirMax === 'number') this.limit.frameBytesMax = Math.min(theirMax, FRAME_BYTES_MAX)
    // After the answer, which nothing may come before, and so that it is not late.
    if (isFirst) this.install()
  }

  private install(): void {
    this.output.install()
    new OutgoingCalls(() => this.runs.current.getStore(), (span) => { this.peer.notify('span', span) }).install()
    installStandIn()
    watchHost(this.host)
  }

  private load(id: number, params: Params, project: string): void {
    const file = params['file']
    if (typeof file !== 'string') {
      this.invalid(id, 'step.load needs "file", a path relative to the project.')
      return
    }
    loadFile(project, file).then(
      ({ loaded, answer }) => {
        this.files.set(file, loaded)
        this.output.flush()
        this.peer.answer(id, answer)
      },
      (error: unknown) => {
        this.output.flush()
        this.peer.refuse(id, error as PolystepError)
      },
    )
  }

  private run(id: number, params: Params): void {
    const file = params['file']
    const step = typeof file === 'string' ? this.files.get(file) : undefined
    if (typeof params['run'] !== 'string') this.invalid(id, 'step.run needs "run", a text that names the attempt.')
    else if (step === undefined) this.invalid(id, `${String(file)} is not loaded in this runner; send step.load first.`)
    else this.runs.start(id, params, step)
  }

  private invalid(id: number, message: string): void {
    this.peer.refuse(id, PolystepError.own('invalid_params', message))
  }

  private shutdown(id: number): void {
    this.output.flush()
    this.peer.answer(id, null)
    this.writer.finish(() => { this.leave(0) })
  }

  private exitCalled(code: unknown): never {
    const run = this.runs.current.getStore()
    const call = `process.exit(${code === undefined || code === null ? '' : JSON.stringify(code)})`
    const message =
      run === undefined
        ? `${call} was called outside of a handler; a runner is shared by all steps, so it goes on.`
        : `${call} was called in a handler; only this run fails. Return to end it, or throw to fail it.`
    const error = new ExitCalled(message)
    if (run?.isAnswered === false) run.fail(error)
    throw error
  }

  private report(what: string, thrown: unknown): void {
    const error = describeFailure(thrown)
    const run = this.runs.current.getStore()
    this.peer.notify('log', {
      run: run?.id,
      level: 'error',
      message: `${what}${run === undefined ? '' : ` in ${run.step.file}`}: ${error.name}: ${error.message}`.slice(0, LINE_CHARS_MAX),
      fields: { error },
      time_ms: Date.now(),
      source: 'output',
    })
  }
}
