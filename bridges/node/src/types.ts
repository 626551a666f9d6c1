/** Interfaces that the parts of this bridge have of each other, so that no two files import one another. */
import type { Check } from './adapters/schema.ts'
import type { Members, PolystepError } from './errors.ts'

/** Severity of a log line. */
export type Level = 'debug' | 'info' | 'warn' | 'error'

/** User code's function; the host checks what goes in and what comes out. */
export type UserFunction = (...given: unknown[]) => unknown

/** A file that can be run, and the answer of its `step.load`; `rules` are by the type of the runs that ask them. */
export type LoadedFile = Readonly<{
  file: string; handler: UserFunction | undefined; middleware: readonly UserFunction[]
  checks: Readonly<Record<string, Check>>; rules: Readonly<Record<string, UserFunction>>; answer: Members
}>

/** An attempt as its context and its features see it; `Attempt` documents the members. */
export interface Caller {
  readonly params: Members; readonly step: LoadedFile
  readonly features: ReadonlySet<string>
  readonly controller: AbortController
  call(method: string, given: () => Members, result?: () => unknown): Promise<unknown>
  notify(method: string, params: Members): void
  callsOpen: number
  callEnded(error: PolystepError | null): void
}

/** The part of a bridge that answers the other side; each request once, by an answer or by an error that is thrown. */
export interface Listener {
  request(id: number, method: unknown, params: unknown): void
  notification(method: unknown, params: unknown): void
  broken(why: string): void
}

/** Takes the frames that were cut out of the input: `body` is all of a frame, or the head of one that is too large. */
export interface FrameSink {
  readonly frameBytesMax: number
  frame(body: Buffer, length: number): void
}
