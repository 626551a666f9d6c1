/** Answers of attempts, given no faster than the host reads. */
import type { FrameWriter } from '../channel.ts'
import type { Members } from '../errors.ts'

/** Bytes beyond which answers wait as values: encoded ones are copies, and delay everything behind them. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024
/** Size up to which an answer does not wait, so that large answers do not delay small ones. */
const SMALL_BYTES_MAX = 64 * 1024
/** Cost of a member besides its text. */
const PART_BYTES = 8

/** Queue that holds back large answers while the host is behind with reading. */
export class Answers {
  private readonly waiting: (() => void)[] = []

  constructor(private readonly writer: Pick<FrameWriter, 'waitingBytes'>) {}

  /** Number of answers that wait. */
  get size(): number { return this.waiting.length }

  /** Call `send`, which sends `value`: now, or when the host has read more. */
  give(value: unknown, send: () => void): void {
    if (this.hasRoom() || weigh(value, SMALL_BYTES_MAX) >= 0) send()
    else this.waiting.push(send)
  }

  /** Give answers that wait, since the pipe has taken bytes. */
  written(): void {
    while (this.hasRoom()) {
      const send = this.waiting.shift()
      if (send === undefined) return
      send()
    }
  }

  private hasRoom(): boolean { return this.writer.waitingBytes <= WAITING_BYTES_MAX }
}

/** Subtract the rough size of a carried value from `left`; stop once the rest is below 0. */
function weigh(value: unknown, left: number): number {
  if (typeof value === 'string') return left - value.length
  if (ArrayBuffer.isView(value)) return left - value.byteLength
  if (typeof value !== 'object' || value === null) return left - PART_BYTES
  let rest = left
  for (const name in value) {
    rest = weigh((value as Members)[name], rest - name.length - PART_BYTES)
    if (rest < 0) break
  }
  return rest
}
