import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { openAsksQuery, openLettersQuery } from '../services/queries.ts'
import { countWords } from './counts.ts'
import { PAGES } from './pages.ts'
import styles from './shell.module.css'

/** The pages, and beside two of them how much waits for a person there. */
export function Navigation({ path }: { path: string }) {
  const nav = useRef<HTMLElement>(null)
  useEffect(() => {
    // On a phone the names do not fit side by side: the one of this page is brought into sight.
    nav.current?.querySelector('[aria-current=page]')?.scrollIntoView({ inline: 'center', block: 'nearest' })
  }, [path])
  const counts = useCounts()
  return (
    <nav ref={nav} aria-label="Pages" className={styles.nav}>
      {PAGES.map(({ to, words }) => (
        <Link key={to} to={to} search={{}} activeProps={{ 'aria-current': 'page' }} activeOptions={{ includeSearch: false }}>
          {words}
          {counts[to] && (
            <span className={styles.count} data-page={to}>
              {counts[to]}
            </span>
          )}
        </Link>
      ))}
    </nav>
  )
}

function useCounts(): Readonly<Record<string, string>> {
  const letters = useQuery(openLettersQuery()).data
  const asks = useQuery(openAsksQuery()).data
  return {
    '/dead-letters': countWords(letters?.count ?? 0),
    '/asks': asks ? countWords(asks.asks.length, asks.cursor !== null) : '',
  }
}
