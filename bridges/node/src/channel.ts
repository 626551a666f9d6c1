/** Frames out of bytes, bytes out of frames. Source: PS-3.1 to PS-3.3. */
import type { Socket } from 'node:net'
import type { Peer } from './peer.ts'

/** Until `hello` says less; PS-3.2. */
export const FRAME_BYTES_MAX = 16_777_216
/** Enough of an oversized message to read its kind and id, in whatever encoding. */
const HEAD_BYTES = 32
/** Frames are gathered in blocks of this size; larger ones get a block of their own. */
const BLOCK_BYTES = 65_536

/** Splits a byte stream into frames, wherever it is cut. */
export class FrameReader {
  private parts: Buffer[] = []
  private have = 0
  private need = 4
  private toSkip = 0

  constructor(private readonly peer: Pick<Peer, 'frame' | 'frameBytesMax'>) {}

  /** Take the next bytes; the peer gets every frame that is complete, and the head of one that is too large. */
  push(chunk: Buffer): void {
    const fresh = chunk.subarray(this.toSkip)
    this.toSkip -= chunk.length - fresh.length
    this.parts.push(fresh)
    this.have += fresh.length
    // Joined once per frame and not once per chunk, so that a large frame costs one copy.
    if (this.have < this.need) return
    let bytes = this.parts.length === 1 ? fresh : Buffer.concat(this.parts)
    for (this.need = 4; bytes.length >= 4; this.need = 4) {
      const length = bytes.readUInt32BE()
      this.need = 4 + Math.min(length, length > this.peer.frameBytesMax ? HEAD_BYTES : length)
      if (bytes.length < this.need) break
      const body = bytes.subarray(4, this.need)
      this.toSkip = Math.max(4 + length - bytes.length, 0)
      bytes = bytes.subarray(4 + length)
      this.peer.frame(body, length)
    }
    this.parts = [bytes]
    this.have = bytes.length
  }
}

/** Gathers the frames of one tick into one write, in order. What waits is bounded by those who send. */
export class FrameWriter {
  private block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  private start = 0
  private end = 0

  constructor(private readonly output: Socket) {}

  /** Bytes that the pipe does not have yet. */
  get waitingBytes(): number { return this.end - this.start + this.output.writableLength }

  /** Add one frame; `body` is copied before this returns. */
  send(body: Uint8Array): void {
    const size = 4 + body.length
    if (size > this.block.length - this.end) {
      this.flush()
      this.block = Buffer.allocUnsafeSlow(Math.max(size, BLOCK_BYTES))
      this.start = this.end = 0
    }
    if (this.start === this.end) process.nextTick(this.flush)
    this.block.writeUInt32BE(body.length, this.end)
    this.block.set(body, this.end + 4)
    this.end += size
  }

  /** Write everything that waits; `done` is called when the pipe has it. */
  finish(done: () => void): void {
    this.flush()
    this.output.end(done)
  }

  private readonly flush = (): void => {
    if (this.end > this.start) this.output.write(this.block.subarray(this.start, this.end))
    // The rest of the block is for later frames: written bytes are never touched again.
    this.start = this.end
  }
}
