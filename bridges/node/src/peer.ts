/** Peer of the channel: calls and their answers, both ways. Source: PS-4. */
import { FRAME_BYTES_MAX, type FrameWriter } from './channel.ts'
import { pack, readHead, unpack } from './codec.ts'
import { describeFailure, invalidParams, type Members, PolystepError, shown } from './errors.ts'
import type { Listener } from './types.ts'

/** Bytes of unread output beyond which notifications are dropped and counted; PS-8.10. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024

/** Callback that ends a call with its error or, for `null`, with its answer. */
export type EndCall = (error: PolystepError | null, answer?: unknown) => void

/** One side of the channel. */
export class Peer {
  /** The largest message either way; it changes once, in `hello`. Source: PS-3.2. */
  frameBytesMax = FRAME_BYTES_MAX
  private readonly waiting = new Map<number, EndCall>()
  private idLast = 0
  private dropped = 0
  private closedBy: PolystepError | null = null

  /** `listener` gets the requests and notifications of the other side, well-formed or not. */
  constructor(private readonly writer: Pick<FrameWriter, 'send' | 'waitingBytes'>,
    private readonly listener: Listener) {}

  /** Call the other side with the carried params; ends with the answer, its error, or the reason that nothing was sent. */
  call(method: string, params: () => Members, end: EndCall): void {
    const id = ++this.idLast
    this.waiting.set(id, end)
    const unsent = this.post(method, () => [0, id, method, params()])
    if (unsent !== null) this.end(id, unsent)
  }

  /** Answer the request `id` with a carried value, or with an error; a value that cannot be sent becomes an error. */
  answer(id: number, result: unknown, error: PolystepError | null = null): void {
    const unsent = this.post('answer', () => (error === null ? [1, id, null, result] : [1, id, error.toWire(), null]))
    if (unsent !== null) this.post('answer', () => [1, id, unsent.toWire(), null])
  }

  /** Send a notification; never fails. A log line that is too large is cut, and all are dropped while the host does not read. */
  notify(method: string, params: Members): void {
    if (this.writer.waitingBytes > WAITING_BYTES_MAX) {
      this.dropped += 1
      return
    }
    if (this.dropped > 0) {
      const message = `${this.dropped} log lines or spans were dropped while the host did not read.`
      this.post('log', () => [2, 'log', { level: 'warn', message, time_ms: Date.now(), source: 'output' }])
      this.dropped = 0
    }
    const unsent = this.post(method, () => [2, method, params])
    if (unsent === null || method !== 'log') return
    const message = String(params['message']).slice(0, 200).toWellFormed()
    const fields = { note: `The fields were left out. ${unsent.message}` }
    this.post(method, () => [2, method, { ...params, message, fields }])
  }

  /** Fail every call that waits; nothing is sent any more. Source: PS-4.4. */
  close(error: PolystepError): void {
    this.closedBy ??= error
    for (const id of this.waiting.keys()) this.end(id, error)
  }

  /** Take a frame of `length` bytes. One that is too large is dropped, and `body` is only its head. */
  frame(body: Buffer, length = body.length): void {
    try {
      if (length > body.length) throw this.tooLarge(length)
      this.receive(unpack(body))
    } catch (error) {
      this.refuseFrame(body, error)
    }
  }

  private receive(message: unknown): void {
    const members: unknown[] = Array.isArray(message) ? message : []
    const [kind, second, third, fourth] = members
    const hasId = members.length === 4 && isInteger(second)
    if (hasId && kind === 0) this.listener.request(second, third, fourth)
    else if (hasId && kind === 1) this.end(second, PolystepError.fromWire(third), fourth)
    else if (members.length === 3 && kind === 2) this.listener.notification(second, third)
    else throw invalidParams('It is no message.')
  }

  /** Fail the call that a frame belongs to, by its head. Source: PS-4.5. */
  private refuseFrame(bytes: Buffer, thrown: unknown): void {
    const error = thrown instanceof PolystepError ? thrown : PolystepError.own('internal', describeFailure(thrown).message)
    const [size, kind, id] = readHead(bytes)
    if (size === 4 && kind === 0 && isInteger(id)) this.answer(id, null, error)
    else if (size === 4 && kind === 1 && isInteger(id)) this.end(id, error)
    else if (size !== 3 || kind !== 2) this.break(error.message)
  }

  /** Break the channel, since its bytes are no messages: both sides' calls are lost. Source: PS-4.4. */
  private break(why: string): void {
    const text = `The channel to the host is broken: a frame is not a request, an answer or a notification. ${why}`
    this.close(PolystepError.own('runner_gone', text))
    this.listener.broken(text)
  }

  /** End a call, unless it was failed here before its answer came. Source: PS-4.6. */
  private end(id: number, error: PolystepError | null, answer?: unknown): void {
    const endCall = this.waiting.get(id)
    this.waiting.delete(id)
    endCall?.(error, answer)
  }

  /** Send the message of `made`; returns an error that names it when it cannot be sent. */
  private post(what: string, made: () => readonly unknown[]): PolystepError | null {
    if (this.closedBy !== null) return this.closedBy
    try {
      const body = pack(made())
      if (body.length > this.frameBytesMax) throw this.tooLarge(body.length)
      this.writer.send(body)
      return null
    } catch (thrown) {
      // Reading a value can be user code: a getter, a toJSON, a Proxy. What it says is cut, so that it fits into any frame.
      const { name, message } = describeFailure(thrown)
      const why = `reading the value threw: ${name}: ${shown(message, 200)}`
      const error = thrown instanceof PolystepError ? thrown : PolystepError.own('invalid_value', why)
      error.message = `${what}: ${error.message}`
      return error
    }
  }

  private tooLarge(length: number): PolystepError {
    const max = this.frameBytesMax
    const message = `A message of ${length} bytes is larger than the ${max} of a frame. Send less, or send where it is stored.`
    return PolystepError.own('frame_too_large', message, { frame_bytes_max: max })
  }
}

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value)
