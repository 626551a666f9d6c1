import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { StepTotal } from '../../api/results.ts'
import { ratesQuery } from '../../services/queries.ts'
import { Panel } from '../../ui/Panel.tsx'
import { duration } from '../../ui/time.ts'
import { ModelTable } from './ModelUse.tsx'
import type { Skeleton } from './skeleton.ts'
import { stepTimes } from './stepTimes.ts'
import styles from './steptable.module.css'
import { usualWords } from './words.ts'

const STEPS_MAX = 200

/** Which steps took part in a trace, how often, and how long they waited and worked. */
export function StepTable(props: { traceId: string; skeleton: Skeleton; onSelect: (row: number) => void; onClose: () => void }) {
  const { skeleton } = props
  const times = useMemo(() => stepTimes(skeleton), [skeleton])
  const usual = useUsual()
  return (
    <Panel title="Times by step" about="Work and waits of all runs of a step; its longest run is a click away." onClose={props.onClose}>
      <table className={`${styles.table} ${styles.steps}`}>
        <thead>
          <tr>
            <th scope="col">Runs</th>
            <th scope="col">Failed</th>
            <th scope="col">Waited</th>
            <th scope="col">Worked</th>
            <th scope="col">Longest</th>
            <th scope="col" title="Half of the attempts of the last day took at most so long">
              Usually
            </th>
          </tr>
        </thead>
        {times.slice(0, STEPS_MAX).map((each) => (
          <tbody key={each.step}>
            <tr className={styles.name}>
              <th scope="rowgroup" colSpan={6}>
                <button type="button" onClick={() => { props.onSelect(each.row) }}>
                  {each.step}
                </button>
              </th>
            </tr>
            <tr>
              <td>{each.attempts > each.runs ? `${each.runs} (${each.attempts} attempts)` : each.runs.toLocaleString('en')}</td>
              <td data-some={each.failed > 0}>{each.failed.toLocaleString('en')}</td>
              <td>{duration(each.waitMs)}</td>
              <td>{duration(each.workMs)}</td>
              <td>{duration(each.longestMs)}</td>
              <td>{usualWords(usual.get(each.step), each.workMs / Math.max(1, each.attempts))}</td>
            </tr>
          </tbody>
        ))}
      </table>
      <ModelTable traceId={props.traceId} skeleton={skeleton} />
      {times.length > STEPS_MAX && <p className={styles.cut}>The {STEPS_MAX} steps that worked longest, of {times.length}.</p>}
    </Panel>
  )
}

/** How long steps took in the last day. */
function useUsual(): ReadonlyMap<string, StepTotal> {
  const { data } = useQuery(ratesQuery({ window: '1d', step: '', flow: '' }))
  return useMemo(() => new Map(data?.steps.map((each) => [each.step, each])), [data])
}
