import { SlidersHorizontal } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { Button } from './Controls.tsx'
import styles from './folded.module.css'

/** Controls of a bar that stand behind one button where there is little room; elsewhere they stand in the bar. */
export function Folded({ words, set = 0, children }: { words: string; set?: number; children: ReactNode }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button className={styles.button} aria-expanded={open} onClick={() => { setOpen(!open) }}>
        <SlidersHorizontal size={15} aria-hidden />
        {set > 0 ? `${words}: ${set}` : words}
      </Button>
      <div className={styles.folded} data-open={open}>
        {children}
      </div>
    </>
  )
}
