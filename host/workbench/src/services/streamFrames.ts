// Frames of one WebSocket of a stream, as they went over it: the client of the page's own subscription. Plain TypeScript; a view
// reads snapshots of it.

/** What is subscribed to: a group of a stream. */
export interface Subject {
  stream: string
  group: string
}

export type Way = 'in' | 'out' | 'page'

/** One frame, or what the page itself has to say of its connection. */
export interface Frame {
  n: number
  at: number
  /** `page`: no frame, but that the connection opened or closed. */
  way: Way
  kind: string
  /** UTF-8 bytes of the whole; 0 of what is no frame. */
  bytes: number
  /** The text, of a long frame its beginning. */
  text: string
  cut: boolean
}

export type Link =
  | { kind: 'connecting' }
  | { kind: 'open'; since: number }
  | { kind: 'waiting'; retryAt: number; attempts: number; reason: string }

export interface Frames {
  link: Link
  /** Oldest first. */
  frames: readonly Frame[]
  /** How many of the oldest are not kept any more. */
  dropped: number
}

export const FRAMES_MAX = 1000
export const KEPT_CHARS_MAX = 8_000_000
/** Of one frame: a snapshot of a group may have many megabytes. */
export const FRAME_CHARS_MAX = 256_000
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 10_000
/** A view need not be painted more often. */
const TOLD_MS = 100

/** A WebSocket, as far as it is needed here. */
export interface Socket {
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  send: (text: string) => void
  close: () => void
}

/** Subscription to a group that keeps what went over its socket. It owns the socket, from `start` to `stop`. */
export class StreamFrames {
  private socket: Socket | null = null
  private retry: ReturnType<typeof setTimeout> | undefined
  private telling: ReturnType<typeof setTimeout> | undefined
  private attempts = 0
  private taken = 0
  private chars = 0
  private link: Link = { kind: 'connecting' }
  private kept: Frame[] = []
  private dropped = 0
  private shown: Frames = { link: this.link, frames: [], dropped: 0 }
  private readonly listeners = new Set<() => void>()
  private readonly subject: Subject
  private readonly open: () => Socket

  constructor(subject: Subject, open: () => Socket = openSocket) {
    this.subject = subject
    this.open = open
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly snapshot = (): Frames => this.shown

  readonly start = (): void => {
    this.leave()
    this.move({ kind: 'connecting' })
    const socket = (this.socket = this.open())
    socket.onopen = () => {
      if (socket !== this.socket) return
      this.attempts = 0
      this.move({ kind: 'open', since: Date.now() })
      this.keep('page', 'opened', '', 0)
      this.send('join')
    }
    socket.onmessage = ({ data }) => {
      if (socket === this.socket && typeof data === 'string') this.keep('in', kindOf(data), data)
    }
    socket.onclose = ({ code, reason }) => {
      if (socket === this.socket) this.lose(closedWords(code, reason, this.link.kind === 'open'))
    }
  }

  /** Leave the subscription and the socket; frames stay. */
  readonly stop = (): void => {
    if (this.link.kind === 'open') this.send('leave')
    this.leave()
    clearTimeout(this.telling)
    this.telling = undefined
  }

  private leave(): void {
    clearTimeout(this.retry)
    const { socket } = this
    this.socket = null
    socket?.close()
  }

  private lose(reason: string): void {
    this.leave()
    this.keep('page', 'closed', reason, 0)
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.attempts)
    this.attempts += 1
    this.move({ kind: 'waiting', retryAt: Date.now() + wait, attempts: this.attempts, reason })
    this.retry = setTimeout(this.start, wait)
  }

  private send(type: 'join' | 'leave'): void {
    const { stream, group } = this.subject
    const text = JSON.stringify({ type, data: { streamName: stream, groupId: group, subscriptionId: 'workbench' } })
    this.socket?.send(text)
    this.keep('out', type, text)
  }

  private keep(way: Way, kind: string, whole: string, bytes = bytesOf(whole)): void {
    const text = whole.slice(0, FRAME_CHARS_MAX)
    this.taken += 1
    this.kept.push({ n: this.taken, at: Date.now(), way, kind, bytes, text, cut: text.length < whole.length })
    this.chars += text.length
    let gone = 0
    while (this.kept.length - gone > FRAMES_MAX || (this.chars > KEPT_CHARS_MAX && this.kept.length - gone > 1)) {
      this.chars -= this.kept[gone]?.text.length ?? 0
      gone += 1
    }
    if (gone > 0) this.kept.splice(0, gone)
    this.dropped += gone
    this.tell()
  }

  private move(link: Link): void {
    this.link = link
    this.tell()
  }

  /** Have the listeners look again, soon and once for all that comes meanwhile. */
  private tell(): void {
    this.telling ??= setTimeout(() => {
      this.telling = undefined
      this.shown = { link: this.link, frames: [...this.kept], dropped: this.dropped }
      for (const each of this.listeners) each()
    }, TOLD_MS)
  }
}

/** Streams are followed at any path of the host; a step that claims `/` does not mind. */
function openSocket(): Socket {
  const url = new URL('/', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return new WebSocket(url) as unknown as Socket
}

const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).length

/** Kind of a frame of the host: `sync`, `create`, `update`, `delete`, an event's own type after `event`, or `error`. */
export function kindOf(text: string): string {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return 'not JSON'
  }
  const event = memberOf(frame, 'event')
  const type = memberOf(event, 'type')
  if (typeof type !== 'string') return 'other'
  if (type !== 'event') return type
  const own = memberOf(memberOf(event, 'event'), 'type')
  if (own === 'error') return 'error'
  return typeof own === 'string' ? `event ${own}` : 'event'
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined

/** Why a socket closed. A browser does not tell what a refused handshake was answered. */
export function closedWords(code: number, reason: string, wasOpen: boolean): string {
  if (!wasOpen) return 'No connection: the host is not there, or the access rule of the project refuses this page.'
  if (code === 1001) return 'The host stopped.'
  const words = reason === '' ? '' : `: ${reason}`
  return code === 1006 ? 'The connection broke.' : `Closed with ${code}${words}`
}
