import { Button } from '../../ui/Controls.tsx'
import { clock, counted, day } from '../../ui/time.ts'
import styles from './logs.module.css'
import type { LogTail } from './tail.ts'

/** Says how much of what matches is in the page, and leads on where it is full. */
export function Extent({ tail, onBefore }: { tail: LogTail; onBefore: (until: number) => void }) {
  const { ring, hasOlder } = tail
  const first = ring.first?.time ?? 0
  return (
    <p className={styles.extent}>
      <span>
        {counted(ring.length, 'line')} from {[day(first, Date.now()), clock(first)].filter(Boolean).join(' ')}
        {!hasOlder && ', the first that match'}
        {hasOlder && !ring.isFull && '; scroll up for older ones'}
        {hasOlder && ring.isFull && ', as many as the page holds'}
      </span>
      {hasOlder && ring.isFull && (
        <Button quiet onClick={() => { onBefore(first + 1) }}>
          Show what was before
        </Button>
      )}
    </p>
  )
}
