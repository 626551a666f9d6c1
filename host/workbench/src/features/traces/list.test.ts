import { describe, expect, it } from 'vitest'
import { traceRow } from '../../test/factories.ts'
import { EMPTY, admit, extend, receive, staleRow } from './list.ts'

const page = (...cursors: number[]) => cursors.map((each) => traceRow(each))
const cursors = (rows: readonly { cursor: number }[]) => rows.map((row) => row.cursor)
const first = receive(EMPTY, page(5, 4, 3), 3, false)

describe('a list of traces', () => {
  it('shows the first page at once', () => {
    expect(cursors(first.rows)).toEqual([5, 4, 3])
    expect(first.complete).toBe(false)
    expect(receive(EMPTY, page(1), 3, false).complete).toBe(true)
  })

  it('holds new rows until the reader asks, and changes known ones in place', () => {
    const next = receive(first, [traceRow(6), traceRow(5, { status: 'failed' }), traceRow(4)], 3, false)
    expect(cursors(next.rows)).toEqual([5, 4, 3])
    expect(next.rows[0]?.status).toBe('failed')
    expect(cursors(next.held)).toEqual([6])
    expect(cursors(admit(next).rows)).toEqual([6, 5, 4, 3])
  })

  it('gives the same rows for the same page, however often it comes', () => {
    const once = receive(first, page(6, 5, 4), 3, false)
    const twice = receive(once, page(6, 5, 4), 3, false)
    expect(twice.held).toHaveLength(1)
    expect(twice.rows).toBe(once.rows)
  })

  it('shows new rows by themselves when the reader follows', () => {
    expect(cursors(receive(first, page(6, 5, 4), 3, true).rows)).toEqual([6, 5, 4, 3])
  })

  it('begins anew when more came than a page holds', () => {
    const next = receive(first, page(12, 11, 10), 3, false)
    expect(next.gap).toBe(true)
    expect(cursors(next.rows)).toEqual([5, 4, 3])
    const shown = admit(next)
    expect(cursors(shown.rows)).toEqual([12, 11, 10])
    expect(cursors(extend(shown, page(9, 8, 7), 3).rows)).toEqual([12, 11, 10, 9, 8, 7])
  })

  it('adds older rows below, once', () => {
    const more = extend(extend(first, page(2, 1), 3), page(2, 1), 3)
    expect(cursors(more.rows)).toEqual([5, 4, 3, 2, 1])
    expect(more.complete).toBe(true)
  })

  it('finds the row that still runs and is on no page any more', () => {
    const long = extend(first, [traceRow(2, { status: 'running' })], 3)
    expect(staleRow(long, page(5, 4, 3))?.cursor).toBe(2)
    expect(staleRow(first, page(5, 4, 3))).toBeUndefined()
  })

  it('begins anew when something else is asked for', () => {
    const other = receive(first, page(2), 3, false, 'failed')
    expect([cursors(other.rows), other.of]).toEqual([[2], 'failed'])
  })
})
