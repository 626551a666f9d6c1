import { useRef, useState } from 'react'
import { useActions } from '../../services/context.tsx'
import { startBulk } from '../../services/letters.ts'
import { useChange } from '../../services/useChange.ts'
import { Failed } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { BulkAsk, type Asking } from './BulkAsk.tsx'
import { BulkPanel } from './BulkPanel.tsx'
import { BulksList } from './BulksList.tsx'
import { ErrorsList } from './ErrorsList.tsx'
import { LetterPanel, useLetterActs } from './LetterPanel.tsx'
import { LettersList } from './LettersList.tsx'
import { LettersTools } from './LettersTools.tsx'
import type { LettersSearch } from './search.ts'

interface Props {
  search: LettersSearch
  onSearch: (change: Partial<LettersSearch>) => void
}

const NONE: ReadonlySet<number> = new Set()
const NO_FILTER = { step: '', topic: '', q: '', error: '', since: undefined, until: undefined, after: '' }

/** Deliveries that are not attempted any more: why, with what data, and how to try them again, one or many. */
export function LettersView({ search, onSearch }: Props) {
  const [selected, setSelected] = useState(NONE)
  const [asking, setAsking] = useState<Asking | null>(null)
  const field = useRef<HTMLInputElement>(null)
  const start = useChange(startBulk)
  const close = (): void => { onSearch({ letter: undefined, bulk: undefined }) }
  const acts = useLetterActs(close)
  const isOpen = search.letter !== undefined || search.bulk !== undefined
  const filtered = Boolean(search.step || search.topic || search.q.trim() || search.error || search.since !== undefined || search.until !== undefined)
  // What is selected belongs to the list that was shown.
  const change = (part: Partial<LettersSearch>): void => {
    if (!('letter' in part || 'bulk' in part)) setSelected(NONE)
    onSearch(part)
  }
  const filter = (part: Partial<LettersSearch>): void => { change({ after: '', ...part }) }
  const clear = (): void => { filter(NO_FILTER) }
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Dead letters', perform: () => field.current?.focus() },
    ...(!isOpen ? [] : [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Dead letters', perform: close }]),
  ])

  return (
    <Page
      title="Dead letters"
      tools={
        <LettersTools
          search={search}
          filtered={filtered}
          selected={selected.size}
          field={field}
          onSearch={filter}
          onAsk={(act) => { setAsking({ act, filter: search, ids: selected.size > 0 ? [...selected].sort((a, b) => a - b) : null }) }}
          onDeselect={() => { setSelected(NONE) }}
        />
      }
      asideLabel={search.bulk === undefined ? 'Selected dead letter' : 'Selected bulk'}
      aside={
        search.letter !== undefined ? (
          <LetterPanel
            key={search.letter}
            id={search.letter}
            acts={acts}
            onClose={close}
            onStep={(step) => { filter({ step, show: 'letters' }) }}
            onError={(error) => { filter({ error, show: 'letters' }) }}
          />
        ) : (
          search.bulk !== undefined && <BulkPanel key={search.bulk} id={search.bulk} onClose={close} />
        )
      }
    >
      {start.error && <Failed error={start.error} />}
      {search.show === 'errors' && (
        <ErrorsList filter={search} filtered={filtered} onClear={clear} onOpen={(error) => { filter({ error, show: 'letters' }) }} />
      )}
      {search.show === 'bulks' && <BulksList selected={search.bulk} onOpen={(bulk) => { onSearch({ bulk, letter: undefined }) }} />}
      {search.show === 'letters' && (
        <LettersList search={search} filtered={filtered} selected={selected} onSelect={setSelected} onSearch={change} onClear={clear} />
      )}
      {asking && (
        <BulkAsk
          asking={asking}
          onClose={() => { setAsking(null) }}
          onStart={(given) => {
            start.mutate(given, {
              onSuccess: ({ id }) => {
                setSelected(NONE)
                onSearch({ bulk: id, letter: undefined })
              },
            })
          }}
        />
      )}
    </Page>
  )
}
