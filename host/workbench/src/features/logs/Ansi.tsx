import { ansiParts } from './ansi.ts'
import styles from './logs.module.css'

/** Text of a log line with its terminal colours; text only. */
export function Ansi({ text }: { text: string }) {
  return ansiParts(text).map((part, at) => (
    <span key={at} data-colour={part.colour || undefined} className={part.bold ? styles.bold : undefined}>
      {part.text}
    </span>
  ))
}
