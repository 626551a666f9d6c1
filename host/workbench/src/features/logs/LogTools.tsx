import { Download } from 'lucide-react'
import { memo, type ReactNode, type RefObject } from 'react'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { stepsQuery } from '../../services/queries.ts'
import { AtEnd, Button, Chip, SearchField, Select, Toolbar } from '../../ui/Controls.tsx'
import { ButtonLink } from '../../ui/ButtonLink.tsx'
import { Folded } from '../../ui/Folded.tsx'
import { moment } from '../../ui/time.ts'
import { downloadOf, filterOf, type LogsSearch } from './search.ts'

const LEVELS = [
  ['', 'All'],
  ['info', 'Info and above'],
  ['warn', 'Warnings and errors'],
  ['error', 'Errors'],
] as const

const TIMES = [
  ['', 'Any'],
  ['5', 'Last 5 min'],
  ['15', 'Last 15 min'],
  ['60', 'Last hour'],
  ['1440', 'Last day'],
  ['0', 'From now on'],
] as const
const MINUTE_MS = 60_000

interface Props {
  search: LogsSearch
  onSearch: (change: Partial<LogsSearch>) => void
  field: RefObject<HTMLInputElement | null>
  /** Says whether the list follows, and changes it. */
  children: ReactNode
}

export function LogTools({ search, onSearch, field, children }: Props) {
  return (
    <Toolbar label="Filters">
      <Filters search={search} onSearch={onSearch} field={field} />
      <AtEnd>
        {children}
        <ButtonLink
          href={downloadOf(filterOf(search))}
          download="polystep-logs.ndjson"
          aria-label="Download the lines that match"
          title="Download all lines that match, one JSON object a line"
        >
          <Download size={15} aria-hidden />
        </ButtonLink>
      </AtEnd>
    </Toolbar>
  )
}

const Filters = memo(function Filters({ search, onSearch, field }: Omit<Props, 'children'>) {
  const of = search.flow ? `flow:${search.flow}` : search.step ? `step:${search.step}` : ''
  return (
    <>
      <SearchField field={field} label="Text, -without, field=value" value={search.q} onType={(q) => { onSearch({ q }) }} />
      <Folded words="Filters" set={[!['', 'debug'].includes(search.level), of !== '', search.since !== undefined, search.until !== undefined, search.trace, search.run].filter(Boolean).length}>
        <Select
          label="Level"
          value={search.level === 'debug' ? '' : search.level}
          choices={LEVELS}
          onChoose={(level) => {
            onSearch({ level: level as LogsSearch['level'] })
          }}
        />
        <Select
          label="Of"
          value={of}
          choices={useSources(of)}
          onChoose={(chosen) => {
            const [kind, name] = [chosen.slice(0, 5), chosen.slice(5)]
            onSearch({ flow: kind === 'flow:' ? name : '', step: kind === 'step:' ? name : '' })
          }}
        />
        {search.since === undefined && search.until === undefined ? (
          <Select
            label="Time"
            value=""
            choices={TIMES}
            onChoose={(minutes) => {
              onSearch({ since: Date.now() - Number(minutes) * MINUTE_MS })
            }}
          />
        ) : (
          <>
            {search.since !== undefined && <Chip name="from" value={moment(search.since)} onRemove={() => { onSearch({ since: undefined }) }} />}
            {search.until !== undefined && <Chip name="before" value={moment(search.until)} onRemove={() => { onSearch({ until: undefined }) }} />}
          </>
        )}
        {search.trace && <Link to="/traces/$id" params={{ id: search.trace }} search={search.run ? { span: search.run } : {}} title="Back to the trace (l)">Show the trace</Link>}
        {search.trace && <Chip name="trace" value={search.trace.slice(-8)} onRemove={() => { onSearch({ trace: '', run: '' }) }} />}
        {search.run && <Chip name="run" value={search.run.slice(-8)} onRemove={() => { onSearch({ run: '' }) }} />}
        <Button aria-pressed={search.fold} title="Show repeated lines once (f)" onClick={() => { onSearch({ fold: !search.fold }) }}>
          Fold
        </Button>
      </Folded>
    </>
  )
})

/** Flows and steps to choose from; the chosen one also when the project has it no more. */
function useSources(chosen: string): readonly (readonly [string, string])[] {
  const { data } = useQuery(stepsQuery())
  const steps = data?.steps ?? []
  const flows = [...new Set(steps.flatMap((each) => each.flows ?? []))].sort()
  const found: [string, string][] = [
    ...flows.map((name): [string, string] => [`flow:${name}`, `Flow ${name}`]),
    ...steps.map((each): [string, string] => [`step:${each.name}`, each.name]),
  ]
  if (chosen !== '' && found.every(([value]) => value !== chosen)) found.push([chosen, chosen.slice(5)])
  return [['', 'Everything'], ...found]
}
