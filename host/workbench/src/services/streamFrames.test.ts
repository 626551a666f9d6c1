import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FRAME_CHARS_MAX, FRAMES_MAX, KEPT_CHARS_MAX, StreamFrames, closedWords, kindOf, type Socket } from './streamFrames.ts'

class FakeSocket implements Socket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  readonly sent: string[] = []
  closed = false
  send(text: string): void {
    this.sent.push(text)
  }
  close(): void {
    this.closed = true
  }
}

let sockets: FakeSocket[] = []
let frames: StreamFrames

const last = (): FakeSocket => {
  const socket = sockets.at(-1)
  if (socket === undefined) throw new Error('no socket')
  return socket
}
const seen = () => {
  vi.advanceTimersByTime(100)
  return frames.snapshot()
}
const hear = (event: unknown): void => {
  last().onmessage?.({ data: JSON.stringify({ timestamp: 1, streamName: 's', groupId: 'g', event }) })
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1000 })
  sockets = []
  frames = new StreamFrames({ stream: 's', group: 'g' }, () => {
    sockets.push(new FakeSocket())
    return last()
  })
})
afterEach(() => {
  frames.stop()
  vi.useRealTimers()
})

it('joins when it is open, and keeps what goes both ways with time, kind and size', () => {
  frames.start()
  expect(seen().link.kind).toBe('connecting')
  last().onopen?.()
  hear({ type: 'sync', data: [] })
  hear({ type: 'update', data: { id: 'ü' } })
  last().onmessage?.({ data: new ArrayBuffer(1) })
  const { link, frames: kept } = seen()
  expect(link).toEqual({ kind: 'open', since: 1100 })
  expect(kept.map(({ way, kind }) => `${way} ${kind}`)).toEqual(['page opened', 'out join', 'in sync', 'in update'])
  expect(JSON.parse(last().sent[0] ?? '')).toEqual({ type: 'join', data: { streamName: 's', groupId: 'g', subscriptionId: 'workbench' } })
  const update = kept[3]
  expect([update?.n, update?.at, update?.bytes]).toEqual([4, 1100, (update?.text.length ?? 0) + 1])
})

it('tells its listeners once for what comes together', () => {
  const told = vi.fn()
  const leave = frames.subscribe(told)
  frames.start()
  last().onopen?.()
  for (let at = 0; at < 50; at += 1) hear({ type: 'update', data: {} })
  seen()
  expect(told).toHaveBeenCalledTimes(1)
  expect(frames.snapshot()).toBe(frames.snapshot())
  leave()
  hear({ type: 'update', data: {} })
  seen()
  expect(told).toHaveBeenCalledTimes(1)
})

it('says when it tries again, waits longer each time, and begins anew once it was open', () => {
  frames.start()
  const waits: number[] = []
  for (let at = 0; at < 7; at += 1) {
    last().onclose?.({ code: 1006, reason: '' })
    const { link } = seen()
    waits.push(link.kind === 'waiting' ? link.retryAt - Date.now() + 100 : 0)
    vi.advanceTimersByTime(20_000)
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000])
  expect(sockets).toHaveLength(8)
  last().onopen?.()
  last().onclose?.({ code: 1008, reason: 'too slow' })
  const { link, frames: kept } = seen()
  expect(link).toMatchObject({ kind: 'waiting', attempts: 1, reason: 'Closed with 1008: too slow' })
  expect(kept.at(-1)).toMatchObject({ way: 'page', kind: 'closed', text: 'Closed with 1008: too slow', bytes: 0 })
})

it('can be asked to try at once, and an old socket has no say any more', () => {
  frames.start()
  const first = last()
  first.onclose?.({ code: 1006, reason: '' })
  frames.start()
  last().onopen?.()
  first.onclose?.({ code: 1006, reason: '' })
  first.onopen?.()
  first.onmessage?.({ data: '{}' })
  vi.advanceTimersByTime(60_000)
  expect(sockets).toHaveLength(2)
  expect(frames.snapshot().link.kind).toBe('open')
})

it('leaves when it stops, and then does nothing', () => {
  frames.start()
  last().onopen?.()
  const socket = last()
  frames.stop()
  expect(socket.sent.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual(['join', 'leave'])
  expect(socket.closed).toBe(true)
  vi.advanceTimersByTime(60_000)
  expect(sockets).toHaveLength(1)
})

it('keeps a bounded number of frames and of characters, and counts what it drops', () => {
  frames.start()
  last().onopen?.()
  for (let at = 0; at < FRAMES_MAX + 5; at += 1) hear({ type: 'update', data: at })
  expect([seen().frames.length, seen().dropped]).toEqual([FRAMES_MAX, 7])
  const large = Math.ceil(KEPT_CHARS_MAX / FRAME_CHARS_MAX) + 3
  for (let at = 0; at < large; at += 1) hear({ type: 'update', data: 'x'.repeat(FRAME_CHARS_MAX) })
  const { frames: kept } = seen()
  expect(kept.reduce((sum, each) => sum + each.text.length, 0)).toBeLessThanOrEqual(KEPT_CHARS_MAX)
  expect([kept.at(-1)?.cut, (kept.at(-1)?.bytes ?? 0) > FRAME_CHARS_MAX]).toEqual([true, true])
})

it('names frames by what they say', () => {
  const kind = (event: unknown): string => kindOf(JSON.stringify({ event }))
  expect(kind({ type: 'sync', data: [] })).toBe('sync')
  expect(kind({ type: 'event', event: { type: 'typing', data: 1 } })).toBe('event typing')
  expect(kind({ type: 'event', event: { type: 'error', data: { code: 'X' } } })).toBe('error')
  expect(kind({ type: 'event' })).toBe('event')
  expect([kind(null), kindOf('{'), kindOf('null')]).toEqual(['other', 'not JSON', 'other'])
})

it('says why a socket closed', () => {
  expect(closedWords(1006, '', false)).toContain('access rule')
  expect([closedWords(1001, 'x', true), closedWords(1006, '', true), closedWords(1009, '', true)]).toEqual(['The host stopped.', 'The connection broke.', 'Closed with 1009'])
})
