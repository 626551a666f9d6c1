import { useQuery } from '@tanstack/react-query'
import type { ReactNode, RefObject } from 'react'
import { stepsQuery } from '../../services/queries.ts'
import { Button, Chip, SearchField, Select } from '../../ui/Controls.tsx'
import { Folded } from '../../ui/Folded.tsx'
import type { TracesSearch } from './search.ts'
import { SINCE_CHOICES } from './since.ts'
import { STATUS_CHOICES } from './words.ts'

interface Props {
  field: RefObject<HTMLInputElement | null>
  search: TracesSearch
  onSearch: (change: Partial<TracesSearch>) => void
  /** Further controls of the bar. */
  children: ReactNode
}

/** Filters of the list of traces; the host applies them, and the address holds them. */
export function ListTools({ field, search, onSearch, children }: Props) {
  const { data } = useQuery(stepsQuery())
  const steps = data?.steps ?? []
  const flows = [...new Set(steps.flatMap((each) => each.flows ?? []))].sort()
  const named = (name: string): [string, string] => [name, name]
  // What the address names may be gone from the project.
  const withChosen = (names: string[], chosen: string): string[] => (chosen === '' || names.includes(chosen) ? names : [chosen, ...names])
  const isOtherTime = search.since !== '' && !SINCE_CHOICES.some(([value]) => value === search.since)
  return (
    <>
      <SearchField
        field={field}
        label="Step, error or trace id"
        value={search.q}
        onType={(q) => {
          onSearch({ q })
        }}
      />
      <Folded words="Filters" set={[search.status, search.step, search.flow, search.since].filter(Boolean).length + (search.until === undefined ? 0 : 1)}>
        <Select
          label="Status"
          value={search.status}
          choices={STATUS_CHOICES}
          onChoose={(status) => {
            onSearch({ status: status as TracesSearch['status'] })
          }}
        />
        <Select
          label="Step"
          value={search.step}
          choices={[['', 'Any'], ...withChosen(steps.map((each) => each.name), search.step).map(named)]}
          onChoose={(step) => {
            onSearch({ step })
          }}
        />
        {(flows.length > 0 || search.flow !== '') && (
          <Select
            label="Flow"
            value={search.flow}
            choices={[['', 'Any'], ...withChosen(flows, search.flow).map(named)]}
            onChoose={(flow) => {
              onSearch({ flow })
            }}
          />
        )}
        <Select
          label="Began"
          value={search.since}
          choices={isOtherTime ? [...SINCE_CHOICES, [search.since, 'Since a time']] : SINCE_CHOICES}
          onChoose={(since) => {
            onSearch({ since })
          }}
        />
        {search.until !== undefined && (
          <Chip name="before" value={new Date(search.until).toLocaleString()} onRemove={() => { onSearch({ until: undefined }) }} />
        )}
        <Button
          aria-pressed={search.follow}
          title="Show new traces at the top by themselves"
          onClick={() => {
            onSearch({ follow: !search.follow })
          }}
        >
          {search.follow ? 'Following newest' : 'Follow newest'}
        </Button>
        {children}
      </Folded>
    </>
  )
}
