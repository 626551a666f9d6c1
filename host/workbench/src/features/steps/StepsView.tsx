import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useRef } from 'react'
import { useActions, useHealth } from '../../services/context.tsx'
import { stepsQuery } from '../../services/queries.ts'
import type { Step, Steps } from '../../services/shapes.ts'
import { Button, SearchField, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { Status } from '../../ui/Status.tsx'
import { useRowPx } from '../../ui/useRowPx.ts'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { idOf, listed, startWords, typeWords } from './model.ts'
import { StepPanel } from './StepPanel.tsx'
import rowStyles from '../../ui/row.module.css'
import styles from './steps.module.css'

export interface StepsSearch {
  step: string
  q: string
}

interface Props {
  search: StepsSearch
  onSearch: (change: Partial<StepsSearch>) => void
}

/** Every step and stream of the project: what does not load first, and one of them beside. */
export function StepsView({ search, onSearch }: Props) {
  const { data, error, isPending, refetch } = useQuery(stepsQuery())
  const health = useHealth()
  const troubles = [...(health?.runnersMissing ?? []).map((each) => `${each.runner} does not run: ${each.message}`), ...(health?.storage ?? []).map((each) => each.message)]
  const field = useRef<HTMLInputElement>(null)
  const rows = useRef<RowsHandle>(null)
  const rowPx = useRowPx(ROW_PX)
  const shown = data ? listed(data, search.q) : []
  const focus = useRowFocus(shown.length, rows)
  const all: Step[] = data ? [...data.steps, ...data.streams] : []
  const selected = all.find((step) => idOf(step) === search.step)
  const close = (): void => {
    onSearch({ step: '' })
  }
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Steps', perform: () => field.current?.focus() },
    ...focus.actions('Steps'),
    ...(search.step ? [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Steps', perform: close }] : []),
  ])

  return (
    <Page
      title="Steps"
      tools={
        <Toolbar label="Filters">
          <SearchField field={field} label="Name, type, file, topic, flow" value={search.q} onType={(q) => { onSearch({ q }) }} />
          {data && <Findings found={data} />}
        </Toolbar>
      }
      asideLabel="Selected step"
      aside={selected && data && <StepPanel key={search.step} step={selected} found={data} onClose={close} />}
    >
      {troubles.map((each) => <Failed key={each} error={new Error(each)} />)}
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="steps" />}
      {data && all.length === 0 && (
        <Empty title="No steps yet">
          <p>
            Save a file such as <code>steps/hello.step.ts</code> or <code>steps/hello_step.py</code>, and it is shown here at once. Or{' '}
            <Link to="/start" search={{}}>have the first ones written</Link>.
          </p>
        </Empty>
      )}
      {data && all.length > 0 && shown.length === 0 && (
        <Empty title="Nothing matches">
          <Button onClick={() => { onSearch({ q: '' }) }}>Clear the search</Button>
        </Empty>
      )}
      {shown.length > 0 && (
        <Rows role="list" label="Steps and streams" count={shown.length} rowPx={rowPx} handle={rows} head={<Head />}>
          {(row, top) => {
            const step = shown[row]
            return (
              step && (
                <Row
                  key={`${step.file} ${step.name}`}
                  step={step}
                  at={row}
                  of={shown.length}
                  place={{ top, height: rowPx }}
                  selected={idOf(step) === search.step}
                  onOpen={() => {
                    onSearch({ step: idOf(step) })
                  }}
                />
              )
            )
          }}
        </Rows>
      )}
    </Page>
  )
}

const ROW_PX = 32

function Head() {
  return (
    <div className={`${rowStyles.head} ${rowStyles.row} ${styles.columns}`} aria-hidden>
      <span>Step or stream</span>
      <span>Starts with</span>
      <span>Type</span>
      <span>Flows</span>
      <span>File</span>
    </div>
  )
}

interface RowProps {
  step: Step
  at: number
  of: number
  place: { top: number; height: number }
  selected: boolean
  onOpen: () => void
}

function Row({ step, at, of, place, selected, onOpen }: RowProps) {
  const warnings = step.warnings?.length ?? 0
  return (
    <div role="listitem" aria-setsize={of} aria-posinset={at + 1} className={rowStyles.item} style={place}>
      <button type="button" className={`${rowStyles.row} ${styles.columns}`} aria-pressed={selected} data-row={at} onClick={onOpen}>
        <span className={rowStyles.name}>{step.name}</span>
        <span className={styles.start} data-broken={step.error !== null}>{step.error ? step.error.split('\n', 1)[0] : startWords(step)}</span>
        <span className={styles.type}>
          {step.error ? <Status tone="failed" word="Does not load" /> : typeWords(step)}
          {step.error === null && warnings > 0 && <Status tone="warning" word={`${warnings} to look at`} />}
        </span>
        <span className={`${rowStyles.quiet} ${rowStyles.wideOnly}`}>{(step.flows ?? []).join(', ')}</span>
        <span className={`${styles.file} ${rowStyles.wideOnly}`}>{step.file}</span>
      </button>
    </div>
  )
}

function Findings({ found }: { found: Steps }) {
  const words = [...found.findings.map((each) => `${each.file}: ${each.message}`), ...found.warnings]
  if (words.length === 0) return null
  return (
    <details className={styles.findings}>
      <summary>
        <Status tone="warning" word={`${words.length} ${words.length === 1 ? 'finding' : 'findings'} about the project`} />
      </summary>
      <ul>
        {words.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </details>
  )
}
