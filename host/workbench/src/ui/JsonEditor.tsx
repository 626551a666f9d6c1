import { useId } from 'react'
import styles from './editor.module.css'

/** Reason why a text is no JSON, in words; `null` when it is. */
export function jsonProblem(text: string): string | null {
  try {
    JSON.parse(text)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : 'This is no JSON.'
  }
}

interface Props {
  label: string
  value: string
  /** What becomes of the text, and has to be JSON, when that is not the text itself. */
  judged?: string | undefined
  onChange: (text: string) => void
  onSubmit?: () => void
}

/** Field for a JSON value that says what is wrong while it is typed. */
export function JsonEditor(props: Props) {
  const id = useId()
  const problem = jsonProblem(props.judged ?? props.value)
  return (
    <div className={styles.editor}>
      <textarea
        aria-label={props.label}
        aria-invalid={problem !== null}
        aria-describedby={id}
        spellCheck={false}
        rows={Math.min(18, Math.max(4, props.value.split('\n').length + 1))}
        value={props.value}
        onChange={(event) => {
          props.onChange(event.target.value)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.metaKey || event.ctrlKey) && problem === null) props.onSubmit?.()
        }}
      />
      <p id={id} className={problem === null ? styles.fine : styles.problem}>
        {problem ?? 'Valid JSON'}
      </p>
    </div>
  )
}
