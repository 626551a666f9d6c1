import { describe, expect, it } from 'vitest'
import { logLine } from '../../test/factories.ts'
import { LogTail, type Asked } from './tail.ts'

/** Host with lines 1 to `newest`. */
class Host {
  newest: number
  readonly asked: Asked[] = []

  constructor(newest: number) {
    this.newest = newest
  }

  readonly ask = (asked: Asked) => {
    this.asked.push(asked)
    const { limit, after, cursor } = asked
    const last = after === undefined ? (cursor === undefined ? this.newest : Math.min(this.newest, Number(cursor) - 1)) : Math.min(this.newest, after + limit)
    const first = after === undefined ? Math.max(1, last - limit + 1) : after + 1
    const ids = Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at)
    const logs = (after === undefined ? ids.toReversed() : ids).map((id) => logLine(id))
    const more = after === undefined ? first > 1 : last < this.newest
    return Promise.resolve({ logs, cursor: more ? String(logs.at(-1)?.id) : null })
  }
}

const at = (tail: LogTail) => [tail.ring.first?.id, tail.ring.last?.id]
const now = (act: () => void): void => { act() }

describe('the tail of the log', () => {
  it('begins with the newest page and takes in what comes', async () => {
    const host = new Host(2500)
    const tail = new LogTail(host.ask, undefined, 100_000, now)
    await tail.readNewer()
    expect([at(tail), tail.hasOlder]).toEqual([[1501, 2500], true])
    host.newest = 5100
    await tail.readNewer()
    expect(at(tail)).toEqual([1501, 5100])
    expect(host.asked.every((each) => each.limit <= 1000)).toBe(true)
  })

  it('reads older ones without a gap, to the first', async () => {
    const host = new Host(2500)
    const tail = new LogTail(host.ask, undefined, 100_000, now)
    await tail.readNewer()
    await Promise.all([tail.readOlder(), tail.readOlder()])
    expect(at(tail)).toEqual([501, 2500])
    await tail.readOlder()
    expect([at(tail), tail.hasOlder, await tail.readOlder()]).toEqual([[1, 2500], false, false])
  })

  it('counts what comes while it is paused, and lets nothing go', async () => {
    const host = new Host(1000)
    const tail = new LogTail(host.ask, undefined, 1500, now)
    await tail.readNewer()
    tail.pause()
    host.newest = 1300
    await tail.readNewer()
    expect([tail.news, at(tail)]).toEqual([300, [1, 1300]])
    host.newest = 9000
    await tail.readNewer()
    await tail.readNewer()
    expect([tail.news, tail.isBehind, at(tail)]).toEqual([500, true, [1, 1500]])
    expect(tail.follow()).toBe(true)
    await tail.readNewer()
    expect([tail.news, tail.isBehind, at(tail)]).toEqual([0, false, [7501, 9000]])
    expect(tail.hasOlder).toBe(true)
  })

  it('goes to the newest page when too much has come to read it all', async () => {
    const host = new Host(10)
    const tail = new LogTail(host.ask, undefined, 100_000, now)
    await tail.readNewer()
    host.newest = 50_000
    await tail.readNewer()
    expect([at(tail), tail.hasOlder]).toEqual([[49_001, 50_000], true])
  })

  it('begins at a line that was opened, paused, and goes on when the reader does', async () => {
    const host = new Host(20_000)
    const tail = new LogTail(host.ask, 5000, 100_000, now)
    await tail.readNewer()
    expect([at(tail), tail.isBehind, tail.news]).toEqual([[4001, 8000], true, 0])
    await tail.readNewer()
    expect(at(tail)).toEqual([4001, 8000])
    tail.readOn()
    await tail.readNewer()
    expect(at(tail)).toEqual([4001, 11_000])
  })

  it('puts no older lines in front of others than those they were asked for', async () => {
    const host = new Host(60_000)
    const tail = new LogTail(host.ask, undefined, 100_000, now)
    await tail.readNewer()
    const older = tail.readOlder()
    host.newest = 90_000
    const newer = tail.readNewer()
    await Promise.all([older, newer])
    const ids = Array.from({ length: tail.ring.length }, (_, row) => tail.ring.at(row)?.id ?? 0)
    expect(ids.every((id, row) => row === 0 || id === (ids[row - 1] ?? 0) + 1)).toBe(true)
  })

  it('tells its readers once a frame', async () => {
    const host = new Host(0)
    const frames: (() => void)[] = []
    const tail = new LogTail(host.ask, undefined, 100_000, (act) => frames.push(act))
    let told = 0
    tail.subscribe(() => (told += 1))
    await tail.readNewer()
    host.newest = 5000
    await tail.readNewer()
    const before = tail.snapshot()
    expect([frames.length, told]).toEqual([1, 0])
    frames.forEach(now)
    expect([told, tail.snapshot() > before]).toEqual([1, true])
  })
})
