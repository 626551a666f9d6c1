import { useCallback, useEffect, useMemo, useRef, type RefObject } from 'react'
import { Rows } from '../../ui/Rows.tsx'
import { duration } from '../../ui/time.ts'
import { useNarrow, useRowPx } from '../../ui/useRowPx.ts'
import { ticksOf } from './bars.ts'
import { fraction, timeOf, type Range, type Scale } from './scale.ts'
import { idOf, type Skeleton } from './skeleton.ts'
import { TraceRow } from './TraceRow.tsx'
import styles from './tree.module.css'
import type { TracePage } from './useTracePage.ts'
import { placeOf, placesOf } from './visible.ts'

interface Props {
  skeleton: Skeleton
  page: TracePage
  selected: string
}

const ROW_PX = 26
const WHEEL_ZOOM = 0.0015

/** Rows of a trace with their bars; only those in sight are mounted. */
export function TraceTree({ skeleton, page, selected }: Props) {
  const rowPx = useRowPx(ROW_PX)
  const narrow = useNarrow()
  const box = useRef<HTMLDivElement>(null)
  useWheelZoom(box, page)
  const { rows, range, scale, path } = page
  const places = useMemo(() => placesOf(skeleton, rows), [skeleton, rows])
  const tabRow = placeOf(rows, page.selected) >= 0 ? page.selected : (rows[0] ?? -1)

  // Handlers that stay the same let a row that has not changed be left alone.
  const latest = useRef(page)
  useEffect(() => {
    latest.current = page
  })
  const select = useCallback((row: number) => {
    latest.current.select(row)
  }, [])
  const toggle = useCallback((row: number) => {
    latest.current.toggle(row)
  }, [])
  return (
    <div ref={box} className={styles.tree}>
      <Rows
        role="treegrid"
        label="Runs, attempts and what they did"
        count={rows.length}
        rowPx={rowPx}
        handle={page.list}
        head={<Axis range={range} scale={scale} ticks={narrow ? 3 : 6} />}
      >
        {(at, top) => {
          const row = rows[at] ?? 0
          const parent = skeleton.parent[row] ?? -1
          return (
            <TraceRow
              key={idOf(skeleton, row)}
              skeleton={skeleton}
              row={row}
              at={at}
              top={top}
              rowPx={rowPx}
              range={range}
              scale={scale}
              place={places.at[at] ?? 1}
              siblings={places.of[parent < 0 ? skeleton.count : parent] ?? 1}
              isSelected={selected !== '' && row === page.selected}
              isTabStop={row === tabRow}
              isOpen={page.isOpen(row)}
              onPath={path === null ? undefined : path.on[row] === 1}
              onSelect={select}
              onToggle={toggle}
            />
          )
        }}
      </Rows>
    </div>
  )
}

/** Zoom by wheel with Ctrl (or a pinch), around the pointer; pan by a wheel to the side. */
function useWheelZoom(box: RefObject<HTMLDivElement | null>, page: TracePage): void {
  const latest = useRef(page)
  useEffect(() => {
    latest.current = page
  })
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const onWheel = (event: WheelEvent): void => {
      const lane = element.querySelector('[data-lane]')?.getBoundingClientRect()
      if (lane === undefined || lane.width === 0) return
      const { range, scale, zoom, pan } = latest.current
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault()
        const part = Math.max(0, Math.min(1, (event.clientX - lane.left) / lane.width))
        zoom(Math.exp(event.deltaY * WHEEL_ZOOM), timeOf(scale, range, part))
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault()
        pan(event.deltaX / lane.width)
      }
    }
    // Not passive: else the browser would zoom the page.
    element.addEventListener('wheel', onWheel, { passive: false })
    return () => {
      element.removeEventListener('wheel', onWheel)
    }
  }, [box])
}

function Axis({ range, scale, ticks }: { range: Range; scale: Scale; ticks: number }) {
  return (
    <div className={styles.axis} aria-hidden>
      <span className={styles.legend}>
        <span>
          <i className={`${styles.sample} ${styles.wait}`} /> queue wait
        </span>
        <span>
          <i className={`${styles.sample} ${styles.retry}`} /> retry delay
        </span>
        <span>
          <i className={`${styles.sample} ${styles.work}`} /> work
        </span>
      </span>
      <span className={styles.lane} data-lane>
        {ticksOf(range, ticks, scale).map((at) => (
          <span key={at} className={styles.tick} style={{ left: `${100 * fraction(scale, range, at)}%` }}>
            {at === 0 ? '0' : duration(at)}
          </span>
        ))}
      </span>
    </div>
  )
}
