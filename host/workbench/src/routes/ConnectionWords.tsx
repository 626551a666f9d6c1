import { useEffect, useState } from 'react'
import type { Connection } from '../services/connection.ts'
import { useConnection, useServices } from '../services/context.tsx'
import { useAnnounced } from '../ui/Announcer.tsx'
import { Button } from '../ui/Controls.tsx'
import { Status } from '../ui/Status.tsx'
import { clock } from '../ui/time.ts'
import styles from './shell.module.css'

const RESTART_SHOWN_MS = 60_000

/** The state of the connection in words, on every page. */
export function ConnectionWords() {
  const connection = useConnection()
  const now = useNow(connection)
  useAnnounced('connection', announced(connection))
  switch (connection.kind) {
    case 'live':
      return <LiveWords {...connection} now={now} />
    case 'paused':
      return <Words tone="unknown" word="Paused while hidden" />
    case 'connecting':
      return <Words tone="waiting" word="Connecting" />
    case 'signedOut':
      return (
        <span className={styles.connection}>
          <Words tone="warning" word="Signed out" />
          <Button
            quiet
            title="The session is over. Signing in leads back to this page."
            onClick={() => {
              location.reload()
            }}
          >
            Sign in
          </Button>
        </span>
      )
    case 'lost':
      return <LostWords {...connection} now={now} />
  }
}

function LiveWords({ roundTripMs, restartedAt, now }: Extract<Connection, { kind: 'live' }> & { now: number }) {
  const restarted = restartedAt !== undefined && now - restartedAt < RESTART_SHOWN_MS
  return (
    <span className={styles.connection} title="Time that the host took for the last answer">
      {restarted && (
        <span className={styles.restarted}>Host restarted {minute(restartedAt)}</span>
      )}
      <Status tone="ok" word="Live" plain />
      <span className={styles.number}>{Math.max(1, Math.round(roundTripMs))} ms</span>
    </span>
  )
}

function LostWords({ since, retryAt, now }: Extract<Connection, { kind: 'lost' }> & { now: number }) {
  const { live } = useServices()
  const seconds = Math.max(0, Math.ceil((retryAt - now) / 1000))
  return (
    <span className={styles.connection} title="The host does not answer. What is shown is as old as the time here; changes will fail.">
      <Words tone="warning" word={`Stale since ${minute(since)}`} />
      <span className={styles.countdown}>{seconds === 0 ? 'Reconnecting…' : `Reconnecting in ${seconds} s`}</span>
      <Button quiet onClick={live.retry}>
        Retry now
      </Button>
    </span>
  )
}

/** Without what counts: a screen reader would read every second and each new measure aloud. */
function announced(connection: Connection): string {
  switch (connection.kind) {
    case 'live':
      return connection.restartedAt === undefined ? 'Live' : `Host restarted ${minute(connection.restartedAt)}. Live`
    case 'paused':
      return ''
    case 'connecting':
      return 'Connecting'
    case 'signedOut':
      return 'Signed out'
    case 'lost':
      return `Stale since ${minute(connection.since)}`
  }
}

const minute = (time: number): string => clock(time).slice(0, 8)

/** The time as long as the words depend on it: while they count down, and until they leave. */
function useNow(connection: Connection): number {
  const [now, setNow] = useState(Date.now)
  const counts = connection.kind === 'lost' || (connection.kind === 'live' && connection.restartedAt !== undefined)
  useEffect(() => {
    if (!counts) return
    const timer = setInterval(() => {
      setNow(Date.now())
    }, 250)
    return () => {
      clearInterval(timer)
    }
  }, [counts])
  return now
}

function Words({ tone, word }: { tone: 'unknown' | 'waiting' | 'warning'; word: string }) {
  return (
    <span className={styles.connection}>
      <Status tone={tone} word={word} plain />
    </span>
  )
}
