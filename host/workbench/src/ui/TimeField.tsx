import styles from './field.module.css'

/** Start of a local time field as Unix milliseconds; undefined for a text that is no time. */
export function timeOf(text: string): number | undefined {
  const found = text === '' ? Number.NaN : new Date(text).getTime()
  return Number.isNaN(found) ? undefined : found
}

/** Local time in the form that a time field takes. */
export function fieldOf(ms: number | undefined): string {
  if (ms === undefined) return ''
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 16)
}

/** Field for a moment in the reader's own time, with its name beside. */
export function TimeField({ label, value, onChange }: { label: string; value: number | undefined; onChange: (ms: number | undefined) => void }) {
  return (
    <label className={styles.beside}>
      <span>{label}</span>
      <input type="datetime-local" value={fieldOf(value)} onChange={(event) => { onChange(timeOf(event.target.value)) }} />
    </label>
  )
}
