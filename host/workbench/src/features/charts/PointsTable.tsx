import { Link } from '@tanstack/react-router'
import type { Rates } from '../../api/results.ts'
import { moment } from '../../ui/time.ts'
import styles from './charts.module.css'
import { Cells, Heads } from './StepTotals.tsx'

/** The charts as a table: each stretch of time in which something ran, newest first. */
export function PointsTable({ rates, of }: { rates: Rates; of: { step?: string; flow?: string } }) {
  return (
    <div className={styles.scroll} tabIndex={0} role="group" aria-label="The charts as a table">
      <table className={styles.table}>
        <thead>
          <Heads first="Begins at" />
        </thead>
        <tbody>
          {rates.points.toReversed().map((point) => (
            <tr key={point.at}>
              <th scope="row">
                <Link to="/traces" search={{ ...of, since: String(point.at), until: String(point.at + 1000 * rates.widthS) }}>
                  {moment(point.at)}
                </Link>
              </th>
              <Cells rate={point} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
