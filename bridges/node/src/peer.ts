/** Messages over frames: calls and their answers, both ways. Source: PS-4. */
import type { FrameLimit, FrameListener, FrameWriter } from './channel.ts'
import { pack, readHead, unpack } from './codec.ts'
import { describeFailure, isMap, PolystepError } from './errors.ts'
import type { Members } from './errors.ts'

/** Notifications are dropped, and counted, while this much waits for a host that does not read; PS-8.10. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024

/** What a side does with what it receives. */
export interface PeerListener {
  /** Answer once, through `answer` or `refuse`, or throw the error. */
  request(id: number, method: string, params: Members): void
  notification(method: string, params: Members): void
  broken(error: PolystepError): void
}

type Writer = Pick<FrameWriter, 'send' | 'waitingBytes'>
/** Ends a call with its error or, for `null`, with its answer; returns what the call resolves to. */
export type EndCall = (error: PolystepError | null, answer?: unknown) => unknown

/** One side of the channel. */
export class Peer implements FrameListener {
  private readonly waiting = new Map<number, EndCall>()
  private idLast = 0
  private dropped = 0
  private closedBy: PolystepError | null = null

  constructor(private readonly limit: FrameLimit, private readonly writer: Writer, private readonly listener: PeerListener) {}

  /** Call the other side with `params` that were carried. Rejects with its error, `frame_too_large` or `runner_gone`. */
  call(method: string, params: Members, ended: EndCall): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.idLast
      this.waiting.set(id, (error, answer) => {
        const value = ended(error, answer)
        if (error === null) resolve(value)
        else reject(error)
      })
      const unsent = this.post([0, id, method, params], method)
      if (unsent !== null) this.end(id, unsent)
    })
  }

  /** Answer the request `id` with a value that was carried; with `instead` when that cannot be sent. */
  answer(id: number, result: unknown, instead?: null): void {
    const unsent = this.post([1, id, null, result], 'answer')
    if (unsent === null) return
    if (instead === null) this.post([1, id, null, null], 'answer')
    else this.refuse(id, unsent)
  }

  /** Answer the request `id` with an error. */
  refuse(id: number, error: PolystepError): void {
    const unsent = this.post([1, id, error.toWire(), null], 'answer')
    if (unsent !== null) this.post([1, id, unsent.toWire(), null], 'answer')
  }

  /** Tell the other side; never fails. A log line that is too large is cut, and all is dropped while the host does not read. */
  notify(method: string, params: Members): void {
    if (this.writer.waitingBytes > WAITING_BYTES_MAX) {
      this.dropped += 1
      return
    }
    const { dropped } = this
    this.dropped = 0
    if (dropped > 0) {
      const message = `${dropped} log lines or spans were dropped while the host did not read.`
      this.post([2, 'log', { level: 'warn', message, time_ms: Date.now(), source: 'output' }], 'log')
    }
    const unsent = this.post([2, method, params], method)
    if (unsent === null || method !== 'log') return
    const message = String(params['message']).slice(0, 200).toWellFormed()
    this.post([2, method, { ...params, message, fields: { note: `The fields were left out. ${unsent.message}` } }], method)
  }

  /** Fail every call that waits; nothing is sent any more. Source: PS-4.4. */
  close(error: PolystepError): void {
    this.closedBy ??= error
    for (const id of [...this.waiting.keys()]) this.end(id, error)
  }

  /** One frame arrived. */
  frame(body: Buffer): void {
    try {
      this.receive(unpack(body))
    } catch (error) {
      this.unusable(body, error instanceof PolystepError ? error : PolystepError.own('internal', describeFailure(error).message))
    }
  }

  /** One frame was too large and is being dropped. Source: PS-3.3. */
  oversized(head: Buffer, length: number): void {
    this.unusable(head, tooLarge(`A message of ${length} bytes`, this.limit.frameBytesMax))
  }

  /** The bytes are no messages: both sides' calls are lost. */
  broken(reason: string): void {
    const error = PolystepError.own('runner_gone', `The channel to the host is broken: ${reason}`)
    this.close(error)
    this.listener.broken(error)
  }

  private receive(message: unknown): void {
    const members: unknown[] = Array.isArray(message) ? message : []
    const [kind, id, error, result] = members
    if (members.length === 4 && kind === 1 && isId(id)) this.end(id, PolystepError.fromWire(error), result)
    else this.receiveCall(members)
  }

  private receiveCall(members: unknown[]): void {
    const [method, params] = members.slice(-2)
    const [kind, id] = members
    const isCall = typeof method === 'string' && isMap(params)
    if (isCall && members.length === 4 && kind === 0 && isId(id)) this.listener.request(id, method, params)
    else if (isCall && members.length === 3 && kind === 2) this.listener.notification(method, params)
    else throw PolystepError.own('invalid_params', 'A message has a method that is no text, or params that are no map.')
  }

  /** Fail what a frame belongs to, by how it begins. Source: PS-4.5. */
  private unusable(bytes: Buffer, error: PolystepError): void {
    const { size, kind, id } = readHead(bytes)
    if (size === 4 && kind === 0 && isInteger(id)) this.refuse(id, error)
    else if (size === 4 && kind === 1 && isInteger(id)) this.end(id, error)
    else if (size !== 3 || kind !== 2) this.broken(`a frame is not a request, a response or a notification. ${error.message}`)
  }

  /** A call that does not wait is no error: it was failed here before its answer came. Source: PS-4.6. */
  private end(id: number, error: PolystepError | null, answer?: unknown): void {
    const endCall = this.waiting.get(id)
    this.waiting.delete(id)
    endCall?.(error, answer)
  }

  /** Send a message, or say why not. */
  private post(message: readonly unknown[], what: string): PolystepError | null {
    if (this.closedBy !== null) return this.closedBy
    try {
      const body = pack(message)
      if (body.length > this.limit.frameBytesMax) return tooLarge(`The ${what} of ${body.length} bytes`, this.limit.frameBytesMax)
      this.writer.send(body)
      return null
    } catch (error) {
      // A value that changes while it is read: a getter or a Proxy.
      return PolystepError.own('invalid_value', `The value of ${what} cannot be carried: ${describeFailure(error).message}`)
    }
  }
}

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value)
const isId = (value: unknown): value is number => isInteger(value) && value >= 0

function tooLarge(what: string, max: number): PolystepError {
  const message = `${what} is larger than the ${max} bytes of one frame. Send less, or store it elsewhere and send its address.`
  return PolystepError.own('frame_too_large', message, { frame_bytes_max: max })
}
