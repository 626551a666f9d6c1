import type { RequestFailed } from '../../services/http.ts'
import { Failed } from '../../ui/Notices.tsx'
import styles from './panel.module.css'

/** Why the host did not run it; what breaks the schema by its path. */
export function Refused({ error }: { error: RequestFailed }) {
  const issues = issuesOf(error.body.issues)
  return (
    <>
      <Failed error={error} />
      {issues.length > 0 && (
        <ul className={styles.lines} aria-label="What does not fit the schema">
          {issues.map((each) => (
            <li key={each}>{each}</li>
          ))}
        </ul>
      )}
    </>
  )
}

function issuesOf(issues: unknown): string[] {
  if (!Array.isArray(issues)) return []
  return issues.map((each: Record<string, unknown>) => {
    const path = Array.isArray(each.path) ? each.path.map(String).join('.') : ''
    return `${path || 'The whole input'}: ${String(each.message)}`
  })
}
