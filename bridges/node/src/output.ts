/** What user code prints becomes log lines of the run that printed it. Source: PS-2.2, PS-8.3. */
import { Console } from 'node:console'
import { StringDecoder } from 'node:string_decoder'
import type { Level } from './context.ts'
import { LINE_CHARS_MAX } from './context.ts'
import type { Run } from './run.ts'

/** Sends one log notification. */
export type SendLog = (line: Record<string, unknown>) => void

type Print = (...given: unknown[]) => void

/** Console methods with a level other than their stream's (stdout: info, stderr: error). */
const LEVELS = { debug: 'debug', warn: 'warn', trace: 'debug' } as const

/** Lines of one level that are not ended yet. */
class LineBuffer {
  private text = ''
  private cut = 0
  private readonly decoder = new StringDecoder('utf8')

  constructor(private readonly line: (text: string) => void) {}

  write(chunk: string | Uint8Array): void {
    const lines = (typeof chunk === 'string' ? chunk : this.decoder.write(Buffer.from(chunk))).split('\n')
    for (const [index, line] of lines.entries()) {
      if (index > 0) this.end()
      this.add(line)
    }
  }

  flush(): void {
    if (this.text !== '') this.end()
  }

  private add(text: string): void {
    const room = LINE_CHARS_MAX - this.text.length
    this.text += text.length > room ? text.slice(0, room) : text
    this.cut += Math.max(text.length - room, 0)
  }

  private end(): void {
    const note = `… (${this.cut} more characters)`
    const text = this.cut === 0 ? this.text : this.text.slice(0, LINE_CHARS_MAX - note.length) + note
    this.text = ''
    this.cut = 0
    this.line((text.endsWith('\r') ? text.slice(0, -1) : text).toWellFormed())
  }
}

type Buffers = Partial<Record<Level, LineBuffer>>

/** Stands between user code's printing and the process's own stdout and stderr. */
export class Output {
  private readonly byRun = new WeakMap<Run, Buffers>()
  private readonly outside: Buffers = {}
  private level: Level | null = null

  constructor(
    private readonly current: () => Run | undefined,
    private readonly send: SendLog,
  ) {}

  /** Take over `console`, `process.stdout` and `process.stderr`. */
  install(): void {
    const stdout = { write: (chunk: string | Uint8Array) => this.write('info', chunk) }
    const stderr = { write: (chunk: string | Uint8Array) => this.write('error', chunk) }
    // Straight to us: the console's own way through a stream costs several times as much.
    const quick = new Console(stdout as NodeJS.WritableStream, stderr as NodeJS.WritableStream, false)
    for (const [name, method] of Object.entries(quick)) {
      if (typeof method === 'function') Object.assign(console, { [name]: this.levelled(name, method as Print) })
    }
    process.stdout.write = this.writerFor('info')
    process.stderr.write = this.writerFor('error')
  }

  /** Send what `run` printed without a line's end; what was printed outside of runs when absent. */
  flush(run?: Run): void {
    const buffers = run === undefined ? this.outside : this.byRun.get(run)
    if (buffers === undefined) return
    for (const buffer of Object.values(buffers)) buffer.flush()
  }

  private levelled(name: string, method: Print): Print {
    const level = (LEVELS as Partial<Record<string, Level>>)[name]
    if (level === undefined) return method
    return (...given) => {
      this.level = level
      try {
        method(...given)
      } finally {
        this.level = null
      }
    }
  }

  private writerFor(level: Level): NodeJS.WriteStream['write'] {
    return (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      this.write(level, typeof chunk === 'string' && typeof encoding === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : chunk)
      const callback = typeof encoding === 'function' ? encoding : done
      if (typeof callback === 'function') process.nextTick(callback)
      return true
    }
  }

  private write(streamLevel: Level, chunk: string | Uint8Array): boolean {
    const level = this.level ?? streamLevel
    const run = this.current()
    const buffers = run === undefined ? this.outside : this.buffersOf(run)
    buffers[level] ??= new LineBuffer((message) => {
      this.send({ run: run?.id, level, message, time_ms: Date.now(), source: 'output' })
    })
    buffers[level].write(chunk)
    // Nobody will flush a run that has its answer.
    if (run?.isAnswered === true) buffers[level].flush()
    return true
  }

  private buffersOf(run: Run): Buffers {
    let buffers = this.byRun.get(run)
    if (buffers === undefined) this.byRun.set(run, (buffers = {}))
    return buffers
  }
}
