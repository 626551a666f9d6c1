/** Outgoing HTTP calls of user code become spans of their run; user code notices nothing. Source: PS-8.3. */
import { subscribe } from 'node:diagnostics_channel'
import type { Run } from './run.ts'

/** Sends one span notification. */
export type SendSpan = (span: Record<string, unknown>) => void

interface OpenCall {
  readonly run: Run
  readonly method: string
  readonly url: string
  readonly startMs: number
  readonly startedAt: number
  status: number | undefined
}

/** `fetch` and everything else over undici. */
interface UndiciRequest {
  readonly method: string
  readonly origin: string | URL
  readonly path: string
}

/** `http.request` and `https.request`. */
interface ClientRequest {
  readonly method: string
  readonly protocol: string
  readonly host: string
  readonly path: string
  getHeader(name: 'host'): string | undefined
}

/** What the channels publish; which members are there depends on the channel. */
interface Message {
  readonly request: object
  readonly response?: { readonly statusCode: number }
  readonly error?: unknown
}

/** Watches the HTTP clients of Node. */
export class OutgoingCalls {
  private readonly open = new WeakMap<object, OpenCall>()

  constructor(
    private readonly current: () => Run | undefined,
    private readonly send: SendSpan,
  ) {}

  /** Start to watch. */
  install(): void {
    watch('undici:request:create', ({ request }) => {
      const { method, origin, path } = request as UndiciRequest
      this.start(request, method, String(origin), path)
    })
    watch('undici:request:headers', ({ request, response }) => { this.answered(request, response) })
    watch('undici:request:trailers', ({ request }) => { this.end(request) })
    watch('undici:request:error', ({ request, error }) => { this.end(request, error) })
    watch('http.client.request.start', ({ request }) => {
      const { method, protocol, host, path } = request as ClientRequest
      this.start(request, method, `${protocol}//${(request as ClientRequest).getHeader('host') ?? host}`, path)
    })
    watch('http.client.response.finish', ({ request, response }) => {
      this.answered(request, response)
      this.end(request)
    })
    watch('http.client.request.error', ({ request, error }) => { this.end(request, error) })
  }

  private answered(request: object, response: Message['response']): void {
    const call = this.open.get(request)
    if (call !== undefined) call.status = response?.statusCode
  }

  private start(request: object, method: string, origin: string, path: string): void {
    const run = this.current()
    if (run === undefined) return
    const { protocol, host, pathname } = new URL(path, origin)
    // Queries and credentials can hold secrets, so neither is kept.
    const url = `${protocol}//${host}${pathname}`
    this.open.set(request, { run, method, url, startMs: Date.now(), startedAt: performance.now(), status: undefined })
  }

  private end(request: object, error?: unknown): void {
    const call = this.open.get(request)
    if (call === undefined) return
    this.open.delete(request)
    this.send({
      run: call.run.id,
      type: 'http',
      name: `${call.method} ${call.url.slice(call.url.indexOf('//') + 2)}`,
      start_ms: call.startMs,
      duration_ms: performance.now() - call.startedAt,
      attributes: { method: call.method, url: call.url, status: call.status },
      error: error === undefined ? undefined : error instanceof Error ? error.message.toWellFormed() : 'failed',
    })
  }
}

function watch(channel: string, listener: (message: Message) => void): void {
  subscribe(channel, (message) => {
    try {
      listener(message as Message)
    } catch {
      // A client that publishes something else than Node does must not break the call that it is about.
    }
  })
}
