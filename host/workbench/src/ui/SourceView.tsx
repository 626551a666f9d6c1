import styles from './source.module.css'

/** Lines of a file with their numbers, as text; lines that hold one of `marks` stand out. */
export function SourceView({ text, marks = [] }: { text: string; marks?: readonly string[] }) {
  const lines = text.replace(/\n$/, '').split('\n')
  const wanted = marks.filter(Boolean)
  return (
    <div className={styles.source} tabIndex={0} role="group" aria-label="Source">
      <pre aria-hidden className={styles.numbers}>
        {lines.map((_, at) => at + 1).join('\n')}
      </pre>
      <pre>
        {wanted.length === 0
          ? lines.join('\n')
          : lines.map((line, at) => (
              <span key={at} className={wanted.some((mark) => line.includes(mark)) ? styles.marked : undefined}>
                {`${line}\n`}
              </span>
            ))}
      </pre>
    </div>
  )
}
