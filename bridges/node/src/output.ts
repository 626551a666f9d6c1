/** What user code prints becomes log lines of the run that printed it. Source: PS-8.8. */
import { Console } from 'node:console'
import { StringDecoder } from 'node:string_decoder'
import type { Level } from './context.ts'
import { LINE_CHARS_MAX, type Members } from './errors.ts'
import { currentRun, type Run } from './run.ts'

/** A line that is being printed; what is too long of it is counted, not kept. */
class OpenLine {
  private text = ''
  private length = 0
  private readonly decoder = new StringDecoder('utf8')

  constructor(private readonly send: (line: string) => void) {}

  write(chunk: string | Uint8Array): void {
    const lines = (typeof chunk === 'string' ? chunk : this.decoder.write(Buffer.from(chunk))).split('\n')
    for (const [index, line] of lines.entries()) {
      if (index > 0) this.end()
      this.length += line.length
      this.text += line.slice(0, LINE_CHARS_MAX - this.text.length)
    }
  }

  flush(): void { if (this.text !== '') this.end() }

  private end(): void {
    const cut = this.length - this.text.length
    const note = cut === 0 ? '' : `… (${cut} more characters)`
    this.send((this.text.slice(0, LINE_CHARS_MAX - note.length) + note).replace(/\r$/, '').toWellFormed())
    this.text = ''
    this.length = 0
  }
}

/** Stands between user code's printing and the process's own stdout and stderr. */
export class Output {
  /** Lines that have not ended yet, by run and level. */
  private readonly open = new Map<Run | undefined, Partial<Record<Level, OpenLine>>>()
  private level: Level | null = null

  constructor(private readonly send: (line: Members) => void) {}

  /** Take over `console`, `process.stdout` and `process.stderr`. */
  install(): void {
    const [stdout, stderr] = [this.writerFor('info'), this.writerFor('error')]
    // Straight to us: the console's own way through a stream costs several times as much.
    const quick = new Console({ write: stdout } as NodeJS.WritableStream, { write: stderr } as NodeJS.WritableStream, false)
    Object.assign(console, quick)
    // The methods with a level other than their stream's.
    for (const [name, level] of [['debug', 'debug'], ['warn', 'warn'], ['trace', 'debug']] as const) {
      Object.assign(console, { [name]: (...given: unknown[]) => {
        this.level = level
        try { quick[name](...given) } finally { this.level = null }
      } })
    }
    Object.assign(process.stdout, { write: stdout })
    Object.assign(process.stderr, { write: stderr })
  }

  /** Send what `run` printed without a line's end; what was printed outside of runs when absent. */
  flush(run?: Run): void {
    for (const line of Object.values(this.open.get(run) ?? {})) line.flush()
    this.open.delete(run)
  }

  private writerFor(streamLevel: Level): NodeJS.WriteStream['write'] {
    return (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      const run = currentRun.getStore()
      const level = this.level ?? streamLevel
      const lines = this.open.get(run) ?? {}
      this.open.set(run, lines)
      lines[level] ??= new OpenLine((message) => { this.send({ run: run?.id, level, message, time_ms: Date.now(), source: 'output' }) })
      lines[level].write(typeof encoding === 'string' ? Buffer.from(chunk as string, encoding as BufferEncoding) : chunk)
      // Nobody will flush a run that has its answer.
      if (run?.isAnswered === true) this.flush(run)
      const callback = [encoding, done].find((each) => typeof each === 'function')
      if (callback !== undefined) process.nextTick(callback)
      return true
    }
  }
}
