import styles from './changes.module.css'
import { CHANGES_MAX, changesOf, pathWords, valueWords } from './diff.ts'
import { TextChanges } from './TextChanges.tsx'

const LONG_CHARS = 60

/** Of such texts, as of prompts, the difference is within them. */
const isLong = (value: unknown): value is string => typeof value === 'string' && value.length >= LONG_CHARS

/** What changed between two values, place by place; said in words, not by colour alone. */
export function Changes({ before, after, label }: { before: unknown; after: unknown; label: string }) {
  const changes = changesOf(before, after)
  if (changes.length === 0) return <p className={styles.none}>No difference</p>
  return (
    <ul className={styles.changes} aria-label={label}>
      {changes.map((each) => (
        <li key={each.path.join('\0')}>
          <code>{pathWords(each.path)}</code>
          {isLong(each.before) && isLong(each.after) && <TextChanges before={each.before} after={each.after} />}
          {'before' in each && !(isLong(each.before) && isLong(each.after)) && (
            <p className={styles.before}>
              <span>{'after' in each ? 'was' : 'removed'}</span> <code>{valueWords(each.before)}</code>
            </p>
          )}
          {'after' in each && !(isLong(each.before) && isLong(each.after)) && (
            <p className={styles.after}>
              <span>{'before' in each ? 'now' : 'added'}</span> <code>{valueWords(each.after)}</code>
            </p>
          )}
        </li>
      ))}
      {changes.length >= CHANGES_MAX && <li>The first {CHANGES_MAX} differences are shown.</li>}
    </ul>
  )
}
