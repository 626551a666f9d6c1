import { Component, type ReactNode } from 'react'
import { Button } from './Controls.tsx'
import styles from './notices.module.css'

/** Says why a view is empty, and what fills it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.notice} role="status">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

export function Loading({ what }: { what: string }) {
  return (
    <p className={styles.loading} role="status" aria-busy="true">
      Loading {what}…
    </p>
  )
}

/** Says what could not be done and what to do about it. */
export function Failed({ error, retry }: { error: Error; retry?: () => void }) {
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : ''
  return (
    <div className={styles.failure} role="alert">
      <p>
        <strong>{error.message}</strong> {hint}
      </p>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  )
}

/** Boundary that keeps an error of one view out of the rest of the page. */
export class Boundary extends Component<{ place: string; children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }

  override componentDidUpdate(before: { place: string }): void {
    if (before.place !== this.props.place && this.state.error !== null) this.setState({ error: null })
  }

  override render(): ReactNode {
    const { error } = this.state
    if (error === null) return this.props.children
    return (
      <>
        <Failed
          error={new Error(`This view broke: ${error.message}`)}
          retry={() => {
            this.setState({ error: null })
          }}
        />
        <details className={styles.stack}>
          <summary>Stack, for a report</summary>
          <pre tabIndex={0} role="group" aria-label="Stack">
            {error.stack ?? error.message}
          </pre>
        </details>
      </>
    )
  }
}
