import { Button } from './Controls.tsx'
import styles from './pager.module.css'

interface Props {
  /** What the parts are made of, such as "keys". */
  what: string
  shown: number
  isFirst: boolean
  /** Whether the host has more behind this part. */
  more: boolean
  onFirst: () => void
  onNext: () => void
}

/** Line below a list that the host gives in parts: how many are shown, and the way to the others. */
export function Pager({ what, shown, isFirst, more, onFirst, onNext }: Props) {
  if (isFirst && !more) return null
  return (
    <nav className={styles.pager} aria-label={`Parts of the list of ${what}`}>
      <span>{isFirst ? `The first ${shown.toLocaleString('en')} ${what}` : `${shown.toLocaleString('en')} more ${what}`}</span>
      <Button disabled={isFirst} onClick={onFirst}>
        From the beginning
      </Button>
      <Button disabled={!more} onClick={onNext}>
        Next
      </Button>
    </nav>
  )
}
