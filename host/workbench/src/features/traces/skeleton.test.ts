import { describe, expect, it } from 'vitest'
import { answerOf, anyTrace, mulberry } from '../../test/skeletons.ts'
import { decoded, detailOf, idOf, kindOf, nameOf, nextFailed, rowOf, statusOf } from './skeleton.ts'
import { closedRows, keptRows, matcher, placeOf, placesOf, visibleRows } from './visible.ts'

/** A guard for a busy machine, no measure. */
const SLOW_MS = 60_000
const TREE = decoded(
  answerOf([
    {
      kind: 'http', key: 1, start: 0, length: 20, name: ['PlaceOrder', ''], text: 'POST /orders',
      below: [
        { kind: 'log', key: 7, start: 3, name: ['info', ''], text: 'Order placed' },
        { kind: 'state', key: 4, start: 5, length: 4, name: ['state set', 'orders'], text: 'last' },
        { kind: 'emit', key: 5, start: 10, name: ['emit', 'order.placed'] },
        {
          kind: 'run', key: 2, start: 15, length: 30, status: 'failed', name: ['Pack', ''], text: 'order.placed', wait: 2,
          below: [
            { kind: 'attempt', key: 1, start: 17, length: 3, status: 'failed', name: ['Attempt 1', ''], text: 'ValueError: it fell down' },
            { kind: 'attempt', key: 2, start: 25, length: 5, name: ['Attempt 2', ''], wait: 5,
              below: [{ kind: 'llm', key: 9, start: 26, length: 2, name: ['tiny', ''], text: 'POST http://model' }] },
          ],
        },
      ],
    },
  ]),
) // prettier-ignore
const shown = (rows: Int32Array) => [...rows].map((row) => `${TREE.depth[row]} ${nameOf(TREE, row)} ${detailOf(TREE, row)}`.trim())
const close = (...ids: string[]) => closedRows(TREE, new Set(ids), new Set(), null, (row) => idOf(TREE, row))

describe('a trace as rows', () => {
  it('reads the columns of an answer', () => {
    expect(shown(visibleRows(TREE, null))).toEqual([
      '0 PlaceOrder POST /orders',
      '1 info Order placed',
      '1 state set orders / last',
      '1 emit order.placed',
      '1 Pack order.placed',
      '2 Attempt 1 ValueError: it fell down',
      '2 Attempt 2',
      '3 tiny POST http://model',
    ])
    expect([kindOf(TREE, 7), statusOf(TREE, 5), TREE.end[2], TREE.wait[6]]).toEqual(['llm', 'failed', 9, 5])
    expect([...TREE.size]).toEqual([8, 1, 1, 1, 4, 1, 2, 1])
    expect([...TREE.parent]).toEqual([-1, 0, 0, 0, 0, 4, 4, 6])
  })

  it('names every row in an address and finds it again', () => {
    const ids = Array.from({ length: TREE.count }, (_, row) => idOf(TREE, row))
    expect(ids).toEqual(['r1', 'r1.l7', 'r1.o4', 'r1.o5', 'r2', 'r2.a1', 'r2.a2', 'r2.o9'])
    expect(ids.map((id) => rowOf(TREE, id))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(['', 'r9', 'r1.o9', 'r1.x4', 'nonsense'].map((id) => rowOf(TREE, id))).toEqual([-1, -1, -1, -1, -1])
  })

  it('hides all below a closed row', () => {
    expect(shown(visibleRows(TREE, close('r2')))).toHaveLength(5)
    expect(shown(visibleRows(TREE, close('r1')))).toEqual(['0 PlaceOrder POST /orders'])
    const depth = (closed: number, ...opened: string[]) => closedRows(TREE, new Set(), new Set(opened), closed, (row) => idOf(TREE, row))
    expect(shown(visibleRows(TREE, depth(1)))).toHaveLength(5)
    expect(shown(visibleRows(TREE, depth(1, 'r2')))).toHaveLength(7)
    expect(shown(visibleRows(TREE, depth(0)))).toHaveLength(1)
  })

  it('keeps what matches with all above it, whatever is closed', () => {
    const kept = (q: string, errors = false) => {
      const matches = matcher(TREE, q, errors, { kinds: ['http', 'run', 'attempt', 'emit', 'state', 'stream', 'call', 'llm model', 'log'], statuses: ['completed', 'failed'] })
      return shown(visibleRows(TREE, close('r1'), matches ? keptRows(TREE, matches) : null))
    }
    expect(kept('model')).toEqual(['0 PlaceOrder POST /orders', '1 Pack order.placed', '2 Attempt 2', '3 tiny POST http://model'])
    expect(kept('STATE last')).toEqual(['0 PlaceOrder POST /orders', '1 state set orders / last'])
    expect(kept('failed attempt')).toEqual(['0 PlaceOrder POST /orders', '1 Pack order.placed', '2 Attempt 1 ValueError: it fell down'])
    expect(kept('', true)).toEqual(['0 PlaceOrder POST /orders', '1 Pack order.placed', '2 Attempt 1 ValueError: it fell down'])
    expect(kept('nothing such')).toEqual([])
    expect(kept('')).toEqual(['0 PlaceOrder POST /orders'])
  })

  it('goes from failure to failure, round the trace', () => {
    expect([nextFailed(TREE, -1), nextFailed(TREE, 4), nextFailed(TREE, 5)]).toEqual([4, 5, 4])
    expect(nextFailed(decoded(answerOf([{ kind: 'run', key: 1, start: 0 }])), 0)).toBe(-1)
  })

  it('counts places among all siblings, not among those in sight', () => {
    const rows = visibleRows(TREE, close('r2'))
    const places = placesOf(TREE, rows)
    expect([...places.at]).toEqual([1, 1, 2, 3, 4])
    expect([places.of[0], places.of[TREE.count]]).toEqual([4, 1])
  })

  it('ends what goes on at the time of the answer', () => {
    const open = decoded(answerOf([{ kind: 'run', key: 1, start: 10, length: -1, status: 'running' }], { readAt: 1_796_054_848_000 + 400 }))
    expect([open.end[0], open.open[0], open.spanMs]).toEqual([400, 1, 400])
  })
})

describe('closing rows of any tree', () => {
  const tree = decoded(answerOf(anyTrace(7, 200, 6)))
  const ids = Array.from({ length: tree.count }, (_, row) => idOf(tree, row))

  it('gives what a walk from the top gives', () => {
    const random = mulberry(11)
    for (let round = 0; round < 40; round++) {
      const closed = new Set(ids.filter(() => random() < 0.2))
      const depth = round % 3 === 0 ? Math.floor(random() * 5) : null
      const isClosed = (row: number): boolean => closed.has(ids[row] ?? '') || (depth !== null && (tree.depth[row] ?? 0) >= depth)
      const naive = ids.flatMap((_, row) => (ancestors(row).some(isClosed) ? [] : [row]))
      const rows = visibleRows(tree, closedRows(tree, closed, new Set(), depth, (row) => ids[row] ?? ''))
      expect([...rows]).toEqual(naive)
      expect(naive.every((row, at) => placeOf(rows, row) === at)).toBe(true)
    }
  })

  function ancestors(row: number): number[] {
    const found = []
    for (let up = tree.parent[row] ?? -1; up >= 0; up = tree.parent[up] ?? -1) found.push(up)
    return found
  }
})

it('reads a trace of 100,000 rows', () => {
  const below = (run: number) => Array.from({ length: 999 }, (_, at) => ({ kind: 'state', key: run * 1000 + at, start: at, length: 1, text: `k${at}` }))
  const wide = decoded(answerOf(Array.from({ length: 100 }, (_, run) => ({ kind: 'run', key: run + 1, start: run, below: below(run) }))))
  expect(visibleRows(wide, null)).toHaveLength(100_000)
  expect(rowOf(wide, 'r100.o99500')).toBe(99_501)
}, SLOW_MS)
