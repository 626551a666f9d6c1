import styles from './field.module.css'

/** Field for one line of text, with its name above. */
export function Field(props: { label: string; value: string; onType: (value: string) => void; autoFocus?: boolean }) {
  return (
    <label className={styles.field}>
      <span>{props.label}</span>
      <input
        type="text"
        spellCheck={false}
        autoComplete="off"
        autoFocus={props.autoFocus}
        value={props.value}
        onChange={(event) => {
          props.onType(event.target.value)
        }}
      />
    </label>
  )
}
