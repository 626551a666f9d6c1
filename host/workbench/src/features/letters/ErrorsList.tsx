import { useQuery } from '@tanstack/react-query'
import { groupsQuery, type LetterFilter } from '../../services/letters.ts'
import { failureWords } from '../../services/shapes.ts'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Rows } from '../../ui/Rows.tsx'
import { iso, moment } from '../../ui/time.ts'
import { useRowPx } from '../../ui/useRowPx.ts'
import row from '../../ui/row.module.css'
import styles from './letters.module.css'
import { NoLetters } from './NoLetters.tsx'

interface Props {
  filter: LetterFilter
  filtered: boolean
  onOpen: (fingerprint: string) => void
  onClear: () => void
}

/** Dead letters by error, the most frequent first; errors that differ only in ids and numbers are the same. */
export function ErrorsList({ filter, filtered, onOpen, onClear }: Props) {
  const { data, error, isPending, refetch } = useQuery(groupsQuery(filter))
  const rowPx = useRowPx(32)
  const groups = data?.groups ?? []
  return (
    <>
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="errors" />}
      {data && groups.length === 0 && <NoLetters filtered={filtered} onClear={onClear} />}
      {groups.length > 0 && (
        <Rows role="list" label="Errors, the most frequent first" count={groups.length} rowPx={rowPx}>
          {(at, top) => {
            const group = groups[at]
            return group && (
              <div key={group.fingerprint} role="listitem" aria-setsize={groups.length} aria-posinset={at + 1} className={row.item} style={{ top, height: rowPx }}>
                <button type="button" className={`${row.row} ${styles.errors}`} data-row={at} onClick={() => { onOpen(group.fingerprint) }}>
                  <span className={styles.times}>×{group.count.toLocaleString('en')}</span>
                  <span className={styles.error}>{failureWords(group.error)}</span>
                  <span className={`${row.quiet} ${row.wideOnly}`}>{group.steps.join(', ')}</span>
                  <time className={row.wideOnly} dateTime={iso(group.lastAt)} title={`The first died ${moment(group.firstAt)}`}>
                    {moment(group.lastAt)}
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
