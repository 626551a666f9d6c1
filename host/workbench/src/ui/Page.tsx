import { useEffect, type ReactNode } from 'react'
import styles from './page.module.css'

/** Frame of a view: title, tools, and a body that fills the rest. */
export function Page(props: {
  title: string
  heading?: ReactNode
  tools?: ReactNode
  aside?: ReactNode
  asideLabel?: string
  children: ReactNode
}) {
  const { title } = props
  useEffect(() => {
    document.title = `${title} · polystep`
  }, [title])
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        {props.heading ?? <h1>{title}</h1>}
        {props.tools}
      </div>
      <div className={props.aside ? styles.split : styles.single}>
        <div className={styles.body}>{props.children}</div>
        {props.aside && (
          <aside className={styles.aside} aria-label={props.asideLabel}>
            {props.aside}
          </aside>
        )}
      </div>
    </div>
  )
}
