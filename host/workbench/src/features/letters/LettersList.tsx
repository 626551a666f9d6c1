import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { DeadLetterRow, DeadLetters } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { lettersQuery } from '../../services/letters.ts'
import { failureWords } from '../../services/shapes.ts'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Pager } from '../../ui/Pager.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { iso, moment } from '../../ui/time.ts'
import { useRowPx } from '../../ui/useRowPx.ts'
import row from '../../ui/row.module.css'
import styles from './letters.module.css'
import { between, toggled } from './model.ts'
import { NoLetters } from './NoLetters.tsx'
import type { LettersSearch } from './search.ts'

interface Props {
  search: LettersSearch
  filtered: boolean
  selected: ReadonlySet<number>
  onSelect: (selected: ReadonlySet<number>) => void
  onSearch: (change: Partial<LettersSearch>) => void
  onClear: () => void
}

/** Dead letters, newest first, each with a box that selects it. While some are selected nothing moves. */
export function LettersList({ search, filtered, selected, onSelect, onSearch, onClear }: Props) {
  const { error, isPending, refetch, ...read } = useQuery({ ...lettersQuery(search, search.after), placeholderData: keepPreviousData })
  const data = useHeld(read.data, selected.size > 0)
  const list = useRef<RowsHandle>(null)
  const last = useRef<number | null>(null)
  const rowPx = useRowPx(32)
  const letters = data?.deadLetters ?? []
  const focus = useRowFocus(letters.length, list)
  const ids = letters.map((each) => each.id)
  const allOn = ids.length > 0 && ids.every((id) => selected.has(id))
  useActions(focus.actions('Dead letters'))
  const toggle = (id: number, on: boolean, range: boolean): void => {
    onSelect(toggled(selected, range && last.current !== null ? between(ids, last.current, id) : [id], on))
    last.current = id
  }
  return (
    <>
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="dead letters" />}
      {data && letters.length === 0 && <NoLetters filtered={filtered} onClear={onClear} />}
      {letters.length > 0 && (
        <label className={styles.all}>
          <input type="checkbox" checked={allOn} onChange={(event) => { onSelect(toggled(selected, ids, event.target.checked)) }} />
          Select all {letters.length.toLocaleString('en')} that are listed
        </label>
      )}
      {letters.length > 0 && (
        <Rows
          role="list"
          label={data?.cursor ? `The newest ${letters.length} dead letters` : 'Dead letters, newest first'}
          count={letters.length}
          rowPx={rowPx}
          handle={list}
          head={<Head />}
        >
          {(at, top) => {
            const letter = letters[at]
            return letter && (
              <Row
                key={letter.id}
                letter={letter}
                at={at}
                of={letters.length}
                place={{ top, height: rowPx }}
                open={letter.id === search.letter}
                selected={selected.has(letter.id)}
                onToggle={(on, range) => { toggle(letter.id, on, range) }}
                onOpen={() => { onSearch({ letter: letter.id, bulk: undefined }) }}
              />
            )
          }}
        </Rows>
      )}
      {data && (
        <Pager
          what="dead letters"
          shown={letters.length}
          isFirst={search.after === ''}
          more={data.cursor !== null}
          onFirst={() => { onSearch({ after: '' }) }}
          onNext={() => { onSearch({ after: data.cursor ?? '' }) }}
        />
      )}
    </>
  )
}

/** What was read last, or what was there when the reader began to select. */
function useHeld(data: DeadLetters | undefined, hold: boolean): DeadLetters | undefined {
  const [held, setHeld] = useState(data)
  if (!hold && held !== data) setHeld(data)
  return hold ? held : data
}

function Head() {
  return (
    <div className={`${row.head} ${row.row} ${styles.columns}`} aria-hidden>
      <span>Step</span>
      <span>Error</span>
      <span>Topic</span>
      <span className={row.number}>Attempts</span>
      <span className={row.number}>Died at</span>
    </div>
  )
}

interface RowProps {
  letter: DeadLetterRow
  at: number
  of: number
  place: { top: number; height: number }
  open: boolean
  selected: boolean
  onToggle: (on: boolean, range: boolean) => void
  onOpen: () => void
}

function Row({ letter, at, of, place, open, selected, onToggle, onOpen }: RowProps) {
  return (
    <div role="listitem" aria-setsize={of} aria-posinset={at + 1} className={`${row.item} ${styles.item}`} data-selected={selected} style={place}>
      <input
        type="checkbox"
        aria-label={`Select dead letter ${letter.id} of ${letter.step}`}
        checked={selected}
        onChange={(event) => {
          const { nativeEvent } = event
          onToggle(event.target.checked, nativeEvent instanceof MouseEvent && nativeEvent.shiftKey)
        }}
      />
      <button type="button" className={`${row.row} ${styles.columns}`} aria-pressed={open} data-row={at} onClick={onOpen}>
        <span className={row.name}>{letter.step}</span>
        <span className={styles.error}>{failureWords(letter.error)}</span>
        <span className={`${row.mono} ${row.wideOnly}`}>{letter.topic}</span>
        <span className={`${row.number} ${row.wideOnly}`}>{letter.attempts}</span>
        <time className={row.wideOnly} dateTime={iso(letter.diedAt)}>
          {moment(letter.diedAt)}
        </time>
      </button>
    </div>
  )
}
