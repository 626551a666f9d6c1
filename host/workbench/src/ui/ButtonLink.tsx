import type { AnchorHTMLAttributes } from 'react'
import styles from './controls.module.css'

/** Link to a file of the host that looks like a button with an icon; give `aria-label` and `title`. */
export function ButtonLink(props: AnchorHTMLAttributes<HTMLAnchorElement>) {
  return <a {...props} className={[styles.button, styles.quiet, styles.icon].join(' ')} />
}
