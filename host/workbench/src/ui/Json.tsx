import { useState, type ReactNode } from 'react'
import { ExactNumber } from './exact.ts'
import styles from './json.module.css'

const OPEN_DEPTH = 2
const SHOWN_AT_FIRST = 100
const TEXT_AT_FIRST = 2000

/** JSON value as a tree: text only, opened level by level, long parts on demand. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <div className={styles.tree} role="group" aria-label={label}>
      <Node value={value} depth={0} />
    </div>
  )
}

function Node({ value, depth, name }: { value: unknown; depth: number; name?: string }) {
  const key = name === undefined ? null : <span className={styles.key}>{name}: </span>
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) {
    return (
      <div>
        {key}
        <Scalar value={value} />
      </div>
    )
  }
  const cut = cutOff(value)
  if (cut !== null) {
    return (
      <div>
        {key}
        <Scalar value={cut.text} />
        <div className={styles.quiet}>cut here: the whole value has {cut.bytes.toLocaleString('en')} bytes</div>
      </div>
    )
  }
  return <Branch value={value} depth={depth} label={key} />
}

function Branch({ value, depth, label }: { value: object; depth: number; label: ReactNode }) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH)
  const [shown, setShown] = useState(SHOWN_AT_FIRST)
  const entries: [string, unknown][] = Object.entries(value)
  const brackets = Array.isArray(value) ? '[]' : '{}'
  if (entries.length === 0) {
    return (
      <div>
        {label}
        {brackets}
      </div>
    )
  }
  const count = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`
  return (
    <details
      open={open}
      onToggle={(event) => {
        setOpen(event.currentTarget.open)
      }}
    >
      <summary>
        {label}
        <span className={styles.quiet}>{count}</span>
      </summary>
      {open && (
        <div className={styles.children}>
          {entries.slice(0, shown).map(([key, each]) => (
            <Node key={key} name={key} value={each} depth={depth + 1} />
          ))}
          {entries.length > shown && (
            <More
              words={`${(entries.length - shown).toLocaleString('en')} more`}
              onMore={() => {
                setShown(shown * 10)
              }}
            />
          )}
        </div>
      )}
    </details>
  )
}

function Scalar({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false)
  if (typeof value === 'string') {
    const long = value.length > TEXT_AT_FIRST && !whole
    return (
      <>
        <span className={styles.string}>{JSON.stringify(long ? value.slice(0, TEXT_AT_FIRST) : value)}</span>
        {long && (
          <More
            words={` all ${value.length.toLocaleString('en')} characters`}
            onMore={() => {
              setWhole(true)
            }}
          />
        )}
      </>
    )
  }
  if (value instanceof ExactNumber) return <span className={styles.number}>{value.source}</span>
  if (typeof value === 'number') return <span className={styles.number}>{String(value)}</span>
  return <span className={styles.word}>{value === undefined ? 'nothing' : JSON.stringify(value)}</span>
}

function More({ words, onMore }: { words: string; onMore: () => void }) {
  return (
    <button type="button" className={styles.more} onClick={onMore}>
      {words}
    </button>
  )
}

/** The mark that the host leaves in place of a value that was too large to keep. */
export function cutOff(value: object): { text: string; bytes: number } | null {
  if (!('$cut' in value) || !('bytes' in value)) return null
  return typeof value.$cut === 'string' && typeof value.bytes === 'number' ? { text: value.$cut, bytes: value.bytes } : null
}
