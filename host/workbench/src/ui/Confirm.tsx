import { useEffect, useRef, type ReactNode } from 'react'
import { Button } from './Controls.tsx'
import styles from './confirm.module.css'

interface Props {
  title: string
  /** What will happen, and what cannot be undone. */
  children: ReactNode
  /** Words of the button that does it. */
  act: string
  /** Words of the button that leaves all as it is. */
  keep?: string
  danger?: boolean
  /** What it shows needs more room. */
  wide?: boolean
  /** What the reader has given is not complete. */
  disabled?: boolean
  onAct: () => void
  onClose: () => void
}

/** Question before something that cannot be undone or that touches many things. */
export function Confirm({ title, children, act, keep = 'Cancel', danger = false, wide = false, disabled = false, onAct, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} className={styles.confirm} data-wide={wide} aria-labelledby="confirm-title" onClose={onClose}>
      <h2 id="confirm-title">{title}</h2>
      <div className={styles.words}>{children}</div>
      <div className={styles.buttons}>
        <Button onClick={onClose} autoFocus>
          {keep}
        </Button>
        <Button
          disabled={disabled}
          className={danger ? styles.danger : styles.primary}
          onClick={() => {
            onAct()
            onClose()
          }}
        >
          {act}
        </Button>
      </div>
    </dialog>
  )
}
