/** A small host for tests: the bridge as a process, over real pipes. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FrameReader, FrameWriter } from '../channel.ts'
import { pack, unpack } from '../codec.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const ROOT_MODULES = fileURLToPath(new URL('../../../../node_modules', import.meta.url))
export const COMMAND = [process.execPath, '--import', 'tsx', MAIN] as const
const WAIT_MS = 20_000

export type ChannelKind = 'private' | 'sockets' | 'pipes'

export type Members = Record<string, unknown>
export interface WireError extends Members {
  name: string
  message: string
  data: { name: string; message: string; stack: string }
}

/** Plays the host: calls, answers calls from `answers`, and keeps all notifications. */
export class FakeHost {
  readonly child: ChildProcess
  readonly calls: [method: string, params: Members][] = []
  readonly notes: [method: string, params: Members][] = []
  readonly answers: Record<string, (params: Members) => unknown> = {}
  /** Error answers by id. */
  readonly refusals = new Map<number, WireError>()
  stdout = ''
  stderr = ''
  private readonly waits = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>()
  private readonly writer: FrameWriter
  private readonly input: Socket
  private readonly exited: Promise<[number | null, string | null]>
  private watchers: (() => void)[] = []
  private idLast = 0

  constructor(
    private readonly project: string,
    kind: ChannelKind = 'private',
  ) {
    const isPrivate = kind === 'private'
    // Node makes sockets where other hosts make pipes, so real pipes need a shell.
    const [program, ...words] = kind === 'pipes' ? ['sh', '-c', 'cat | { "$@" 2>&1 >&3 3>&- | cat >&2; } 3>&1 | cat', 'sh', ...COMMAND] : COMMAND
    this.child = spawn(program, words, {
      cwd: project,
      env: { ...process.env, POLYSTEP_CHANNEL: isPrivate ? 'private' : 'stdio' },
      stdio: isPrivate ? ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'],
    })
    this.exited = once(this.child, 'exit') as Promise<[number | null, string | null]>
    const [, stdout, stderr] = this.child.stdio
    stderr?.on('data', (chunk: Buffer) => { this.stderr += String(chunk) })
    if (isPrivate) stdout?.on('data', (chunk: Buffer) => { this.stdout += String(chunk) })
    this.input = this.child.stdio[isPrivate ? 3 : 0] as Socket
    this.input.on('error', () => undefined)
    this.writer = new FrameWriter(this.input)
    const reader = new FrameReader(
      { frame: (body) => { this.receive(unpack(body) as unknown[]) }, frameBytesMax: 16_777_216 },
    )
    ;(this.child.stdio[isPrivate ? 4 : 1] as Socket).on('data', (chunk: Buffer) => { reader.push(chunk) })
  }

  call(method: string, params: Members): Promise<unknown> {
    const id = ++this.idLast
    this.send([0, id, method, params])
    return within(new Promise((resolve, reject) => this.waits.set(id, { resolve, reject })), `the answer to ${method}`)
  }

  send(message: unknown[]): void {
    this.writer.send(pack(message))
  }

  raw(bytes: Buffer): void {
    this.input.write(bytes)
  }

  hello(more: Members = {}): Promise<unknown> {
    return this.call('hello', { protocol: '1.0', host: { name: 'test', version: '0' }, project: this.project, frame_bytes_max: 16_777_216, features: [], ...more })
  }

  async load(file: string): Promise<Members> {
    return (await this.call('step.load', { file, kind: 'step' })) as Members
  }

  run(file: string, input: unknown, more: Members = {}): Promise<unknown> {
    const run = `run-${this.idLast + 1}`
    return this.call('step.run', { run, file, step: 'S', type: 'api', input, trace_id: 'trace', traceparent: '', attempt: 1, timeout_ms: 1000, flows: ['f'], ...more })
  }

  async fails(file: string, input: unknown, more: Members = {}): Promise<WireError> {
    try {
      await this.run(file, input, more)
    } catch (error) {
      return error as WireError
    }
    return assert.fail('the run succeeded')
  }

  /** Wait until `ready` gives something; it is asked again whenever anything arrives. */
  async until<Found>(ready: () => Found | undefined, what: string): Promise<Found> {
    const wait = async (): Promise<Found> => {
      for (;;) {
        const found = ready()
        if (found !== undefined) return found
        await new Promise<void>((resolve) => this.watchers.push(resolve))
      }
    }
    return within(wait(), what)
  }

  logged(message: string): Promise<Members> {
    return this.until(() => this.notes.find(([method, line]) => method === 'log' && line['message'] === message)?.[1], `the log "${message}"`)
  }

  end(): void {
    this.input.end()
  }

  /** Let go of the process, whatever became of it: one that is left keeps the tests from ending. */
  kill(): void {
    this.child.kill('SIGKILL')
    for (const stream of this.child.stdio) stream?.destroy()
  }

  exit(): Promise<[number | null, string | null]> {
    return within(this.exited, 'the exit')
  }

  private receive(message: unknown[]): void {
    const [kind, second, third, fourth] = message as [number, unknown, unknown, unknown]
    if (kind === 1) {
      const wait = this.waits.get(second as number)
      if (third === null) wait?.resolve(fourth)
      else {
        this.refusals.set(second as number, third as WireError)
        wait?.reject(third)
      }
    } else if (kind === 0) this.answer(second as number, third as string, fourth as Members)
    else this.notes.push([second as string, third as Members])
    for (const watcher of this.watchers.splice(0)) watcher()
  }

  private answer(id: number, method: string, params: Members): void {
    this.calls.push([method, params])
    try {
      this.send([1, id, null, this.answers[method]?.(params) ?? null])
    } catch (error) {
      this.send([1, id, error, null])
    }
  }
}

export async function within<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`Waited ${WAIT_MS} ms for ${what}.`)) }, WAIT_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Of `ls -l /proc/self/fd`; 3 is what ls itself reads. High numbers are what this test's own parents left open. */
export function descriptorsIn(listing: string): number[] {
  return [...listing.matchAll(/ (\d+) -> /g)].map(([, fd]) => Number(fd)).filter((fd) => fd < 100)
}

export function makeProject(files: Record<string, string>): string {
  const project = mkdtempSync(join(tmpdir(), 'polystep-node-'))
  writeFileSync(join(project, 'package.json'), '{}')
  symlinkSync(ROOT_MODULES, join(project, 'node_modules'))
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, file)), { recursive: true })
    writeFileSync(join(project, file), text)
  }
  return project
}

/** The text of a step whose handler has this body. */
export const step = (body: string, config = ''): string => `
import { setTimeout as delay } from 'node:timers/promises'
export const config = { type: 'event', name: 'S', subscribes: ['t'], emits: [], ${config} }
export const handler = async (input: any, ctx: any) => { ${body} }`

/** List the descriptors of the channel that a child process of user code sees. */
export const CHILDREN = step(`
    const { spawnSync, execSync } = require('node:child_process')
    spawnSync('sh', ['-c', 'echo inherited'], { stdio: 'inherit' })
    return String(execSync('ls -l /proc/self/fd; echo channel=$POLYSTEP_CHANNEL'))`)
