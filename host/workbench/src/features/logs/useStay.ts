import { useLayoutEffect, useRef, type RefObject } from 'react'
import type { RowsHandle } from '../../ui/Rows.tsx'
import type { LineRows } from './fold.ts'

/**
 * Keep the reader's place: at the end while the list follows, else at the same line, whatever comes in front of it or is
 * folded. Returns what takes note of the row that is at the top now.
 */
export function useStay(rows: LineRows, following: boolean, list: RefObject<RowsHandle | null>): (topRow: number) => void {
  const anchor = useRef({ row: 0, position: 0 })
  useLayoutEffect(() => {
    if (following) {
      list.current?.toEnd()
      return
    }
    const row = rows.rowOf(anchor.current.position)
    const moved = row - anchor.current.row
    if (moved === 0 || rows.length === 0) return
    anchor.current.row = row
    list.current?.moveBy(moved)
  })
  return (topRow) => {
    anchor.current = { row: topRow, position: rows.positionOf(topRow) }
  }
}
