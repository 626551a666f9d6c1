import styles from './failure.module.css'

interface Shown {
  name: string
  message: string
  stack: string
  frame: string
  place: { file: string; line: number | null } | null
}

/** Error of a handler: what it says, where, and the lines around. */
export function FailureView({ failure }: { failure: Shown }) {
  const { name, message, frame, stack, place } = failure
  return (
    <section className={styles.failure} aria-label="Error">
      <p className={styles.message}>
        {name && <strong>{name}: </strong>}
        {message}
      </p>
      {place && (
        <p className={styles.place}>
          <code>
            {place.file}
            {place.line ? `:${place.line}` : ''}
          </code>
        </p>
      )}
      {frame && <Code label="Code around" text={frame} />}
      {stack && (
        <details open={!frame}>
          <summary>Stack</summary>
          <Code label="Stack" text={stack} />
        </details>
      )}
    </section>
  )
}

/** Lines that scroll sideways, by key too. */
function Code({ label, text }: { label: string; text: string }) {
  return (
    <pre className={styles.code} tabIndex={0} role="group" aria-label={label}>
      {text}
    </pre>
  )
}
