import { useCallback, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState, type ReactNode, type Ref } from 'react'
import styles from './rows.module.css'
import { scrollTo, windowOf } from './window.ts'

export interface RowsHandle {
  /** Bring a row into sight. */
  show: (row: number) => void
  toTop: () => void
  toEnd: () => void
  /** Move by whole rows, before the next paint: for rows that came in front of those in sight. */
  moveBy: (rows: number) => void
}

interface Props {
  count: number
  rowPx: number
  label: string
  role: 'grid' | 'treegrid' | 'list' | 'log'
  children: (row: number, top: number) => ReactNode
  handle?: Ref<RowsHandle>
  onEnd?: () => void
  /** `row` is the first one in sight. */
  onScroll?: (place: { atTop: boolean; atEnd: boolean; row: number }) => void
  head?: ReactNode
}

/** List of rows of one height that mounts only those in sight; nothing ever changes height under the reader. */
export function Rows({ count, rowPx, label, role, children, handle, onEnd, onScroll, head }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 0 })
  const measure = useCallback(() => {
    const element = box.current
    if (element === null) return
    const next = { top: element.scrollTop, height: element.clientHeight }
    setView((last) => (last.top === next.top && last.height === next.height ? last : next))
  }, [])

  useLayoutEffect(() => {
    measure()
    const observer = new ResizeObserver(measure)
    if (box.current) observer.observe(box.current)
    return () => {
      observer.disconnect()
    }
  }, [measure])

  useImperativeHandle(handle, () => ({
    show: (row) => {
      const element = box.current
      if (element) element.scrollTop = scrollTo(row, rowPx, element.scrollTop, element.clientHeight - rowPx)
    },
    toTop: () => {
      if (box.current) box.current.scrollTop = 0
    },
    toEnd: () => {
      if (box.current) box.current.scrollTop = box.current.scrollHeight
      measure()
    },
    moveBy: (rows) => {
      if (box.current) box.current.scrollTop += rows * rowPx
      measure()
    },
  }))

  const { first, last } = windowOf(count, rowPx, view.top, view.height)
  useEffect(() => {
    if (onEnd && view.height > 0 && last >= count) onEnd()
  }, [onEnd, last, count, view.height])

  const rows: ReactNode[] = []
  for (let row = first; row < last; row++) rows.push(children(row, row * rowPx))
  return (
    <div
      ref={box}
      className={styles.box}
      role={role}
      aria-label={label}
      aria-rowcount={role.endsWith('grid') ? count : undefined}
      tabIndex={role === 'log' || role === 'list' ? 0 : undefined}
      onScroll={(event) => {
        measure()
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
        const atEnd = scrollTop + clientHeight > scrollHeight - rowPx
        onScroll?.({ atTop: scrollTop < rowPx, atEnd, row: Math.floor(scrollTop / rowPx) })
      }}
    >
      {head}
      <div className={styles.all} role="presentation" style={{ height: count * rowPx }}>
        {rows}
      </div>
    </div>
  )
}
