import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type PointerEvent } from 'react'
import { duration } from '../../ui/time.ts'
import { densityOf, type Density } from './density.ts'
import { fraction, timeOf, type Range } from './scale.ts'
import type { Skeleton } from './skeleton.ts'
import styles from './minimap.module.css'
import type { TracePage } from './useTracePage.ts'

const PLACES = 400
const HEIGHT_PX = 24
/** A shorter drag is a click. */
const DRAG_MIN = 0.004

/** The whole trace in small: where work was done and what failed. A part that is drawn over is shown alone. */
export function Minimap({ skeleton, page }: { skeleton: Skeleton; page: TracePage }) {
  const { scale, range } = page
  const canvas = useRef<HTMLCanvasElement>(null)
  const density = useMemo(() => densityOf(skeleton, scale, PLACES), [skeleton, scale])
  const theme = useTheme()
  useEffect(() => {
    if (canvas.current) paint(canvas.current, density)
  }, [density, theme])

  const [drag, setDrag] = useState<{ a: number; b: number } | null>(null)
  const whole: Range = { from: 0, to: skeleton.spanMs }
  const partOf = (event: PointerEvent<HTMLElement>): number => {
    const box = event.currentTarget.getBoundingClientRect()
    return Math.max(0, Math.min(1, (event.clientX - box.left) / Math.max(1, box.width)))
  }
  const shown = drag ?? { a: fraction(scale, whole, range.from), b: fraction(scale, whole, range.to) }
  const [left, right] = [Math.min(shown.a, shown.b), Math.max(shown.a, shown.b)]
  const isPart = drag !== null || range.from > 0 || range.to < skeleton.spanMs
  return (
    <div
      className={styles.map}
      title="Draw over a part to see it alone"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        const part = partOf(event)
        setDrag({ a: part, b: part })
      }}
      onPointerMove={(event) => {
        if (drag) setDrag({ ...drag, b: partOf(event) })
      }}
      onPointerUp={() => {
        if (drag === null) return
        setDrag(null)
        if (right - left < DRAG_MIN) page.setRange(null)
        else page.setRange({ from: timeOf(scale, whole, left), to: timeOf(scale, whole, right) })
      }}
      onPointerCancel={() => {
        setDrag(null)
      }}
    >
      <canvas ref={canvas} className={styles.canvas} width={PLACES} height={HEIGHT_PX} aria-hidden />
      {isPart && (
        <>
          <span className={styles.outside} style={{ left: 0, width: `${100 * left}%` }} />
          <span className={styles.outside} style={{ left: `${100 * right}%`, right: 0 }} />
        </>
      )}
      <span className={styles.words}>
        {isPart
          ? `${duration(timeOf(scale, whole, left))} to ${duration(timeOf(scale, whole, right))} of ${duration(skeleton.spanMs)}`
          : ''}
      </span>
    </div>
  )
}

/** The theme of the document, which the canvas cannot follow by itself. */
function useTheme(): string {
  return useSyncExternalStore(followTheme, () => document.documentElement.dataset.theme ?? '')
}

function followTheme(listener: () => void): () => void {
  const observer = new MutationObserver(listener)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return () => {
    observer.disconnect()
  }
}

function paint(canvas: HTMLCanvasElement, { counts, failed, most }: Density): void {
  const context = canvas.getContext('2d')
  if (context === null) return
  const colours = getComputedStyle(canvas)
  const [work, failure] = [colours.getPropertyValue('--kind-run'), colours.getPropertyValue('--failed-solid')]
  context.clearRect(0, 0, canvas.width, canvas.height)
  const top = Math.log2(most + 1)
  for (let place = 0; place < counts.length; place++) {
    const count = counts[place] ?? 0
    if (count === 0) continue
    const height = Math.max(2, Math.round((Math.log2(count + 1) / top) * (HEIGHT_PX - 6)))
    context.fillStyle = work
    context.fillRect(place, HEIGHT_PX - height, 1, height)
  }
  context.fillStyle = failure
  for (let place = 0; place < failed.length; place++) {
    if (failed[place]) context.fillRect(Math.max(0, place - 1), 0, 2, HEIGHT_PX)
  }
}
