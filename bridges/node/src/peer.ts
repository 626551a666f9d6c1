/** Messages over frames: calls and their answers, both ways. Source: PS-4. */
import type { FrameLimit, FrameListener, FrameWriter } from './channel.ts'
import { pack, unpack } from './codec.ts'
import { complain, isMap, PolystepError } from './errors.ts'

/** Notifications are dropped, and counted, while this much waits for a host that does not read. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024

/** A received map of parameters. */
export type Params = Record<string, unknown>

/** Told about the calls that are made for it. */
export interface CallOwner {
  callStarted(): void
  /** `error`: what the call was rejected with; absent when it succeeded. */
  callEnded(error?: PolystepError): void
}

/** What a side does with what it receives. A request must be answered once, through `answer` or `refuse`. */
export interface PeerListener {
  request(id: number, method: string, params: Params): void
  notification(method: string, params: Params): void
  broken(error: PolystepError): void
}

/** Resolve a call with what the other side answered. */
export const ANSWER = Symbol('answer')

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: PolystepError) => void
  readonly owner: CallOwner
  readonly result: unknown
}

/** One side of the channel. */
export class Peer implements FrameListener {
  private readonly pending = new Map<number, Pending>()
  private idLast = 0
  private dropped = 0
  private closedBy: PolystepError | null = null

  constructor(
    private readonly limit: Readonly<FrameLimit>,
    private readonly writer: Pick<FrameWriter, 'send' | 'waitingBytes'>,
    private readonly listener: PeerListener,
  ) {}

  /**
   * Call the other side for `owner`.
   *
   * `result` is what the call resolves to; `ANSWER` for what was answered. `params` went through `carry`.
   * Rejects with the other side's error, `frame_too_large`, or `runner_gone` when the channel ends first.
   */
  call(method: string, params: Params, owner: CallOwner, result: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      owner.callStarted()
      const id = ++this.idLast
      const pending = { resolve, reject, owner, result }
      const error = this.closedBy ?? this.post([0, id, method, params], method)
      if (error === null) this.pending.set(id, pending)
      else settle(pending, error, null)
    })
  }

  /** Answer the request `id`. Values were carried; one that is too large becomes an error. */
  answer(id: number, result: unknown): void {
    const error = this.post([1, id, null, result], 'answer')
    if (error !== null) this.refuse(id, error)
  }

  /** Answer the request `id` with an error; its data is left out when it is too large. */
  refuse(id: number, error: PolystepError): void {
    if (this.post([1, id, error.toWire(), null], 'answer') !== null) {
      this.post([1, id, { ...error.toWire(), message: error.message.slice(0, 1000), data: {} }, null], 'answer')
    }
  }

  /** Tell the other side; never fails. Fields that are too large are left out, and all is dropped when the host does not read. */
  notify(method: string, params: Params): void {
    if (this.closedBy !== null || this.writer.waitingBytes > WAITING_BYTES_MAX) {
      this.dropped += 1
      return
    }
    if (this.dropped > 0) {
      const message = `${this.dropped} log lines or spans were dropped while the host did not read.`
      this.dropped = 0
      this.post([2, 'log', { level: 'warn', message, time_ms: Date.now(), source: 'output' }], method)
    }
    const error = this.post([2, method, params], method)
    if (error !== null) this.post([2, method, { ...params, fields: { note: `The fields were left out. ${error.message}` } }], method)
  }

  /** Fail every unanswered call; the channel is not used again. Source: PS-4.4. */
  close(error: PolystepError): void {
    if (this.closedBy !== null) return
    this.closedBy = error
    for (const pending of this.pending.values()) settle(pending, error, null)
    this.pending.clear()
  }

  /** One frame arrived. */
  frame(body: Buffer): void {
    let message: unknown
    try {
      message = unpack(body)
    } catch (error) {
      this.unreadable(body, error)
      return
    }
    if (!Array.isArray(message)) this.broken('a frame is not an array')
    else this.receive(message)
  }

  /** One frame was too large and is being dropped. Source: PS-3.3. */
  oversized(head: Buffer, length: number): void {
    const error = tooLarge(`A message of ${length} bytes`, this.limit.frameBytesMax)
    if (!this.failById(readHead(head), error)) complain(`${error.message} It was dropped.`)
  }

  /** The bytes are no messages: both sides' calls are lost. */
  broken(reason: string): void {
    const error = PolystepError.own('runner_gone', `The channel to the host is broken: ${reason}.`)
    this.close(error)
    this.listener.broken(error)
  }

  private receive(message: readonly unknown[]): void {
    if (isResponse(message)) this.settleId(message[1], message[2] === null ? null : PolystepError.fromWire(message[2]), message[3])
    else if (isRequest(message)) this.listener.request(message[1], message[2], message[3])
    else if (isNotification(message)) this.listener.notification(message[1], message[2])
    else this.broken('a frame is not a request, a response or a notification')
  }

  /** A call that is not waited for is no error: it was failed here before its answer came. */
  private settleId(id: number, error: PolystepError | null, answer: unknown): void {
    const pending = this.pending.get(id)
    if (pending === undefined) return
    this.pending.delete(id)
    settle(pending, error, answer)
  }

  private unreadable(body: Buffer, thrown: unknown): void {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    const error = thrown instanceof PolystepError ? thrown : null
    if (error === null || !this.failById(readHead(body), error)) this.broken(`a frame cannot be read: ${why}`)
  }

  /** Fail the one call that a message belongs to; false when it belongs to none. */
  private failById(head: Head | null, error: PolystepError): boolean {
    if (head === null) return false
    if (head.kind === 0) this.refuse(head.id, error)
    else this.settleId(head.id, error, null)
    return true
  }

  private post(message: readonly unknown[], what: string): PolystepError | null {
    let body: Uint8Array
    try {
      body = pack(message)
    } catch (error) {
      // A value that changes while it is read: a getter or a Proxy.
      return PolystepError.own('invalid_value', `The value of ${what} cannot be carried: ${String(error)}`)
    }
    if (body.length > this.limit.frameBytesMax) return tooLarge(`The ${what} of ${body.length} bytes`, this.limit.frameBytesMax)
    this.writer.send(body)
    return null
  }
}

type Request = readonly [0, number, string, Params]
type Response = readonly [1, number, unknown, unknown]
type Notification = readonly [2, string, Params]

function isRequest(message: readonly unknown[]): message is Request {
  return message.length === 4 && message[0] === 0 && Number.isSafeInteger(message[1]) && typeof message[2] === 'string' && isMap(message[3])
}

function isResponse(message: readonly unknown[]): message is Response {
  return message.length === 4 && message[0] === 1 && Number.isSafeInteger(message[1])
}

function isNotification(message: readonly unknown[]): message is Notification {
  return message.length === 3 && message[0] === 2 && typeof message[1] === 'string' && isMap(message[2])
}

function settle(pending: Pending, error: PolystepError | null, answer: unknown): void {
  pending.owner.callEnded(error ?? undefined)
  if (error !== null) pending.reject(error)
  else pending.resolve(pending.result === ANSWER ? answer : pending.result)
}

function tooLarge(what: string, max: number): PolystepError {
  const message = `${what} is larger than the ${max} bytes of one frame. Send less, or store it elsewhere and send its address.`
  return PolystepError.own('frame_too_large', message, { frame_bytes_max: max })
}

interface Head {
  readonly kind: 0 | 1
  readonly id: number
}

/** Kind and id from the first bytes of a message; `null` for a notification or for garbage. */
function readHead(bytes: Buffer): Head | null {
  const kind = bytes[1]
  if (bytes[0] !== 0x94 || (kind !== 0 && kind !== 1)) return null
  const id = readId(bytes)
  return id === null ? null : { kind, id }
}

function readId(bytes: Buffer): number | null {
  const type = bytes[2]
  if (type === undefined) return null
  if (type < 0x80) return type
  const size = [1, 2, 4, 8][type - 0xcc]
  if (size === undefined || bytes.length < 3 + size) return null
  return size === 8 ? Number(bytes.readBigUInt64BE(3)) : bytes.readUIntBE(3, size)
}
