import { useQuery } from '@tanstack/react-query'
import { Link, Navigate } from '@tanstack/react-router'
import type { FlowRow, StepRow } from '../../api/results.ts'
import { flowDoor } from '../../services/addresses.ts'
import { flowsQuery, stepsQuery, traceRunsQuery } from '../../services/queries.ts'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { counted } from '../../ui/time.ts'
import { listedFlows, flowOfTrace } from './flows.ts'
import { flowWords } from './words.ts'
import styles from './flow.module.css'

interface Props {
  /** Lead to the flow of this trace. */
  trace: string
  /** Show the list though there is only one flow. */
  all: boolean
}

/** Flows of the project; straight to the only one, or to that of a trace. */
export default function FlowsView({ trace, all }: Props) {
  const flows = useQuery(flowsQuery())
  const steps = useQuery(stepsQuery())
  const failure = flows.error ?? steps.error
  if (flows.data && steps.data) {
    if (trace !== '') return <ToTrace trace={trace} steps={steps.data.steps} />
    return <Listed rows={listedFlows(flows.data.flows, steps.data.steps)} all={all} />
  }
  return (
    <Page title="Flows">
      {failure ? <Failed error={failure} retry={() => { void flows.refetch(); void steps.refetch() }} /> : <Loading what="flows" />}
    </Page>
  )
}

function ToTrace({ trace, steps }: { trace: string; steps: readonly StepRow[] }) {
  const { data, error } = useQuery(traceRunsQuery(trace))
  if (!data && !error) return <Loading what="the trace" />
  return <Navigate {...flowDoor(flowOfTrace(data?.runs ?? [], steps), { trace })} replace />
}

function Listed({ rows, all }: { rows: readonly FlowRow[]; all: boolean }) {
  const [first] = rows
  if (!all && first !== undefined && rows.length === 1) return <Navigate {...flowDoor(first.flow)} replace />
  return (
    <Page title="Flows">
      {rows.length === 0 && (
        <Empty title="No flows">
          <p>
            Save a step such as <code>steps/hello.step.ts</code> or <code>steps/hello_step.py</code> with <code>flows: [&apos;name&apos;]</code> in its config, and its flow is drawn
            here. <a href="/__polystep/docs">The project&apos;s documents</a> say what a step may declare.
          </p>
        </Empty>
      )}
      {rows.length > 0 && (
        <ul className={styles.list} aria-label="Flows">
          <li aria-hidden className={styles.listHead}>
            <span>Flow</span>
            <span>Steps</span>
          </li>
          {rows.map(({ flow, steps: count }) => (
            <li key={flow}>
              <Link {...flowDoor(flow)}>
                <strong>{flowWords(flow)}</strong>
                <span>{counted(count, 'step')}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Page>
  )
}
