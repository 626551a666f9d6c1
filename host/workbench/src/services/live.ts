import type { QueryClient } from '@tanstack/react-query'
import { CONNECTING, follow, isRestarted, type Connection, type Fact } from './connection.ts'
import { RequestFailed, readHealth, readSession, type Health, type Session } from './http.ts'
import { Pace } from './pace.ts'
import { difference, messageOf, subjectsOf, type Message } from './subjects.ts'

const ADDRESS = '/__polystep/live'
const HIDDEN_PAUSE_MS = 60_000
const REST_MS = 200
/** Counts of a flow are small, and should be on screen a quarter of a second after what they count. */
const FLOW_REST_MS = 120
const FIRST_WORD_MS = 5000
const WAKE_MS = 2000
/** Followed by every page: the header counts the files that do not load. */
const ALWAYS = 'steps'

/**
 * Client of the live feed that owns its socket: it follows what the queries on screen hang on, and has them read again
 * when the host names them. A page never sees the socket.
 */
export class Live {
  private connection: Connection = CONNECTING
  private healthFound: Health | null = null
  private sessionFound: Session | null = null
  private socket: WebSocket | null = null
  private epoch: string | null = null
  private beatMs = FIRST_WORD_MS
  private timer: ReturnType<typeof setTimeout> | undefined
  private silence: ReturnType<typeof setTimeout> | undefined
  private hiding: ReturnType<typeof setTimeout> | undefined
  private followed = new Set<string>()
  private readonly listeners = new Set<() => void>()
  private readonly queries: QueryClient
  private readonly pace = new Pace((subject) => (subject === 'flows' ? FLOW_REST_MS : REST_MS), (subject) =>
    this.readAgain(subject),
  )

  constructor(queries: QueryClient) {
    this.queries = queries
  }

  start(): void {
    document.addEventListener('visibilitychange', () => {
      this.visibility()
    })
    addEventListener('online', this.wake)
    addEventListener('pageshow', (event) => {
      if (event.persisted) this.wake()
    })
    this.queries.getQueryCache().subscribe((event) => {
      if (event.type === 'observerAdded' || event.type === 'observerRemoved') this.followShown()
    })
    this.open()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly state = (): Connection => this.connection
  readonly health = (): Health | null => this.healthFound
  readonly session = (): Session | null => this.sessionFound

  readonly retry = (): void => {
    if (this.connection.kind === 'live') return
    this.open()
  }

  private visibility(): void {
    clearTimeout(this.hiding)
    if (document.visibilityState === 'visible') {
      this.move({ kind: 'shown' })
      this.wake()
      return
    }
    this.hiding = setTimeout(() => {
      this.close()
      this.move({ kind: 'hidden' })
    }, HIDDEN_PAUSE_MS)
  }

  /** The machine may have slept: its socket looks open though nobody is at the other end. */
  private readonly wake = (): void => {
    if (this.connection.kind !== 'live') {
      this.open()
      return
    }
    const { socket } = this
    const late = AbortSignal.timeout(WAKE_MS)
    readHealth({ signal: late }).catch(() => {
      if (socket === this.socket) this.lose()
    })
  }

  private open(): void {
    this.close()
    const url = new URL(ADDRESS, location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = (this.socket = new WebSocket(url))
    this.heardOrLost()
    socket.onmessage = (event) => {
      const message = messageOf(String(event.data))
      if (message !== null && socket === this.socket) this.hear(message)
    }
    socket.onclose = () => {
      if (socket !== this.socket) return
      this.lose()
      void this.askSession()
    }
  }

  private close(): void {
    clearTimeout(this.timer)
    clearTimeout(this.silence)
    // All is read again when the host is back: nothing waits for a request that may never end.
    this.pace.stop()
    const { socket } = this
    this.socket = null
    socket?.close()
    this.followed.clear()
  }

  private lose(): void {
    this.close()
    this.move({ kind: 'silent', now: Date.now(), chance: Math.random() })
    const wait = this.connection.kind === 'lost' ? this.connection.retryAt - Date.now() : 0
    this.timer = setTimeout(() => {
      this.open()
    }, wait)
  }

  /** A host that closed the socket may still be there: the session is over, then it is of no use to ask again. */
  private async askSession(): Promise<void> {
    const session = await readSession().catch(() => null)
    if (session === null) return
    this.sessionFound = session
    if (!session.needed || session.signedIn) return
    this.close()
    this.move({ kind: 'refused' })
  }

  /** Take a silence of two heartbeats for a lost host: a sleeping laptop closes no socket. */
  private heardOrLost(): void {
    clearTimeout(this.silence)
    this.silence = setTimeout(() => {
      this.lose()
    }, 2 * this.beatMs)
  }

  private hear(message: Message): void {
    this.heardOrLost()
    switch (message.kind) {
      case 'hello':
        this.beatMs = 1000 * message.beatS
        this.followShown()
        void this.arrive(message.epoch)
        break
      case 'changed':
        this.pace.ask(message.subject)
        break
      case 'beat':
        void this.look()
        break
    }
  }

  /** Everything on screen may have changed meanwhile, so all of it is read again. */
  private async arrive(epoch: string): Promise<void> {
    const before = this.epoch
    this.epoch = epoch
    await this.look()
    if (isRestarted(before, this.connection)) {
      this.move({ kind: 'restarted', now: Date.now() })
      await reloadIfReplaced()
    }
    if (this.sessionFound?.signedIn !== true) await this.askSession()
    await this.queries.invalidateQueries({ refetchType: 'active' })
  }

  /** Ask how the host is; the time that it takes is the one that the header shows. */
  private async look(): Promise<void> {
    const began = performance.now()
    try {
      this.healthFound = await readHealth()
      this.move({ kind: 'answered', roundTripMs: performance.now() - began, host: this.epoch ?? '' })
    } catch (error) {
      // A host that refuses has answered; one that is silent closes the socket too.
      if (error instanceof RequestFailed && error.status !== 0) {
        this.move({ kind: 'answered', roundTripMs: performance.now() - began, host: this.epoch ?? '' })
      }
    }
  }

  private followShown(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return
    const active = this.queries.getQueryCache().findAll({ type: 'active' })
    const wanted = new Set([ALWAYS, ...active.flatMap((query) => subjectsOf(query.queryKey))])
    const change = difference(this.followed, wanted)
    if (change.subscribe.length + change.unsubscribe.length === 0) return
    this.followed = wanted
    this.socket.send(JSON.stringify(change))
    // Counts that were read before the host knew of this page would stay as they are until the next event.
    if (change.subscribe.includes('flows')) this.pace.ask('flows')
  }

  private readAgain(subject: string): Promise<void> {
    if (subject === ALWAYS) void this.look()
    const predicate = ({ queryKey }: { queryKey: readonly unknown[] }): boolean => subjectsOf(queryKey).includes(subject)
    // An answer that is on its way may be older than the notice: once it is here it is asked for again.
    if (this.queries.isFetching({ predicate, type: 'active' }) > 0) this.pace.ask(subject)
    return this.queries.invalidateQueries({ predicate, refetchType: 'active' }, { cancelRefetch: false })
  }

  private move(fact: Fact): void {
    this.connection = follow(this.connection, fact)
    for (const each of this.listeners) each()
  }
}

/** Load the page anew when the host that answers now has another Workbench. */
async function reloadIfReplaced(): Promise<void> {
  const script = document.querySelector<HTMLScriptElement>('script[type=module]')
  if (script === null) return
  const page = await fetch(location.pathname, { headers: { Accept: 'text/html' } }).then(
    (response) => response.text(),
    () => '',
  )
  if (page.includes('<script') && !page.includes(new URL(script.src).pathname)) location.reload()
}
