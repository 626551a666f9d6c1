import { elementsOf, membersOf, parseExact } from '../../ui/exact.ts'
import { isRecord } from '../../ui/form/schema.ts'
import type { Problem } from '../../ui/form/SchemaForm.tsx'

export type Body =
  | { kind: 'none' }
  | { kind: 'json'; source: string }
  | { kind: 'text'; text: string }
  | { kind: 'events'; events: readonly ServerEvent[]; text: string }
  | { kind: 'bytes'; base64: string; image: string | null }

export interface ServerEvent {
  event: string
  data: string
}

export interface Answer {
  status: number
  headers: readonly (readonly [name: string, value: string])[]
  type: string
  body: Body
  sizeBytes: number
  cut: boolean
  ended: boolean
  firstByteMs: number
  durationMs: number
  traceId: string | null
}

const IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'])

/** Read the result of the operation `request`, with the body as it was written. */
export function answerOf(text: string): Answer {
  const { body: _body, headers, ...facts } = JSON.parse(text) as Omit<Answer, 'body' | 'headers'> & { body: unknown; headers: Record<string, string> }
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return { ...facts, headers: Object.entries(headers), type, body: bodyOf(membersOf(text).get('body') ?? 'null', type) }
}

function bodyOf(source: string, type: string): Body {
  if (source.startsWith('{')) {
    const bytes = membersOf(source).get('$bytes')
    if (bytes !== undefined) return { kind: 'bytes', base64: JSON.parse(bytes) as string, image: IMAGES.has(type) ? type : null }
  }
  const isText = source.startsWith('"') && !/[/+]json$/.test(type)
  if (!isText) return source === '""' ? { kind: 'none' } : { kind: 'json', source }
  const text = JSON.parse(source) as string
  if (text === '') return { kind: 'none' }
  return type === 'text/event-stream' ? { kind: 'events', events: eventsOf(text), text } : { kind: 'text', text }
}

/** Events of a stream of Server-Sent Events; the last one may be cut. */
export function eventsOf(text: string): ServerEvent[] {
  return text.split(/\r?\n\r?\n/).flatMap((block) => {
    const lines = block.split(/\r?\n/)
    const of = (name: string): string => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, '')).join('\n')
    const data = of('data')
    return data === '' && of('event') === '' ? [] : [{ event: of('event') || 'message', data }]
  })
}

export interface StreamPlace {
  stream: string
  group: string
  id: string
}

/** Items of streams that a response hands out, as `streams.set` returns them. */
export function streamItems(value: unknown, depth = 0): StreamPlace[] {
  if (depth > 4) return []
  if (Array.isArray(value)) return value.slice(0, 20).flatMap((each) => streamItems(each, depth + 1))
  if (!isRecord(value)) return []
  const { __motia: mark } = value
  const place = isRecord(mark) ? { stream: mark.streamName, group: mark.groupId, id: mark.id } : null
  if (place && Object.values(place).every((each) => typeof each === 'string')) return [place as StreamPlace]
  return Object.values(value).flatMap((each) => streamItems(each, depth + 1))
}

/** What the host found wrong with a request, when its answer says so. */
export function problemsOf(answer: Answer): Problem[] {
  if (answer.body.kind !== 'json' || answer.status < 400 || !answer.body.source.startsWith('{')) return []
  const issues = membersOf(answer.body.source).get('issues')
  if (!issues?.startsWith('[')) return []
  return elementsOf(issues).flatMap((each) => {
    const found = parseExact(each)
    return isRecord(found) && Array.isArray(found.path) ? [{ path: found.path as (string | number)[], message: String(found.message) }] : []
  })
}

const REASONS: Record<number, string> = {
  200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No content', 301: 'Moved', 302: 'Found', 303: 'See other', 304: 'Not modified',
  307: 'Redirect', 308: 'Redirect', 400: 'Bad request', 401: 'Not signed in', 403: 'Forbidden', 404: 'Not found', 405: 'Method not allowed',
  409: 'Conflict', 410: 'Gone', 413: 'Too large', 415: 'Unsupported type', 422: 'Not processable', 429: 'Too many requests',
  500: 'Error of the step', 501: 'Not implemented', 502: 'Bad gateway', 503: 'Not available', 504: 'Timed out',
}

export const statusWords = (status: number): string =>
  `${status} ${REASONS[status] ?? (status < 300 ? 'Success' : status < 400 ? 'Redirect' : status < 500 ? 'Refused' : 'Failed')}`

export const statusTone = (status: number): 'ok' | 'warning' | 'failed' => (status < 400 ? 'ok' : status < 500 ? 'warning' : 'failed')
