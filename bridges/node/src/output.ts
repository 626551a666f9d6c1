/** Printed text of user code, sent as log lines of the run that printed it. Source: PS-8.8. */
import { Console } from 'node:console'
import { isText, LINE_CHARS_MAX, type Members } from './errors.ts'
import { type Attempt, currentAttempt } from './attempt.ts'
import type { Level } from './types.ts'

/** Pieces of a line that is too long for one message. */
const PIECES = new RegExp(`.{1,${LINE_CHARS_MAX}}`, 'gsu')

/** Output that stands between user code's printing and the process's own stdout and stderr. */
export class Output {
  /** Lines that have not ended yet, by run and level; bytes, each as one character, since a chunk may end inside of a letter. */
  private readonly open = new Map<Attempt | undefined, Map<Level, string>>()
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
  flush(attempt?: Attempt): void {
    for (const [level, line] of this.open.get(attempt) ?? []) if (line !== '') this.log(attempt, level, line)
    this.open.delete(attempt)
  }

  private writerFor(streamLevel: Level): NodeJS.WriteStream['write'] {
    return (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      const bytes = isText(chunk) ? Buffer.from(chunk, isText(encoding) ? (encoding as BufferEncoding) : 'utf8') : Buffer.from(chunk)
      this.print(this.level ?? streamLevel, bytes.toString('latin1'))
      const callback = [encoding, done].find((each) => typeof each === 'function')
      if (callback !== undefined) process.nextTick(callback)
      return true
    }
  }

  private print(level: Level, bytes: string): void {
    const attempt = currentAttempt.getStore()
    const open = this.open.get(attempt) ?? new Map<Level, string>()
    const lines = `${open.get(level) ?? ''}${bytes}`.split('\n')
    // A line without an end is cut, so that it does not grow without a bound.
    const rest = (lines.at(-1) ?? '').length < LINE_CHARS_MAX ? lines.pop() : ''
    this.open.set(attempt, open.set(level, rest ?? ''))
    for (const line of lines) this.log(attempt, level, line)
    // Nobody will flush a run that has its answer.
    if (attempt?.isAnswered === true) this.flush(attempt)
  }

  private log(attempt: Attempt | undefined, level: Level, bytes: string): void {
    const line = Buffer.from(bytes, 'latin1').toString().replace(/\r$/, '')
    for (const message of line.match(PIECES) ?? ['']) this.send({ run: attempt?.id, level, message, time_ms: Date.now(), source: 'output' })
  }
}
