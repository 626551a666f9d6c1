import { Status, type Tone } from './Status.tsx'
import { duration } from './time.ts'
import styles from './lines.module.css'

interface Line {
  id: string
  step: string
  tone: Tone
  word: string
  durationMs: number | null
}

/** Short list of what runs: a name, a status in words, a duration. */
export function Lines({ label, lines }: { label: string; lines: readonly Line[] }) {
  return (
    <ul aria-label={label} className={styles.lines}>
      {lines.map((each) => (
        <li key={each.id}>
          <span className={styles.name}>{each.step}</span>
          <Status tone={each.tone} word={each.word} />
          <span className={styles.time}>{each.durationMs === null ? '' : duration(each.durationMs)}</span>
        </li>
      ))}
    </ul>
  )
}
