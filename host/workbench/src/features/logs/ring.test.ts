import { describe, expect, it } from 'vitest'
import { logLine } from '../../test/factories.ts'
import { LineRing } from './ring.ts'

const lines = (...ids: number[]) => ids.map((id) => logLine(id))
const idsOf = (ring: LineRing) => Array.from({ length: ring.length }, (_, row) => ring.at(row)?.id)

describe('the ring of log lines', () => {
  it('holds each line once and in order, whatever comes twice', () => {
    const ring = new LineRing()
    expect(ring.append(lines(4, 5))).toBe(2)
    expect(ring.append(lines(4, 5, 6, 6))).toBe(1)
    expect(ring.prepend(lines(1, 2, 3, 4))).toBe(3)
    expect(idsOf(ring)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('keeps the position of a line while others come in front and behind', () => {
    const ring = new LineRing()
    ring.append(lines(10, 11))
    const position = ring.begin + ring.rowOf(11)
    ring.prepend(lines(7, 8, 9))
    ring.append(lines(12))
    expect(ring.at(position - ring.begin)?.id).toBe(11)
    expect(ring.rowOf(99)).toBe(-1)
  })

  it('lets the oldest go for newer ones, and takes of older ones what there is room for', () => {
    const ring = new LineRing(4)
    ring.append(lines(10, 11, 12))
    expect(ring.prepend(lines(7, 8, 9))).toBe(1)
    expect(idsOf(ring)).toEqual([9, 10, 11, 12])
    expect(ring.prepend(lines(8))).toBe(0)
    ring.append(lines(13, 14))
    expect(idsOf(ring)).toEqual([11, 12, 13, 14])
    expect([ring.end - ring.begin, ring.isFull]).toEqual([4, true])
  })

  it('is the same ring after a hundred thousand lines, and after it was cleared', () => {
    const ring = new LineRing(1000)
    for (let id = 1; id <= 100_000; id += 500) ring.append(Array.from({ length: 500 }, (_, at) => logLine(id + at)))
    expect([ring.length, ring.first?.id, ring.last?.id]).toEqual([1000, 99_001, 100_000])
    expect(ring.at(ring.rowOf(99_500))?.id).toBe(99_500)
    const { end } = ring
    ring.clear()
    ring.append(lines(7))
    expect([ring.begin, ring.length, ring.at(0)?.id, ring.at(-1)]).toEqual([end, 1, 7, undefined])
  })
})
