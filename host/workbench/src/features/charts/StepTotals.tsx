import type { StepTotal } from '../../api/results.ts'
import { duration } from '../../ui/time.ts'
import { share } from './model.ts'
import styles from './charts.module.css'

const SHOWN_MAX = 200

/** Steps that ran, those that ran most first; one is chosen by its name. */
export function StepTotals({ steps, chosen, cut, onChoose }: { steps: readonly StepTotal[]; chosen: string; cut: boolean; onChoose: (step: string) => void }) {
  const sorted = steps.toSorted((a, b) => b.runs - a.runs)
  return (
    <section className={styles.totals} aria-label="Steps">
      <div className={styles.scroll} tabIndex={0} role="group" aria-label="Table of steps">
        <table className={styles.table}>
          <thead>
            <Heads first="Step" />
          </thead>
          <tbody>
            {sorted.slice(0, SHOWN_MAX).map((each) => (
              <tr key={each.step}>
                <th scope="row">
                  <button type="button" className={styles.step} aria-pressed={each.step === chosen} onClick={() => { onChoose(each.step === chosen ? '' : each.step) }}>
                    {each.step}
                  </button>
                </th>
                <Cells rate={each} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(cut || sorted.length > SHOWN_MAX) && <p className={styles.quiet}>Not all steps are listed here; polystep rates lists them in parts.</p>}
    </section>
  )
}

export function Heads({ first }: { first: string }) {
  return (
    <tr>
      <th scope="col">{first}</th>
      {['Runs', 'Failed', 'Share', 'Retried', 'Wait p50', 'p95', 'p99', 'Work p50', 'p95', 'p99'].map((name, at) => (
        <th key={at} scope="col">
          {name}
        </th>
      ))}
    </tr>
  )
}

export function Cells({ rate }: { rate: Omit<StepTotal, 'step'> }) {
  const failed = share(rate)
  const times = [rate.waitP50, rate.waitP95, rate.waitP99, rate.workP50, rate.workP95, rate.workP99]
  return (
    <>
      <td>{rate.runs.toLocaleString('en')}</td>
      <td data-bad={rate.failed > 0}>{rate.failed.toLocaleString('en')}</td>
      <td data-bad={rate.failed > 0}>{failed === null ? '–' : `${failed.toFixed(failed < 10 ? 1 : 0)} %`}</td>
      <td>{rate.retried.toLocaleString('en')}</td>
      {times.map((each, at) => (
        <td key={at}>{each === null ? '–' : duration(each)}</td>
      ))}
    </>
  )
}
