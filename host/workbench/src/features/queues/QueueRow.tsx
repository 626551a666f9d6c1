import { Link } from '@tanstack/react-router'
import type { QueueRow } from '../../api/results.ts'
import { Button } from '../../ui/Controls.tsx'
import { Status } from '../../ui/Status.tsx'
import { counted, moment } from '../../ui/time.ts'
import { STATES, STATE_WORDS, ageWords } from './model.ts'
import { drainWords, rateWords, type Moving } from './moving.ts'
import styles from './queues.module.css'

interface RowProps {
  at: number
  row: QueueRow
  moving: Moving
  now: number
  selected: boolean
  onOpen: () => void
  onPause: () => void
  onEmpty: () => void
}

/** What waits for one step, how it moves, and what can be done with it. */
export function QueueRowView({ at, row, moving, now, selected, onOpen, onPause, onEmpty }: RowProps) {
  const paused = row.pausedAt !== null
  return (
    <tr data-selected={selected}>
      <th scope="row">
        <button type="button" data-row={at} className={styles.open} aria-pressed={selected} onClick={onOpen}>
          {row.step}
        </button>
        {row.pausedAt !== null && (
          <span title={`Since ${moment(row.pausedAt)}`}>
            <Status tone="warning" word="Paused" />
          </span>
        )}
      </th>
      {STATES.map((state) => (
        <td key={state} data-some={row[state] > 0} data-label={STATE_WORDS[state][0]}>
          {row[state].toLocaleString('en')}
        </td>
      ))}
      <td data-label="Dead" data-some={moving.dead > 0} data-tone={moving.dead > 0 ? 'failed' : undefined}>
        {moving.dead === 0 ? (
          '0'
        ) : (
          <Link to="/dead-letters" search={{ step: row.step }} aria-label={`${counted(moving.dead, 'dead letter')} of ${row.step}`}>
            {moving.dead.toLocaleString('en')}
          </Link>
        )}
      </td>
      <td data-label="Oldest" data-some={row.oldestAt !== null}>
        {ageWords(row.oldestAt, now) || '–'}
      </td>
      <td className={styles.moves} data-label="In / out" data-some={moving.into + moving.out > 0}>
        {moving.into + moving.out === 0 ? '–' : `${rateWords(moving.into)} / ${rateWords(moving.out)}`}
      </td>
      <td className={styles.moves} data-label="Drained">{drainWords(row, moving) || '–'}</td>
      <td className={styles.actions}>
        <Button onClick={onPause} aria-label={`${paused ? 'Resume' : 'Pause'} ${row.step}`}>
          {paused ? 'Resume' : 'Pause'}
        </Button>
        <Button onClick={onEmpty} disabled={row.waiting - row.running <= 0} aria-label={`Empty the queue of ${row.step}`}>
          Empty…
        </Button>
      </td>
    </tr>
  )
}
