import { Button } from '../../ui/Controls.tsx'
import { counted, duration } from '../../ui/time.ts'
import { ROWS_MAX, type Known } from './buffer.ts'
import type { TraceSearch } from './search.ts'
import { nameOf } from './skeleton.ts'
import styles from './trace.module.css'
import type { TracePage } from './useTracePage.ts'

const IDLE_OFFERED = 0.5
const RUNS_NAMED = 6

/** What a reader should know of the rows below: what is left out, idle times, and the path that is shown. */
export function Notes(props: { known: Known; page: TracePage; search: TraceSearch; onSearch: (change: Partial<TraceSearch>) => void }) {
  const { known, page, search, onSearch } = props
  const { rows, leftOut, textsLeftOut } = known
  const { path } = page
  return (
    <>
      {leftOut > 0 && (
        <p className={styles.cut}>
          This trace is too long to be shown whole: {counted(leftOut, 'operation or log line', 'operations and log lines')} beyond the first{' '}
          {ROWS_MAX.toLocaleString('en')} rows are left out.
        </p>
      )}
      {textsLeftOut > 0 && (
        <p className={styles.note}>{counted(textsLeftOut, 'row')} below come without their text, which would be too much; the panel of a row has it.</p>
      )}
      {page.idleShare > IDLE_OFFERED && (
        <p className={styles.note}>
          {duration(rows.spanMs)}, of which nothing worked for {Math.floor(100 * page.idleShare)} %.{' '}
          <Button aria-pressed={search.idle} onClick={() => { onSearch({ idle: !search.idle }) }}>
            {search.idle ? 'Show it at its length' : 'Shorten it'}
          </Button>
        </p>
      )}
      {path !== null && path.runs.length > 0 && (
        <p className={styles.note}>
          It took so long because of {counted(path.runs.length, 'run')}, one after the other, which waited {duration(path.waitMs)}:{' '}
          {path.runs
            .slice(-RUNS_NAMED)
            .map((row) => nameOf(rows, row))
            .join(' → ')}
        </p>
      )}
    </>
  )
}
