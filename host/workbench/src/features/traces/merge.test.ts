import { describe, expect, it } from 'vitest'
import { T0 } from '../../test/factories.ts'
import { answerOf, anyTrace, mulberry, ordered, type Given } from '../../test/skeletons.ts'
import { TraceBuffer } from './buffer.ts'
import { merged } from './merge.ts'
import { decoded, detailOf, idOf, statusOf, type Skeleton } from './skeleton.ts'

/** A guard for a busy machine, no measure. */
const SLOW_MS = 60_000
const told = (rows: Skeleton) =>
  Array.from({ length: rows.count }, (_, row) => [
    rows.depth[row], idOf(rows, row), statusOf(rows, row), detailOf(rows, row), rows.start[row], rows.end[row], rows.size[row], rows.parent[row],
  ]) // prettier-ignore

/** The rows for which a test is true, with all above them. */
function part(rows: readonly Given[], test: (row: Given) => boolean): Given[] {
  return rows.flatMap((row) => {
    const below = part(row.below ?? [], test)
    return below.length > 0 || test(row) ? [{ ...row, below }] : []
  })
}

const everything = (rows: readonly Given[]): Given[] => rows.flatMap((row) => [row, ...everything(row.below ?? [])])

describe('what has come since', () => {
  it('stands where the host would put it, in whatever parts it comes and however often', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = mulberry(seed)
      const whole = anyTrace(seed, 40, 8)
      const times = new Map(everything(whole).map((row) => [row, Math.floor(random() * 4)]))
      const at = (time: number) => decoded(answerOf(part(whole, (row) => (times.get(row) ?? 0) <= time)))
      const news = (time: number) => decoded(answerOf(part(whole, (row) => times.get(row) === time), { wholeKeys: [] }))
      let rows = at(0)
      for (const time of [1, 2, 3]) {
        rows = merged(rows, news(time), 1000)
        expect(told(merged(rows, news(time), 1000))).toEqual(told(rows))
      }
      expect(told(rows)).toEqual(told(decoded(answerOf(whole))))
      // The order does not matter either.
      const back = [3, 1, 2].reduce((sum, time) => merged(sum, news(time), 1000), at(0))
      expect(told(back)).toEqual(told(rows))
    }
  }, SLOW_MS)

  it('replaces what a run did when the run is whole, and keeps the runs that it caused', () => {
    const caused: Given = { kind: 'run', key: 2, start: 9, length: 1 }
    const old = decoded(answerOf([{ kind: 'run', key: 1, start: 0, length: -1, below: [{ kind: 'state', key: 1, start: 1 }, caused] }]))
    const tries: Given[] = [
      { kind: 'attempt', key: 1, start: 1, status: 'failed', below: [{ kind: 'state', key: 1, start: 1 }] },
      { kind: 'attempt', key: 2, start: 20 },
    ]
    const news = decoded(answerOf([{ kind: 'run', key: 1, start: 0, length: 30, status: 'failed', below: tries }], { wholeKeys: [1] }))
    const rows = merged(old, news, 50)
    expect(told(rows).map(([depth, id]) => `${depth} ${id}`)).toEqual(['0 r1', '1 r1.a1', '2 r1.o1', '1 r2', '1 r1.a2'])
    expect([statusOf(rows, 0), rows.end[0]]).toEqual(['failed', 30])
  })
})

describe('the buffer of a trace', () => {
  const many = (count: number): Given[] => [
    { kind: 'run', key: 1, start: 0, length: -1, status: 'running', below: Array.from({ length: count }, (_, at) => ({ kind: 'state', key: at + 1, start: at + 1 })) },
  ]

  it('takes answers that go on from what it knows, once, and tells of them once a picture', () => {
    const pictures: (() => void)[] = []
    const buffer = new TraceBuffer((act) => pictures.push(act))
    let told = 0
    buffer.subscribe(() => told++)
    buffer.take(answerOf(many(3000), { cursor: 'a' }))
    expect([buffer.after, buffer.snapshot().rows.count]).toEqual(['a', 0])
    const more: Given[] = [{ kind: 'run', key: 1, start: 0, length: -1, status: 'running', below: [{ kind: 'log', key: 1, start: 5 }] }]
    const next = answerOf(more, { after: 'a', cursor: 'b', wholeKeys: [], readAt: T0 + 5000 })
    buffer.take(next)
    buffer.take(next)
    buffer.take(answerOf(more, { after: 'elsewhere', cursor: 'c' }))
    expect([pictures.length, told]).toEqual([1, 0])
    pictures[0]?.()
    expect([told, buffer.snapshot().rows.count, buffer.after]).toEqual([1, 3002, 'b'])
    // What goes on has grown with the time of the answer.
    expect(buffer.snapshot().rows.end[0]).toBe(5000)
  })

  it('reads small traces and those that have ended anew', () => {
    const buffer = new TraceBuffer((act) => {
      act()
    })
    buffer.take(answerOf(many(5), { cursor: 'a' }))
    expect(buffer.after).toBeNull()
    const ended = answerOf(many(3000), { cursor: 'a' })
    buffer.take({ ...ended, trace: { ...ended.trace, status: 'completed' } })
    expect(buffer.after).toBeNull()
    expect(buffer.snapshot().rows.count).toBe(3001)
  })
})

it('orders siblings as the host does', () => {
  const rows: Given[] = [
    { kind: 'run', key: 1, start: 5 },
    { kind: 'log', key: 3, start: 5.4 },
    { kind: 'state', key: 9, start: 5.4 },
    { kind: 'state', key: 2, start: 6 },
  ]
  ordered(rows)
  expect(rows.map((row) => row.key)).toEqual([9, 3, 1, 2])
})
