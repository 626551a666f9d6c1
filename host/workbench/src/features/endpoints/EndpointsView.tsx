import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useRef } from 'react'
import type { StepRow } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { stepsQuery } from '../../services/queries.ts'
import { SearchField } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { EndpointPanel } from './EndpointPanel.tsx'
import shared from '../../ui/tryout.module.css'
import styles from './endpoints.module.css'
import { endpointsOf } from './model.ts'
import type { EndpointsSearch } from './search.ts'

interface Props {
  search: EndpointsSearch
  onSearch: (change: Partial<EndpointsSearch>) => void
}

const SHOWN_MAX = 300

/** Routes of the project by flow, and one of them to try. */
export function EndpointsView({ search, onSearch }: Props) {
  const { data, error, isPending, refetch } = useQuery(stepsQuery())
  const field = useRef<HTMLInputElement>(null)
  const all = (data?.steps ?? []).filter((each) => each.type === 'api')
  const selected = all.find((each) => each.name === search.step)
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Endpoints', perform: () => field.current?.focus() },
    ...(search.step ? [{ id: 'leave', label: 'Back to the list', keys: ['Escape'], group: 'Endpoints', perform: () => { onSearch({ step: '' }) } }] : []),
  ])
  return (
    <Page title="Endpoints">
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="endpoints" />}
      {data && all.length === 0 && (
        <Empty title="No endpoints">
          <p>
            None of the {data.steps.length} steps has a route. Save a step with <code>type: &apos;api&apos;</code>, a method and a path, and it is listed here.{' '}
            <Link to="/start" search={{}}>First steps</Link>
          </p>
        </Empty>
      )}
      {all.length > 0 && (
        <div className={shared.columns} data-chosen={search.step !== ''}>
          <div className={shared.list}>
            <div className={shared.find}>
              <SearchField field={field} label="Path, step, flow" value={search.q} onType={(q) => { onSearch({ q }) }} />
            </div>
            <List steps={all} search={search} onSearch={onSearch} />
          </div>
          <div className={shared.chosen}>
            {selected ? (
              <EndpointPanel key={selected.name} step={selected} search={search} onSearch={onSearch} />
            ) : search.step !== '' ? (
              <Empty title="There is no such endpoint">
                <p>
                  No step named <code>{search.step}</code> has a route now. Its file may not load: <Link to="/steps" search={{}}>see the steps</Link>.
                </p>
              </Empty>
            ) : (
              <Empty title="Choose an endpoint">
                <p>Its request is written for you from its schema: send it as it is, or change it first.</p>
              </Empty>
            )}
          </div>
        </div>
      )}
    </Page>
  )
}

function List({ steps, search, onSearch }: Props & { steps: readonly StepRow[] }) {
  const flows = endpointsOf(steps, search.q)
  if (flows.size === 0) return <p className={shared.none}>Nothing matches “{search.q}”.</p>
  let left = SHOWN_MAX
  return (
    <nav aria-label="Endpoints" className={styles.flows}>
      {[...flows].map(([flow, members]) => {
        const shown = members.slice(0, left)
        left -= shown.length
        return shown.length > 0 && (
          <section key={flow} aria-label={flow}>
            <h2>{flow}</h2>
            {shown.map((each) => (
              <button key={each.name} type="button" aria-pressed={each.name === search.step} onClick={() => { onSearch({ step: each.name }) }}>
                <span className={styles.method}>{each.method}</span>
                <span className={styles.route}>{each.path}</span>
                <span className={styles.stepName}>{each.name}</span>
              </button>
            ))}
          </section>
        )
      })}
      {left <= 0 && <p className={shared.none}>The first {SHOWN_MAX} are shown. Search for others.</p>}
    </nav>
  )
}
