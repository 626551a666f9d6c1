import type { LogLine } from '../../services/shapes.ts'
import { Clock } from '../../ui/Clock.tsx'
import { Ansi } from './Ansi.tsx'
import styles from './logs.module.css'

export const LINE_PX = 24
const FIELDS_SHOWN = 300
/** No window is wider; a row is one line of text. */
const MESSAGE_SHOWN = 1000

interface Props {
  line: LogLine
  /** How many lines say the same. */
  count: number
  top: number
  at: number
  of: number
  selected: boolean
  onOpen: (id: number) => void
}

export function LineRow({ line, count, top, at, of, selected, onOpen }: Props) {
  return (
    <div role="listitem" aria-setsize={of} aria-posinset={at + 1} className={styles.item} style={{ top, height: LINE_PX }}>
      <button
        type="button"
        className={styles.line}
        data-level={line.level}
        data-line={line.id}
        aria-pressed={selected}
        onClick={() => {
          onOpen(line.id)
        }}
      >
        <Clock at={line.time} className={styles.time} dayClassName={styles.day} />
        <span className={styles.level}>{line.level}</span>
        <span className={styles.step}>{line.step ?? line.source}</span>
        <span className={styles.message}>
          {count > 1 && (
            <span className={styles.count} title={`${count} lines say the same`}>
              ×{count.toLocaleString('en')}
            </span>
          )}
          <Ansi text={line.message.length > MESSAGE_SHOWN ? `${line.message.slice(0, MESSAGE_SHOWN)}…` : line.message} />
          <span className={styles.fields}>{fieldsWords(line.fields)}</span>
        </span>
      </button>
    </div>
  )
}

function fieldsWords(fields: LogLine['fields']): string {
  const given = Object.entries(fields).filter(([name]) => name !== 'stack')
  const text = given.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join('  ')
  return text.length > FIELDS_SHOWN ? `${text.slice(0, FIELDS_SHOWN)}…` : text
}
