import { describe, expect, it } from 'vitest'
import type { CallUnderWay } from '../../api/results.ts'
import { T0 } from '../../test/factories.ts'
import { answerOf, anyTrace } from '../../test/skeletons.ts'
import { TraceBuffer } from './buffer.ts'
import { decoded, detailOf, idOf, kindOf, nameOf, rowOf, statusOf, type Skeleton } from './skeleton.ts'
import { isUnderWay, withUnderWay } from './underway.ts'

const call = (change: Partial<CallUnderWay> = {}): CallUnderWay => ({
  runId: 'r1', attempt: 1, number: 7, name: 'POST model/v1/messages', beganAt: T0 + 20, received: 12, attributes: {}, ...change,
}) // prettier-ignore
const TRACE = answerOf([
  { kind: 'run', key: 1, start: 0, length: -1, status: 'running', below: [
    { kind: 'state', key: 1, start: 10, length: 1 },
    { kind: 'run', key: 2, start: 30, length: 5, below: [{ kind: 'emit', key: 2, start: 31 }] },
  ] },
]) // prettier-ignore
const outline = (rows: Skeleton) => Array.from({ length: rows.count }, (_, row) => [rows.depth[row], nameOf(rows, row), rows.size[row], rows.parent[row]])

describe('calls that are under way', () => {
  it('stand below their run, among what began before them, and end now', () => {
    const rows = withUnderWay(decoded(TRACE), [call(), call({ number: 8, received: null, beganAt: T0 + 40 })], T0, 1000)
    expect(outline(rows)).toEqual([[0, 'run', 6, -1], [1, 'state', 1, 0], [1, 'POST model/v1/messages', 1, 0], [1, 'run', 2, 0], [2, 'emit', 1, 3], [1, 'POST model/v1/messages', 1, 0]])
    expect([kindOf(rows, 2), statusOf(rows, 2), detailOf(rows, 2), rows.start[2], rows.end[2]]).toEqual(['llm', 'underway', '12 characters so far', 20, 1000])
    expect([kindOf(rows, 5), detailOf(rows, 5), rows.startUs[5]]).toEqual(['call', '', 40_000])
    expect([isUnderWay(rows, 2), isUnderWay(rows, 1), rowOf(rows, idOf(rows, 2))]).toEqual([true, false, 2])
  })

  it('stand below their attempt where it has a row, and nowhere when their run is not known', () => {
    const again = answerOf([{ kind: 'run', key: 1, start: 0, length: -1, below: [{ kind: 'attempt', key: 1, start: 0 }, { kind: 'attempt', key: 2, start: 5, length: -1 }] }])
    expect(outline(withUnderWay(decoded(again), [call({ attempt: 2 })], T0, 100)).at(-1)).toEqual([2, 'POST model/v1/messages', 1, 2])
    const rows = decoded(TRACE)
    expect(withUnderWay(rows, [call({ runId: 'none' })], T0, 100)).toBe(rows)
  })

  it('change nothing about the other rows of any trace', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const rows = decoded(answerOf(anyTrace(seed, 40, 8)))
      const ids = Array.from({ length: rows.count }, (_, row) => idOf(rows, row))
      const runs = [...rows.runIds.values()]
      const all = withUnderWay(rows, runs.map((runId, number) => call({ runId, number, beganAt: T0 + 13 * number })), T0, 1000)
      expect(all.count).toBe(rows.count + runs.length)
      const kept = Array.from({ length: all.count }, (_, row) => row).filter((row) => !isUnderWay(all, row))
      expect(kept.map((row) => idOf(all, row))).toEqual(ids)
      for (let row = 1; row < all.count; row++) {
        const parent = all.parent[row] ?? -1
        if (parent >= 0) expect(row + (all.size[row] ?? 1)).toBeLessThanOrEqual(parent + (all.size[parent] ?? 1))
      }
    }
  })

  it('last on between two answers, and are gone with the answer that has their end', () => {
    let now = 0
    const buffer = new TraceBuffer((act) => { act() }, () => now)
    buffer.take({ ...TRACE, underWay: [call()] })
    const end = () => buffer.snapshot().rows.end[2]
    expect(end()).toBe(1000)
    now = 2500
    buffer.tick()
    expect(end()).toBe(3500)
    buffer.take({ ...TRACE, underWay: [] })
    buffer.tick()
    expect(buffer.snapshot().rows.count).toBe(4)
  })
})
