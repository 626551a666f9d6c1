import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from './Controls.tsx'
import styles from './panel.module.css'

/** Frame of what stands beside a list: title, a line about it, ways on, and sections. */
export function Panel(props: { title: string; about?: ReactNode; doors?: ReactNode; onClose: () => void; children?: ReactNode }) {
  return (
    <div className={styles.panel}>
      <div className={styles.head}>
        <h2>{props.title}</h2>
        <Button quiet icon aria-label="Close the panel" title="Close the panel (Esc)" onClick={props.onClose}>
          <X size={16} aria-hidden />
        </Button>
      </div>
      {props.about && <p className={styles.about}>{props.about}</p>}
      {props.doors && <div className={styles.doors}>{props.doors}</div>}
      {props.children}
    </div>
  )
}
