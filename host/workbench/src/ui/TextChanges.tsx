import styles from './changes.module.css'
import { piecesOf } from './textDiff.ts'

const WORDS = { added: 'now', removed: 'was' } as const

/** Two texts as one: what was taken out and what came in stands in its place, in words and not by colour alone. */
export function TextChanges({ before, after }: { before: string; after: string }) {
  return (
    <pre className={styles.text}>
      {piecesOf(before, after).map(({ mark, text }, at) =>
        mark === 'same' ? (
          <span key={at}>{text}</span>
        ) : mark === 'added' ? (
          <ins key={at} title={WORDS.added}>
            {text}
          </ins>
        ) : (
          <del key={at} title={WORDS.removed}>
            {text}
          </del>
        ),
      )}
    </pre>
  )
}
