import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import type { Rates } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { ratesQuery, stepsQuery } from '../../services/queries.ts'
import { Button, Select, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { counted, moment } from '../../ui/time.ts'
import { Chart } from './Chart.tsx'
import styles from './charts.module.css'
import { CHARTS } from './model.ts'
import { PointsTable } from './PointsTable.tsx'
import { WINDOWS, type ChartsSearch, type Window } from './search.ts'
import { StepTotals } from './StepTotals.tsx'

/** A stretch of time grows as it goes by, whatever happens: the page asks for it at a pace of its own. */
const AGAIN_MS = 5000

interface Props {
  search: ChartsSearch
  onSearch: (change: Partial<ChartsSearch>) => void
}

/** How much runs, fails, waits and works, over time and by step. */
export function ChartsView({ search, onSearch }: Props) {
  const { window, step, flow } = search
  const query = useQuery({ ...ratesQuery({ window, step, flow }), refetchInterval: AGAIN_MS, placeholderData: keepPreviousData })
  const rates = query.data
  const { since, until } = search
  const selected = useMemo(() => (since === undefined || until === undefined ? null : { since, until }), [since, until])
  const brush = useCallback(
    (time: { since: number; until: number } | null) => {
      onSearch({ since: time?.since, until: time?.until })
    },
    [onSearch],
  )
  useActions([
    { id: 'table', label: 'Charts or a table', keys: ['t'], group: 'Charts', perform: () => { onSearch({ table: !search.table }) } },
    { id: 'leave', label: 'Select no time', keys: ['Escape'], group: 'Charts', perform: () => { brush(null) } },
  ])
  const of = { ...(step && { step }), ...(flow && { flow }) }

  return (
    <Page
      title="Charts"
      tools={
        <Toolbar label="What is shown">
          <Select label="Time" value={window} choices={WINDOWS} onChoose={(chosen) => { onSearch({ window: chosen as Window, since: undefined, until: undefined }) }} />
          <Sources step={step} flow={flow} onSearch={onSearch} />
          <Button aria-pressed={search.table} title="Charts or a table (t)" onClick={() => { onSearch({ table: !search.table }) }}>
            As a table
          </Button>
        </Toolbar>
      }
    >
      {query.error && !rates && <Failed error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Loading what="charts" />}
      {rates && (
        <div className={styles.body}>
          {selected && <Selected selected={selected} of={of} onClear={() => { brush(null) }} />}
          {rates.total.runs === 0 && rates.points.length === 0 ? (
            <Empty title="Nothing ran in this time">
              <p>Choose a longer time, or call a route, emit an event or fire a cron step.</p>
            </Empty>
          ) : search.table ? (
            <PointsTable rates={rates} of={of} />
          ) : (
            <div className={styles.charts}>
              {CHARTS.map((chart) => (
                <Chart key={chart.title} chart={chart} rates={rates} selected={selected} onBrush={brush} />
              ))}
            </div>
          )}
          <Marks rates={rates} />
          {rates.steps.length > 0 && (
            <StepTotals
              steps={rates.steps}
              chosen={step}
              cut={rates.cursor !== null}
              onChoose={(chosen) => { onSearch({ step: chosen }) }}
            />
          )}
        </div>
      )}
    </Page>
  )
}

function Selected({ selected, of, onClear }: { selected: { since: number; until: number }; of: { step?: string; flow?: string }; onClear: () => void }) {
  const time = { since: String(selected.since), until: String(selected.until) }
  return (
    <p className={styles.selected} role="status">
      <span>
        {moment(selected.since)} to {moment(selected.until)}
      </span>
      <Link to="/traces" search={{ ...of, ...time }}>
        Show its traces
      </Link>
      <Link to="/logs" search={{ ...of, ...time }}>
        Show its logs
      </Link>
      <Button quiet onClick={onClear}>
        Select no time
      </Button>
    </p>
  )
}

/** Dashed lines of the charts, in words. */
function Marks({ rates }: { rates: Rates }) {
  const reloads = rates.marks.filter((mark) => mark.what === 'reloaded')
  const started = rates.marks.find((mark) => mark.what === 'started')
  const last = reloads.at(-1)
  const parts = [
    ...(started ? [`the host started at ${moment(started.at)}`] : []),
    ...(last ? [`${counted(reloads.length, 'reload')}, the last at ${moment(last.at)}`] : []),
  ]
  return (
    <p className={styles.hint}>
      {!rates.points.length ? '' : 'Drag over a chart to select a time. '}
      {parts.length > 0 && `Dashed lines: ${parts.join('; ')}.`}
    </p>
  )
}

/** Flow or step to choose; the chosen one also when the project has it no more. */
function Sources({ step, flow, onSearch }: { step: string; flow: string; onSearch: Props['onSearch'] }) {
  const { data } = useQuery(stepsQuery())
  const value = step ? `step:${step}` : flow ? `flow:${flow}` : ''
  const steps = data?.steps ?? []
  const flows = [...new Set(steps.flatMap((each) => each.flows ?? []))].sort()
  const choices: [string, string][] = [
    ['', 'Everything'],
    ...flows.map((name): [string, string] => [`flow:${name}`, `Flow ${name}`]),
    ...steps.map((each): [string, string] => [`step:${each.name}`, each.name]),
  ]
  if (choices.every(([known]) => known !== value)) choices.push([value, value.slice(5)])
  const choose = (chosen: string): void => {
    const [kind, name] = [chosen.slice(0, 5), chosen.slice(5)]
    onSearch({ flow: kind === 'flow:' ? name : '', step: kind === 'step:' ? name : '' })
  }
  return <Select label="Of" value={value} choices={choices} onChoose={choose} />
}
