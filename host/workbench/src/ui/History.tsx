import type { ReactNode } from 'react'
import { Json } from './Json.tsx'
import { Section } from './Section.tsx'
import { ago, iso, moment } from './time.ts'
import styles from './history.module.css'
import { useNow } from './useNow.ts'

export interface Write {
  at: number
  /** What was done, in a word. */
  what: string
  /** Who has written, maybe as a link. */
  who: ReactNode
  /** What was written, as a preview; undefined when there is nothing to show. */
  value: unknown
}

/** Writes of a value, newest first, each with its writer; the last one stands out in a sentence. */
export function History({ title, writes, since, nothing }: { title: string; writes: readonly Write[]; since: number | null; nothing: string }) {
  const now = useNow()
  const [last] = writes
  return (
    <Section title={title}>
      <div className={styles.history}>
        {last ? (
          <p>
            {last.what} by {last.who}, <time dateTime={iso(last.at)} title={moment(last.at)}>{ago(last.at, now)}</time>
          </p>
        ) : (
          <p className={styles.quiet}>{nothing}</p>
        )}
        {writes.length > 0 && (
          <details className={styles.more}>
            <summary>{writes.length === 1 ? 'What was written' : `The last ${writes.length}`}</summary>
            <ol>
              {writes.map((each, at) => (
                <li key={`${each.at} ${at}`}>
                  <p>
                    {each.what} by {each.who} <time className={styles.quiet} dateTime={iso(each.at)}>{moment(each.at)}</time>
                  </p>
                  {each.value !== undefined && <Json value={each.value} label={`${each.what} ${moment(each.at)}`} />}
                </li>
              ))}
            </ol>
          </details>
        )}
        {since !== null && <p className={styles.quiet}>Known since {moment(since)}, from traces and logs.</p>}
      </div>
    </Section>
  )
}
