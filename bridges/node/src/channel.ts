/** Frames: split out of the input, joined for the output. Source: PS-3.1 to PS-3.3. */
import type { Socket } from 'node:net'
import type { FrameSink } from './types.ts'

/** The limit until `hello` lowers it; PS-3.2. */
export const FRAME_BYTES_MAX = 16_777_216
/** Bytes of an oversized message that hold its kind and id in any encoding. */
const HEAD_BYTES = 32
/** Bytes up to which the frames of one tick are joined. */
const JOINED_BYTES_MAX = 262_144

/** Reader that splits a byte stream into frames, wherever it is cut. */
export class FrameReader {
  private parts: Buffer[] = []
  private have = 0
  private need = 4
  private toSkip = 0

  constructor(private readonly peer: FrameSink) {}

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
      this.peer.frame(bytes.subarray(4, this.need), length)
      this.toSkip = Math.max(4 + length - bytes.length, 0)
      bytes = bytes.subarray(4 + length)
    }
    this.parts = [bytes]
    this.have = bytes.length
  }
}

/** Writer that joins the frames of one tick, in order. The senders bound the bytes that wait. */
export class FrameWriter {
  private frames: Buffer[] = []
  private bytes = 0

  /** `onChange` is called before bytes go to the pipe, and when it has taken some of them. It may send more. */
  constructor(private readonly output: Pick<Socket, 'write' | 'end' | 'writableLength'>,
    private readonly onChange: () => void = () => undefined) {}

  /** Bytes that the pipe does not have yet. */
  get waitingBytes(): number { return this.bytes + this.output.writableLength }

  /** Add one frame; `body` is copied before this returns. */
  send(body: Uint8Array): void {
    const frame = Buffer.allocUnsafe(4 + body.length)
    frame.writeUInt32BE(body.length)
    frame.set(body, 4)
    this.bytes += frame.length
    if (this.frames.push(frame) === 1) process.nextTick(this.flush)
  }

  /** Write everything that waits; `done` is called when the pipe has it. */
  finish(done: () => void): void {
    this.flush()
    this.output.end(done)
  }

  private readonly flush = (): void => {
    this.onChange()
    const { frames, bytes } = this
    this.frames = []
    this.bytes = 0
    // One write costs least for small frames; to join large ones would hold them twice.
    const writes = bytes <= JOINED_BYTES_MAX ? [Buffer.concat(frames, bytes)] : frames
    if (bytes > 0) for (const each of writes) this.output.write(each, this.onChange)
    this.onChange()
  }
}
