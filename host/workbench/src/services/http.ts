import { ROUTES, type Operations } from '../api/operations.ts'

const PREFIX = '/__polystep/'

/** Refusal or failure of a request, in words for a reader. `status` is 0 when no host answered. */
export class RequestFailed extends Error {
  readonly status: number
  readonly hint: string
  /** The whole answer: some refusals hold more than words. */
  readonly body: Readonly<Record<string, unknown>>

  constructor(status: number, message: string, hint = '', body: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'RequestFailed'
    this.status = status
    this.hint = hint
    this.body = body
  }
}

/** `fetch`, or a stand-in for it in tests. */
export type Ask = (path: string, options?: RequestInit) => Promise<Response>

type Name = keyof Operations
type Params<N extends Name> = Operations[N]['params']
type Result<N extends Name> = Operations[N]['result']

interface Options {
  signal?: AbortSignal
  ask?: Ask
}

/** Call an operation of the admin API. */
export async function call<N extends Name>(name: N, params: Params<N>, options: Options = {}): Promise<Result<N>> {
  const response = await send(requestOf(name, params), options)
  return (await response.json()) as Result<N>
}

/** Result of an operation that lists in parts. */
type Listing<N extends Name> = Result<N> extends { cursor: string | null } ? N : never

/** Call an operation that lists, part after part, for one result with all entries. */
export async function callWhole<N extends Name>(name: Listing<N>, params: Params<N>, options: Options = {}): Promise<Result<N>> {
  let whole = await call(name, params, options)
  let { cursor } = whole as { cursor: string | null }
  while (cursor !== null) {
    const part: Result<N> = await call(name, { ...params, cursor }, options)
    whole = joined(whole, part) as Result<N>
    cursor = (part as { cursor: string | null }).cursor
  }
  return whole
}

function joined(before: object, part: object): object {
  const rest = new Map(Object.entries(part))
  const lists = Object.entries(before).map(([name, value]) => {
    const more: unknown = rest.get(name)
    return [name, Array.isArray(value) && Array.isArray(more) ? [...(value as unknown[]), ...(more as unknown[])] : more]
  })
  return Object.fromEntries(lists) as object
}

/** Parameters that may be given as JSON text, so that numbers stay as they are written. */
type SourceMember = 'value' | 'data' | 'patch'

/** Call an operation for the source text of its result; one member of the body may be given as JSON text, too. */
export async function callText<N extends Name>(
  name: N,
  params: Omit<Params<N>, SourceMember>,
  options: Options & { member?: SourceMember; source?: string } = {},
): Promise<string> {
  const request = requestOf(name, params as Params<N>)
  const { member, source } = options
  const whole = member === undefined || source === undefined ? request : { ...request, body: withSource(request.body, member, source) }
  return (await send(whole, options)).text()
}

/** JSON object with one member more, given as its source text. */
function withSource(body: string | undefined, member: string, source: string): string {
  const rest = body === undefined || body === '{}' ? '' : `${body.slice(1, -1)},`
  return `{${rest}"${member}":${source}}`
}

function send({ method, path, body }: Request, options: Options): Promise<Response> {
  const content = body === undefined ? {} : { body, headers: { 'Content-Type': 'application/json' } }
  return exchange(`api/${path}`, { method, signal: options.signal ?? null, ...content }, options.ask)
}

/** Health of the host; a host that is not ready answers too. */
export async function readHealth(options: Options = {}): Promise<Health> {
  const response = await exchange('health', { signal: options.signal ?? null }, options.ask, 503)
  return (await response.json()) as Health
}

/** Whether this browser has to sign in here, and whether it has. */
export interface Session {
  needed: boolean
  signedIn: boolean
}

export async function readSession(options: Options = {}): Promise<Session> {
  const response = await exchange('session', { signal: options.signal ?? null }, options.ask)
  return (await response.json()) as Session
}

/** End the session on the host, not only in this browser. */
export const signOut = (options: Options = {}): Promise<unknown> => exchange('session', { method: 'DELETE' }, options.ask)

export interface Health {
  status: string
  version: string
  uptimeS: number
  steps?: number
  streams?: number
  failures?: number
  /** Only for those who may read the admin API. */
  runnersMissing?: { runner: string; message: string }[]
  runnersLimited?: { runner: string; memoryMb: number; memoryLimitMb: number; leaving: boolean }[]
  storage?: { message: string }[]
  traceRecordsDropped?: number
}

interface Request {
  method: string
  path: string
  body?: string
}

/** Method, path below the API, and body of a call. */
export function requestOf<N extends Name>(name: N, params: Params<N>): Request {
  const [method = 'GET', pattern = ''] = ROUTES[name].split(' ')
  const rest = new Map(Object.entries(params as Record<string, unknown>).filter(([, value]) => value !== undefined && value !== null))
  const dots: [string, string][] = []
  const path = pattern.replace(/\{(\w+)\}/g, (_, part: string) => {
    const value = asText(rest.get(part))
    rest.delete(part)
    // A browser takes one or two dots as a way in the path, however they are written: the query has them.
    if (/^\.{1,2}$/.test(value)) dots.push([part, value])
    return dots.at(-1)?.[0] === part ? '' : encodeURIComponent(value)
  })
  const isQueried = (part: string): boolean => IN_QUERY[name] === part
  const queried = [...dots, ...[...rest].filter(([part]) => method === 'GET' || isQueried(part))]
  const query = new URLSearchParams(queried.map(([part, value]) => [part, asText(value)])).toString()
  const whole = query === '' ? path : `${path}?${query}`
  if (method === 'GET' || method === 'DELETE') return { method, path: whole }
  const members = [...rest].filter(([part]) => !isQueried(part))
  return { method, path: whole, body: JSON.stringify(Object.fromEntries(members)) }
}

/** Parameters of changes that stand in the query, not in the body. */
const IN_QUERY: Partial<Record<Name, string>> = {
  state_set: 'version',
  state_delete: 'version',
  purge_dead_letters: 'step',
}
const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''))

async function exchange(path: string, request: RequestInit, ask: Ask = fetch, alsoFine = 200): Promise<Response> {
  let response: Response
  try {
    response = await ask(PREFIX + path, { cache: 'no-store', ...request })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new RequestFailed(0, 'The host does not answer.', 'It may have stopped; the page asks again by itself.')
  }
  if (response.ok || response.status === alsoFine) return response
  const body: unknown = await response.json().catch(() => null)
  const members = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const words = (name: string): string => (typeof members[name] === 'string' ? members[name] : '')
  throw new RequestFailed(response.status, words('error') || `HTTP ${response.status}`, words('hint'), members)
}
