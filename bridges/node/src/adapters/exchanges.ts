/** Texts of calls of language models, for the spans of these calls; user code notices nothing. Source: PS-8.9. */
import { AsyncLocalStorage } from 'node:async_hooks'

/** Paths at which models are asked: those of OpenAI, Anthropic, Google, Ollama and what is compatible with them. */
const CALLS = /\/chat\/completions$|\/v1\/(?:completions|responses|messages|embeddings)$|\/api\/(?:chat|generate)$|:(?:streamG|g)enerateContent$/
const READERS = ['text', 'json', 'arrayBuffer', 'blob', 'bytes'] as const
const BEGINNING_CHARS = 192 * 1024
const END_CHARS = 64 * 1024

/** Text that keeps its beginning and its end: the end of a streamed answer has the tokens. */
class BoundedText {
  private readonly decoder = new TextDecoder()
  private beginning = ''
  private end = ''
  isCut = false
  /** Characters that came, also those that are not kept. */
  length = 0

  add(chunk: Uint8Array | string): void {
    const text = typeof chunk === 'string' ? chunk : this.decoder.decode(chunk, { stream: true })
    this.length += text.length
    const room = BEGINNING_CHARS - this.beginning.length
    this.beginning += text.slice(0, room)
    if (text.length <= room) return
    this.end += text.slice(room)
    if (this.end.length <= END_CHARS) return
    this.end = this.end.slice(-END_CHARS)
    this.isCut = true
  }

  get text(): string { return (this.isCut ? `${this.beginning}\n${this.end}` : this.beginning + this.end).toWellFormed() }
}

/** What one call asked, and what it was answered, as far as user code reads it. */
export class Exchange {
  private readonly request = new BoundedText()
  private readonly response = new BoundedText()
  private contentType = ''
  private isRead = false
  private isClosed = false
  private firstMs: number | undefined
  private readonly startedAt = performance.now()
  private send: (() => void) | undefined

  constructor(body: string | Uint8Array) { this.request.add(body) }

  /** Characters of the answer that user code has read. */
  get received(): number { return this.response.length }

  /** Members of the span. */
  get told(): Record<string, unknown> {
    return {
      request: this.request.text, response: this.response.text, content_type: this.contentType,
      first_ms: this.firstMs, cut: this.request.isCut || this.response.isCut,
    }
  }

  /**
   * The connection has delivered the answer; `send` is called when user code has read it too, or does not begin to.
   *
   * It is called before user code goes on after its reading: what comes after the end of a run is not taken.
   */
  ended(send: () => void): void {
    this.send = send
    if (this.isClosed) this.close()
    // What waits for the response gets it before this: only then is it known whether anybody reads it.
    else setImmediate(() => { if (!this.isRead) this.close() })
  }

  /** Listen to whoever reads the body of the response. */
  watch(response: Response): void {
    this.contentType = response.headers.get('content-type') ?? ''
    if (!/json|event-stream/.test(this.contentType)) return
    for (const name of READERS) {
      const read = Reflect.get(response, name) as ((this: Response) => Promise<unknown>) | undefined
      if (read === undefined) continue
      const watched = name === 'json' || name === 'text'
        ? async (): Promise<unknown> => {
            const text = await this.closing(Response.prototype.text.call(response))
            return name === 'text' ? text : JSON.parse(text) as unknown
          }
        : (): Promise<unknown> => this.closing(read.call(response))
      Object.defineProperty(response, name, { value: watched, configurable: true, writable: true })
    }
    const source = response.body
    if (source === null) return
    let tapped: ReadableStream<Uint8Array> | undefined
    Object.defineProperty(response, 'body', { get: () => tapped ??= this.tapped(source), configurable: true })
  }

  private async closing<Value>(reading: Promise<Value>): Promise<Value> {
    this.isRead = true
    try {
      const value = await reading
      if (typeof value === 'string') this.take(value)
      else if (value instanceof ArrayBuffer) this.take(new Uint8Array(value))
      else if (value instanceof Uint8Array) this.take(value)
      return value
    } finally { this.close() }
  }

  private tapped(source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
    const from = (): ReadableStreamDefaultReader<Uint8Array> => reader ??= source.getReader()
    return new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        this.isRead = true
        try {
          const { done, value } = await from().read()
          if (!done) {
            // A copy: the queue of a byte stream takes the buffer away.
            this.take(value)
            controller.enqueue(value)
            return
          }
        } catch (error) { this.close(); throw error }
        this.close()
        controller.close()
        controller.byobRequest?.respond(0)
      },
      cancel: (reason) => { this.close(); return from().cancel(reason) },
    }, { highWaterMark: 0 })
  }

  private take(chunk: Uint8Array | string): void {
    this.firstMs ??= performance.now() - this.startedAt
    this.response.add(chunk)
  }

  private close(): void {
    this.isClosed = true
    this.send?.()
    this.send = undefined
  }
}

/** The exchange that a request of `fetch` belongs to. */
export const currentExchange = new AsyncLocalStorage<Exchange>()

/** Start to listen to calls of models that are made with `fetch`; `isWanted` is asked at the start of each. */
export function watchExchanges(isWanted: () => boolean): void {
  const send = globalThis.fetch
  globalThis.fetch = async function fetch(input, init) {
    const body = isWanted() ? bodyOf(input, init) : undefined
    if (body === undefined) return send(input, init)
    const exchange = new Exchange(body)
    const response = await currentExchange.run(exchange, () => send(input, init))
    // Whatever goes wrong here must not break the call that it is about.
    try { exchange.watch(response) } catch {}
    return response
  }
}

/** Body of a request that asks a model; a body that is a stream is not looked at. */
function bodyOf(input: string | URL | Request, init: RequestInit | undefined): string | Uint8Array | undefined {
  const body = init?.body
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return undefined
  try {
    return CALLS.test(new URL(input instanceof Request ? input.url : input).pathname) ? body : undefined
  } catch { return undefined }
}
