import { useState } from 'react'
import { ExactNumber, parseExact, pretty, writeExact } from '../exact.ts'
import { nameWords } from '../names.ts'
import styles from './form.module.css'

export interface FieldProps {
  id: string
  name: string
  value: unknown
  invalid: boolean
  /** Id of the element that says what is wrong. */
  about: string
  onChange: (value: unknown) => void
}

const LONG_CHARS = 60
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

const attributes = ({ id, name, invalid, about }: FieldProps) =>
  ({ id, 'aria-label': nameWords(name), 'aria-invalid': invalid, 'aria-describedby': about, spellCheck: false, autoComplete: 'off' })

/** Text on one line, or on several when it is long already. */
export function TextField({ text, ...field }: FieldProps & { text: string }) {
  const [wasLong] = useState(text.length > LONG_CHARS)
  // A field that changed its kind while somebody types would lose the focus.
  const long = wasLong || text.includes('\n')
  const shared = {
    ...attributes(field),
    value: text,
    onChange: (event: { target: { value: string } }) => { field.onChange(event.target.value) },
  }
  return long ? <textarea {...shared} rows={Math.min(8, Math.ceil(text.length / LONG_CHARS) + 1)} /> : <input type="text" {...shared} />
}

/** Number as it is typed; a text that is none stays what it is, and the host says that it does not fit. */
export function NumberField(field: FieldProps) {
  const { value, onChange } = field
  const text = value instanceof ExactNumber ? value.source : String(value)
  return (
    <input
      type="text"
      inputMode="decimal"
      {...attributes(field)}
      value={text}
      onChange={({ target }) => { onChange(NUMBER.test(target.value) ? parseExact(target.value) : target.value) }}
    />
  )
}

export function Truth(field: FieldProps) {
  return (
    <select {...attributes(field)} value={String(field.value)} onChange={({ target }) => { field.onChange(target.value === 'true') }}>
      <option value="true">true</option>
      <option value="false">false</option>
    </select>
  )
}

/** One of some values; another one that is there already stays until one is chosen. */
export function Choice({ values, ...field }: FieldProps & { values: readonly unknown[] }) {
  const sources = values.map(writeExact)
  const now = writeExact(field.value)
  const known = sources.includes(now)
  const words = (source: string): string => (source.startsWith('"') ? (JSON.parse(source) as string) : source)
  return (
    <select {...attributes(field)} value={now} onChange={({ target }) => { field.onChange(parseExact(target.value)) }}>
      {!known && <option value={now}>{words(now)} (not one of them)</option>}
      {sources.map((each) => <option key={each} value={each}>{words(each)}</option>)}
    </select>
  )
}

/** JSON of one place: where the schema says nothing that has a field, or the value is of another kind. */
export function JsonPart({ wrong, ...field }: FieldProps & { wrong?: string }) {
  const source = pretty(writeExact(field.value))
  const [draft, setDraft] = useState<string | null>(null)
  const text = draft ?? source
  const take = (next: string): void => {
    try {
      field.onChange(parseExact(next))
      setDraft(null)
    } catch {
      setDraft(next)
    }
  }
  return (
    <>
      <textarea
        {...attributes(field)}
        className={styles.json}
        aria-label={`${nameWords(field.name)} as JSON`}
        rows={Math.min(10, text.split('\n').length + 1)}
        value={text}
        onChange={({ target }) => { take(target.value) }}
      />
      {draft !== null && <p className={styles.problem}>This is no JSON yet: {source.length > 40 ? 'the value before' : source} counts until it is.</p>}
      {wrong !== undefined && draft === null && <p className={styles.problem}>should be: {wrong}</p>}
    </>
  )
}
