import { useEffect, useRef } from 'react'
import styles from './source.module.css'

/** Lines of a text, from 1. */
export interface Lines {
  first: number
  last: number
}

interface Props {
  text: string
  /** Lines that hold one of these stand out. */
  marks?: readonly string[]
  /** Lines that somebody has chosen; the first of them is brought into sight. */
  lit?: readonly Lines[]
}

/** Lines of a file with their numbers, as text. */
export function SourceView({ text, marks = NONE, lit = NOT_LIT }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const lines = text.replace(/\n$/, '').split('\n')
  const wanted = marks.filter(Boolean)
  useEffect(() => {
    if (lit.length > 0) bringIn(box.current)
  }, [lit])
  return (
    <div ref={box} className={styles.source} tabIndex={0} role="group" aria-label="Source">
      <pre aria-hidden className={styles.numbers}>
        {lines.map((_, at) => at + 1).join('\n')}
      </pre>
      <pre>
        {wanted.length === 0 && lit.length === 0
          ? lines.join('\n')
          : lines.map((line, at) => {
              const content = `${line}\n`
              const marked = wanted.some((mark) => line.includes(mark)) ? styles.marked : undefined
              const isLit = lit.some(({ first, last }) => first <= at + 1 && at + 1 <= last)
              return isLit ? <mark key={at} className={styles.lit}>{content}</mark> : <span key={at} className={marked}>{content}</span>
            })}
      </pre>
    </div>
  )
}

const NONE: readonly string[] = []
const NOT_LIT: readonly Lines[] = []

/** Show the first lit line a third below the top of the box, and the box itself. */
function bringIn(box: HTMLElement | null): void {
  const line = box?.querySelector('mark')
  if (!box || !line) return
  box.scrollTop = line.offsetTop - box.offsetTop - box.clientHeight / 3
  box.scrollIntoView({ block: 'nearest' })
}
