/** The two descriptors of the channel: frames out of bytes, bytes out of frames. Source: PS-2, PS-3.1 to PS-3.3. */
import { spawn } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'

/** Until `hello` says less; PS-3.2. */
export const FRAME_BYTES_MAX = 16_777_216
/** Enough of an oversized message to read its kind and id. */
const HEAD_BYTES = 16
/** Frames are gathered in blocks of this size; larger ones get a block of their own. */
const BLOCK_BYTES = 65_536

/** The largest message either way; it changes once, in `hello`. */
export interface FrameLimit {
  frameBytesMax: number
}

/** What a reader tells about. */
export interface FrameListener {
  frame(body: Buffer): void
  /** A frame of `length` bytes is being dropped; `head` is how it begins. */
  oversized(head: Buffer, length: number): void
  /** The bytes are no frames; nothing more is read. */
  broken(reason: string): void
}

/** Splits a byte stream into frames, wherever it is cut. */
export class FrameReader {
  private parts: Buffer[] = []
  private have = 0
  private need = 4
  private toSkip = 0
  private isBroken = false

  constructor(
    private readonly listener: FrameListener,
    private readonly limit: Readonly<FrameLimit>,
  ) {}

  /** Take the next bytes; calls the listener for every frame that is complete. */
  push(chunk: Buffer): void {
    if (this.isBroken) return
    const skipped = Math.min(this.toSkip, chunk.length)
    this.toSkip -= skipped
    if (skipped === chunk.length) return
    this.parts.push(skipped === 0 ? chunk : chunk.subarray(skipped))
    this.have += chunk.length - skipped
    // Joined once per frame and not once per chunk, so that a large frame costs one copy.
    if (this.have < this.need) return
    const bytes = this.parts.length === 1 ? chunk.subarray(skipped) : Buffer.concat(this.parts)
    const rest = bytes.subarray(this.split(bytes))
    this.parts = rest.length === 0 ? [] : [rest]
    this.have = rest.length
  }

  /** Handle what is complete in `bytes`; returns how many of them are done with. */
  private split(bytes: Buffer): number {
    let at = 0
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at)
      const isOversized = length > this.limit.frameBytesMax
      const wanted = isOversized ? Math.min(HEAD_BYTES, length) : length
      if (length === 0) return this.stop(bytes, 'a frame of length 0 arrived')
      if (bytes.length - at - 4 < wanted) {
        this.need = 4 + wanted
        return at
      }
      const body = bytes.subarray(at + 4, at + 4 + wanted)
      at += 4 + length
      if (isOversized) this.listener.oversized(body, length)
      else this.listener.frame(body)
    }
    this.need = 4
    this.toSkip = Math.max(at - bytes.length, 0)
    return Math.min(at, bytes.length)
  }

  private stop(bytes: Buffer, reason: string): number {
    this.isBroken = true
    this.listener.broken(reason)
    return bytes.length
  }
}

/**
 * Gathers the frames of one tick into one write, in order; while the pipe is full they wait here.
 *
 * What waits is bounded by its makers: answers by `runs_max`, notifications by `Peer`, calls by the promises that
 * user code holds for them.
 */
export class FrameWriter {
  private block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  private start = 0
  private end = 0
  private readonly full: Buffer[] = []
  private fullBytes = 0
  private isScheduled = false
  private isBlocked = false

  constructor(private readonly output: Socket) {
    output.on('drain', () => {
      this.isBlocked = false
      this.flush()
    })
  }

  /** Bytes that are not handed to the pipe yet. */
  get waitingBytes(): number {
    return this.fullBytes + this.end - this.start + this.output.writableLength
  }

  /** Add one frame; `body` is copied before this returns. */
  send(body: Uint8Array): void {
    const size = 4 + body.length
    if (size > this.block.length - this.end) this.nextBlock(size)
    this.block.writeUInt32BE(body.length, this.end)
    this.block.set(body, this.end + 4)
    this.end += size
    if (this.isScheduled) return
    this.isScheduled = true
    process.nextTick(this.flush)
  }

  /** Write everything that waits; `done` is called when the pipe has it. */
  finish(done: () => void): void {
    this.isBlocked = false
    this.flush()
    this.output.end(done)
  }

  private nextBlock(size: number): void {
    this.retire()
    this.block = Buffer.allocUnsafeSlow(Math.max(size, BLOCK_BYTES))
    this.start = this.end = 0
  }

  private retire(): void {
    if (this.end === this.start) return
    this.full.push(this.block.subarray(this.start, this.end))
    this.fullBytes += this.end - this.start
    // The rest of the block is used for later frames: written bytes are never touched again.
    this.start = this.end
  }

  private readonly flush = (): void => {
    this.isScheduled = false
    if (this.isBlocked) return
    this.retire()
    for (const bytes of this.full) this.isBlocked = !this.output.write(bytes) || this.isBlocked
    this.full.length = 0
    this.fullBytes = 0
  }
}

/** The channel's two ends. */
export interface Ends {
  readonly input: Socket
  readonly output: Socket
}

/**
 * Open the channel that `POLYSTEP_CHANNEL` names, before any user code is loaded.
 *
 * `private`: descriptors 3 and 4. `stdio`: 0 and 1 move to descriptors of our own, 0 becomes empty and 1 becomes 2.
 * Node marks all of them close-on-exec, so processes that user code starts never have them.
 *
 * Returns `null` when they cannot be moved, because one is a socket: see `relaunch`. Source: PS-2.1, PS-2.2.
 */
export function openChannel(kind: string | undefined): Ends | null {
  if (kind === 'private') return socketsOf(3, 4)
  if (kind === 'stdio') return [0, 1, 2].some(isSocket) ? null : moveStdio()
  throw new Error(
    `POLYSTEP_CHANNEL is ${JSON.stringify(kind)}, not "private" or "stdio". The polystep host starts this program; run "polystep dev".`,
  )
}

/** Start this program again with the channel on 3 and 4, and end as it ends; a socket has no other way to another number. */
export function relaunch(): void {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['ignore', 2, 2, 0, 1],
    env: { ...process.env, POLYSTEP_CHANNEL: 'private' },
  })
  child.on('exit', (code) => { process.exit(code ?? 1) })
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket()
  } catch {
    // Closed.
    return false
  }
}

function socketsOf(inputFd: number, outputFd: number): Ends {
  return {
    input: new Socket({ fd: inputFd, readable: true, writable: false }),
    output: new Socket({ fd: outputFd, readable: false, writable: true }),
  }
}

/** Node has no dup2, but a pipe can be opened again by its number, and open takes the lowest one that is free. */
function moveStdio(): Ends {
  const input = openSync('/dev/fd/0', constants.O_RDONLY)
  closeSync(0)
  openSync('/dev/null', constants.O_RDONLY)
  const output = openSync('/dev/fd/1', constants.O_WRONLY)
  closeSync(1)
  try {
    openSync('/dev/fd/2', constants.O_WRONLY | constants.O_APPEND)
  } catch {
    // It is closed.
    openSync('/dev/null', constants.O_WRONLY)
  }
  return socketsOf(input, output)
}
