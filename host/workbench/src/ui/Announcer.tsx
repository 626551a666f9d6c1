import { useEffect, useRef, useSyncExternalStore } from 'react'
import { announcements } from './announcements.ts'
import hidden from './hidden.module.css'

/** The one place of the page that a screen reader reads when live data changes. */
export function Announcer() {
  const text = useSyncExternalStore(announcements.subscribe, announcements.said)
  return (
    <p className={hidden.visually} role="status" aria-label="News">
      {text}
    </p>
  )
}

/** Tell of words that changed while they were on screen; the first ones are read where they stand. */
export function useAnnounced(source: string, words: string): void {
  const last = useRef(words)
  useEffect(() => {
    if (last.current === words) return
    last.current = words
    announcements.say(source, words)
  }, [source, words])
  useEffect(() => () => { announcements.say(source, '') }, [source])
}
