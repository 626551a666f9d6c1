import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { RefObject } from 'react'
import { totalQuery } from '../../services/letters.ts'
import { useAnnounced } from '../../ui/Announcer.tsx'
import { AtEnd, Button, Chip, SearchField, Toolbar } from '../../ui/Controls.tsx'
import { Folded } from '../../ui/Folded.tsx'
import { TimeField } from '../../ui/TimeField.tsx'
import { counted } from '../../ui/time.ts'
import styles from './letters.module.css'
import type { LettersSearch, LettersShown } from './search.ts'

interface Props {
  search: LettersSearch
  filtered: boolean
  selected: number
  field: RefObject<HTMLInputElement | null>
  onSearch: (change: Partial<LettersSearch>) => void
  onAsk: (act: 'replay' | 'discard') => void
  onDeselect: () => void
}

const SHOWN: readonly (readonly [LettersShown, string])[] = [['letters', 'Letters'], ['errors', 'By error'], ['bulks', 'Bulks']]

/** What is shown, by which filters, and what can be done with all of it. */
export function LettersTools({ search, filtered, selected, field, onSearch, onAsk, onDeselect }: Props) {
  const { data } = useQuery({ ...totalQuery(search), placeholderData: keepPreviousData })
  const total = data ? counted(data.count, 'dead letter') : ''
  useAnnounced('dead letters', total)
  const which = selected > 0 ? `${selected.toLocaleString('en')} selected` : filtered ? 'all that match' : 'all'
  return (
    <>
      <Toolbar label="What is shown">
        {SHOWN.map(([name, word]) => (
          <Button key={name} aria-pressed={search.show === name} onClick={() => { onSearch({ show: name }) }}>
            {word}
          </Button>
        ))}
        {search.show !== 'bulks' && (
          <>
            {selected > 0 && <span role="status">The list stands still while you select.</span>}
            <AtEnd>
              {selected > 0 && <Button quiet onClick={onDeselect}>Deselect</Button>}
              <Button disabled={data?.count === 0} onClick={() => { onAsk('replay') }}>Replay {which}…</Button>
              <Button disabled={data?.count === 0} onClick={() => { onAsk('discard') }}>Discard {which}…</Button>
            </AtEnd>
          </>
        )}
      </Toolbar>
      {search.show !== 'bulks' && (
        <Toolbar label="Filters">
          <SearchField field={field} label="Step, topic, error, data" value={search.q} onType={(q) => { onSearch({ q }) }} />
          <span className={styles.total}>{total}</span>
          <Folded words="Filters" set={[search.since, search.until, search.step, search.topic, search.error].filter(Boolean).length}>
            <TimeField label="From" value={search.since} onChange={(since) => { onSearch({ since }) }} />
            <TimeField label="to" value={search.until} onChange={(until) => { onSearch({ until }) }} />
            {search.step && <Chip name="step" value={search.step} onRemove={() => { onSearch({ step: '' }) }} />}
            {search.topic && <Chip name="topic" value={search.topic} onRemove={() => { onSearch({ topic: '' }) }} />}
            {search.error && <Chip name="error" value={search.error.slice(0, 6)} onRemove={() => { onSearch({ error: '' }) }} />}
          </Folded>
        </Toolbar>
      )}
    </>
  )
}
