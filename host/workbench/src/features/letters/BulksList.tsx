import { useQuery } from '@tanstack/react-query'
import type { BulkRow } from '../../api/results.ts'
import { bulksQuery } from '../../services/letters.ts'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Rows } from '../../ui/Rows.tsx'
import { Status, type Tone } from '../../ui/Status.tsx'
import { counted, iso, moment } from '../../ui/time.ts'
import { useRowPx } from '../../ui/useRowPx.ts'
import row from '../../ui/row.module.css'
import styles from './letters.module.css'
import { chosenWords } from './model.ts'

export const BULK_STATUS: Record<BulkRow['status'], { tone: Tone; word: string }> = {
  running: { tone: 'running', word: 'Running' },
  done: { tone: 'ok', word: 'Done' },
  stopped: { tone: 'unknown', word: 'Stopped' },
}

/** Replays and discards of many, newest first. */
export function BulksList({ selected, onOpen }: { selected: number | undefined; onOpen: (id: number) => void }) {
  const { data, error, isPending, refetch } = useQuery(bulksQuery())
  const rowPx = useRowPx(32)
  const bulks = data?.bulks ?? []
  return (
    <>
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="records" />}
      {data && bulks.length === 0 && (
        <Empty title="No bulks yet">
          <p>A replay or a discard of many dead letters is kept here, with what became of it.</p>
        </Empty>
      )}
      {bulks.length > 0 && (
        <Rows role="list" label="Bulks, newest first" count={bulks.length} rowPx={rowPx}>
          {(at, top) => {
            const bulk = bulks[at]
            return bulk && (
              <div key={bulk.id} role="listitem" aria-setsize={bulks.length} aria-posinset={at + 1} className={row.item} style={{ top, height: rowPx }}>
                <button type="button" className={`${row.row} ${styles.bulks}`} aria-pressed={bulk.id === selected} data-row={at} onClick={() => { onOpen(bulk.id) }}>
                  <span className={row.name}>
                    {bulk.act === 'replay' ? 'Replay' : 'Discard'} of {counted(bulk.total, 'dead letter')}
                  </span>
                  <Status {...BULK_STATUS[bulk.status]} plain />
                  <span className={`${row.quiet} ${row.wideOnly}`}>{chosenWords(bulk.chosen)}</span>
                  <time className={row.wideOnly} dateTime={iso(bulk.begunAt)}>
                    {moment(bulk.begunAt)}
                  </time>
                </button>
              </div>
            )
          }}
        </Rows>
      )}
    </>
  )
}
