import { Search, X } from 'lucide-react'
import type { ButtonHTMLAttributes, ReactNode, RefObject } from 'react'
import styles from './controls.module.css'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** Without a border, for actions beside others. */
  quiet?: boolean
  /** Shows an icon alone; give `aria-label` and `title`. */
  icon?: boolean
  /** The one act that a view is for. */
  primary?: boolean
}

export function Button({ quiet = false, icon = false, primary = false, className, ...rest }: ButtonProps) {
  const names = [styles.button, quiet ? styles.quiet : '', icon ? styles.icon : '', primary ? styles.primary : '', className ?? '']
  return <button type="button" {...rest} className={names.filter(Boolean).join(' ')} />
}

export function Select(props: {
  label: string
  value: string
  choices: readonly (readonly [value: string, words: string])[]
  onChoose: (value: string) => void
}) {
  return (
    <label className={styles.field}>
      <span>{props.label}</span>
      <select
        className={styles.select}
        value={props.value}
        onChange={(event) => {
          props.onChoose(event.target.value)
        }}
      >
        {props.choices.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}

export function SearchField(props: {
  label: string
  value: string
  onType: (value: string) => void
  field?: RefObject<HTMLInputElement | null>
}) {
  return (
    <span className={styles.search}>
      <Search size={14} aria-hidden />
      <input
        ref={props.field}
        type="search"
        className={styles.input}
        aria-label={props.label}
        placeholder={props.label}
        value={props.value}
        onChange={(event) => {
          props.onType(event.target.value)
        }}
      />
    </span>
  )
}

/** Row of controls above a view. */
export function Toolbar({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div role="group" aria-label={label} className={styles.bar}>
      {children}
    </div>
  )
}

export function AtEnd({ children }: { children: ReactNode }) {
  return <span className={styles.end}>{children}</span>
}

/** Filter that is set, with a button that removes it. */
export function Chip({ name, value, onRemove }: { name: string; value: string; onRemove: () => void }) {
  return (
    <span className={styles.chip}>
      {name}: <strong>{value}</strong>
      <button type="button" aria-label={`Remove the filter ${name}: ${value}`} onClick={onRemove}>
        <X size={13} aria-hidden />
      </button>
    </span>
  )
}
