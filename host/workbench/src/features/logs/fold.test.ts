import { describe, expect, it } from 'vitest'
import { logLine } from '../../test/factories.ts'
import { Fold } from './fold.ts'
import { LineRing } from './ring.ts'

const WORDS = 'aabbbacc'
const said = (from: number, words: string) => Array.from(words).map((message, at) => logLine(from + at, { message, fields: {} }))
const shown = (fold: Fold) => Array.from({ length: fold.length }, (_, row) => fold.at(row)).map((each) => `${each?.line.message}${each?.count}`)

/** What folding comes to when it is done from the beginning. */
function naive(ring: LineRing): string[] {
  const fold = new Fold(ring)
  fold.update()
  return shown(fold)
}

describe('folded lines', () => {
  it('are one row for each that repeats', () => {
    const ring = new LineRing()
    ring.append(said(1, WORDS))
    expect(naive(ring)).toEqual(['a2', 'b3', 'a1', 'c2'])
  })

  it('tell steps, levels and fields apart', () => {
    const ring = new LineRing()
    ring.append([
      logLine(1, { message: 'm', fields: { n: 1 } }),
      logLine(2, { message: 'm', fields: { n: 1 } }),
      logLine(3, { message: 'm', fields: { n: 2 } }),
      logLine(4, { message: 'm', fields: { n: 2 }, level: 'warn' }),
      logLine(5, { message: 'm', fields: { n: 2 }, level: 'warn', step: 'Other' }),
    ])
    expect(naive(ring)).toEqual(['m2', 'm1', 'm1', 'm1'])
  })

  it('come to the same whatever came in which order, and however the oldest went', () => {
    let seed = 7
    const chance = (of: number): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % of
    const ring = new LineRing(40)
    const fold = new Fold(ring)
    let [low, high] = [100_000, 100_000]
    for (let turn = 0; turn < 500; turn++) {
      const words = Array.from({ length: 1 + chance(6) }, () => 'ab'[chance(2)]).join('')
      if (chance(4) === 0) {
        low -= words.length
        ring.prepend(said(low, words))
      } else {
        ring.append(said(high, words))
        high += words.length
      }
      if (chance(60) === 0) ring.clear()
      fold.update()
      expect(shown(fold)).toEqual(naive(ring))
      for (let row = 0; row < fold.length; row++) expect(fold.rowOf(fold.positionOf(row))).toBe(row)
    }
  })
})
