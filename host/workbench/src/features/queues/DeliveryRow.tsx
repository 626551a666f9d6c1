import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { failureWords } from '../../services/shapes.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { parseExact, pretty } from '../../ui/exact.ts'
import { Json } from '../../ui/Json.tsx'
import { Status, type Tone } from '../../ui/Status.tsx'
import { iso, moment } from '../../ui/time.ts'
import { useNow } from '../../ui/useNow.ts'
import type { QueueActs } from './acts.ts'
import { STATE_WORDS, dueWords, type Delivery, type State } from './model.ts'
import styles from './panel.module.css'

const TONES: Record<State, Tone> = { ready: 'waiting', running: 'running', blocked: 'waiting', delayed: 'waiting', retrying: 'warning' }

interface Props {
  delivery: Delivery
  open: boolean
  acts: QueueActs
  onOpen: (open: boolean) => void
}

/** One delivery: its state and when it is due; opened, its data and what can be done with it. */
export function DeliveryRow({ delivery, open, acts, onOpen }: Props) {
  const now = useNow()
  return (
    <li className={styles.delivery}>
      <button type="button" className={styles.line} aria-expanded={open} onClick={() => { onOpen(!open) }}>
        <Status tone={TONES[delivery.state]} word={STATE_WORDS[delivery.state][0]} plain />
        <code>{delivery.kind === 'cron' ? 'tick' : delivery.topic}</code>
        {delivery.fifoKey !== null && <span className={styles.key}>{delivery.fifoKey || '(empty key)'}</span>}
        <time className={styles.quiet} dateTime={iso(delivery.dueAt)} title={moment(delivery.dueAt)}>
          {dueWords(delivery, now)}
        </time>
      </button>
      {open && <Opened delivery={delivery} acts={acts} />}
    </li>
  )
}

function Opened({ delivery, acts }: Pick<Props, 'delivery' | 'acts'>) {
  const [asking, setAsking] = useState(false)
  const value = useMemo(() => parseExact(delivery.source), [delivery.source])
  const later = delivery.state === 'delayed' || delivery.state === 'retrying'
  return (
    <div className={styles.opened}>
      <p className={styles.quiet}>
        Queued {moment(delivery.enqueuedAt)}
        {delivery.attempts > 0 && `, attempt ${delivery.attempts}`}
      </p>
      {delivery.error && <p className={styles.error}>{failureWords(delivery.error)}</p>}
      <Json value={value} label="Data" />
      <div className={styles.tools}>
        <Link to="/traces/$id" params={{ id: delivery.traceId }} search={{ span: delivery.runId }}>
          Show in its trace
        </Link>
        {later && <Button disabled={acts.isPending} onClick={() => { acts.tryNow(delivery.id) }}>Try now</Button>}
        {delivery.state !== 'running' && <Button disabled={acts.isPending} onClick={() => { setAsking(true) }}>Remove…</Button>}
        <Copy text={pretty(delivery.source)} what="data" />
      </div>
      {asking && (
        <Confirm title="Remove this delivery?" act="Remove for good" danger onClose={() => { setAsking(false) }} onAct={() => { acts.remove(delivery.id) }}>
          It is removed with its data and cannot be replayed.
          {delivery.fifoKey !== null && ' The next one of its FIFO key takes its place.'}
        </Confirm>
      )}
    </div>
  )
}
