/** Outgoing HTTP calls of user code, sent as spans of their run; user code notices nothing. Source: PS-8.9, PS-8.28. */
import { subscribe } from 'node:diagnostics_channel'
import { currentExchange, watchExchanges } from './exchanges.ts'
import { underWay } from './underway.ts'

/** Message of the channels of `fetch` (undici) and `http.request`; undici gives an origin, http its parts. */
interface Message {
  readonly request: {
    method: string; path: string; origin?: string | URL; protocol?: string; host?: string; getHeader?(name: string): string
  }
  readonly response?: { readonly statusCode: number }
  readonly error?: unknown
}

/** The run that a call belongs to. */
export interface SpanListener { notify(method: 'span' | 'span.open', params: Record<string, unknown>): void }

/** Takes the end of an open call. */
const open = new WeakMap<object, (message: Message) => void>()
const statuses = new WeakMap<object, number>()

/** Start to watch the HTTP clients of Node; `current` is asked at the start of each call. */
export function watchOutgoing(current: () => SpanListener | undefined): void {
  watchExchanges(() => current() !== undefined)
  const start = ({ request }: Message): void => { begin(request, current()) }
  watch('undici:request:create', start)
  watch('undici:request:headers', answered)
  watch('undici:request:trailers', end)
  watch('undici:request:error', end)
  watch('http.client.request.start', start)
  watch('http.client.response.finish', answered, end)
  watch('http.client.request.error', end)
}

function watch(channel: string, ...listeners: ((message: Message) => void)[]): void {
  subscribe(channel, (message) => {
    // A client that publishes something else than Node does must not break the call that it is about.
    try { for (const listener of listeners) listener(message as Message) } catch {}
  })
}

function begin(request: Message['request'], run: SpanListener | undefined): void {
  if (run === undefined) return
  const origin = request.origin ?? `${request.protocol ?? ''}//${request.getHeader?.('host') ?? request.host ?? ''}`
  const { protocol, host, pathname } = new URL(request.path, origin)
  const { method } = request
  const exchange = currentExchange.getStore()
  const [startMs, startedAt] = [Date.now(), performance.now()]
  // Queries and credentials can hold secrets, so neither is kept.
  const about = { method, url: `${protocol}//${host}${pathname}` }
  const began = { type: 'http', name: `${method} ${host}${pathname}`, start_ms: startMs, attributes: about }
  const way = underWay(
    (members) => { run.notify('span.open', { ...began, ...members }) },
    exchange === undefined ? undefined : () => exchange.received,
  )
  open.set(request, ({ error }) => {
    const span = {
      ...began,
      duration_ms: performance.now() - startedAt,
      attributes: { ...about, status: statuses.get(request) },
      error: error === undefined ? undefined : error instanceof Error ? error.message.toWellFormed() : 'failed',
    }
    const send = (more: Record<string, unknown>): void => {
      way.end()
      run.notify('span', { ...span, ...more, open: way.told })
    }
    if (exchange === undefined || error !== undefined) send({})
    else exchange.ended(() => { send({ exchange: exchange.told }) })
  })
}

function answered({ request, response }: Message): void {
  if (response !== undefined) statuses.set(request, response.statusCode)
}

function end(message: Message): void {
  open.get(message.request)?.(message)
  open.delete(message.request)
}
