import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { CronHistory } from '../../api/results.ts'
import { cronHistoryQuery } from '../../services/queries.ts'
import { Button } from '../../ui/Controls.tsx'
import { FailureView } from '../../ui/FailureView.tsx'
import { Field } from '../../ui/Field.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { TimeField } from '../../ui/TimeField.tsx'
import { moment } from '../../ui/time.ts'
import styles from './cron.module.css'
import { NextTimes, Ticks } from './CronTimes.tsx'
import { cronWords, utc } from './words.ts'

interface Props {
  step: string
  acts: CronActs
  onClose: () => void
}

/** What can be done with a cron step; asked by the view, which stays. */
export interface CronActs {
  isPending: boolean
  /** Undefined: for the present time. */
  run: (step: string, at: number | undefined) => void
  pause: (step: string, note: string) => void
  resume: (step: string) => void
}

/** One cron step: its next times, its last ticks, what it has missed; it is run, paused and resumed here. */
export function CronPanel({ step, acts, onClose }: Props) {
  const { data, error } = useQuery(cronHistoryQuery(step))
  if (!data) {
    return (
      <Panel title={step} onClose={onClose}>
        {error ? <Failed error={error} /> : <Loading what="its times" />}
      </Panel>
    )
  }
  return (
    <Panel
      title={step}
      about={
        <>
          <code>{data.expression}</code> {[cronWords(data.expression), data.timezone ?? 'in the time zone of the host'].filter(Boolean).join(' · ')}
        </>
      }
      doors={
        <>
          <Link to="/steps" search={{ step }}>
            Step
          </Link>
          <Link to="/logs" search={{ step }}>
            Logs
          </Link>
        </>
      }
      onClose={onClose}
    >
      {data.error && <FailureView failure={{ name: '', message: data.error, stack: '', frame: '', place: null }} />}
      <Controls data={data} acts={acts} />
      <NextTimes data={data} />
      <Ticks data={data} />
    </Panel>
  )
}

function Controls({ data, acts }: { data: CronHistory; acts: CronActs }) {
  const { step, pausedAt, note } = data
  const [at, setAt] = useState<number | undefined>(undefined)
  const [reason, setReason] = useState<string | null>(null)
  return (
    <Section title="Run and pause">
      {pausedAt !== null && (
        <p className={styles.paused}>
          <Status tone="warning" word="Paused" /> since {moment(pausedAt)}
          {note && <span>: {note}</span>}
        </p>
      )}
      <div className={styles.tools}>
        <Button disabled={acts.isPending} onClick={() => { acts.run(step, undefined) }}>
          Run now
        </Button>
        {pausedAt === null && reason === null && <Button onClick={() => { setReason('') }}>Pause…</Button>}
        {pausedAt !== null && (
          <Button disabled={acts.isPending} onClick={() => { acts.resume(step) }}>
            Resume
          </Button>
        )}
      </div>
      {reason !== null && pausedAt === null && (
        <>
          <Field label="Why, for those who look at it later" value={reason} onType={setReason} autoFocus />
          <div className={styles.tools}>
            <Button disabled={acts.isPending} onClick={() => { acts.pause(step, reason); setReason(null) }}>
              Pause
            </Button>
            <Button onClick={() => { setReason(null) }}>Cancel</Button>
          </div>
        </>
      )}
      <div className={styles.tools}>
        <TimeField label="Run as at" value={at} onChange={setAt} />
        <Button disabled={acts.isPending || at === undefined} onClick={() => { acts.run(step, at) }}>
          Run for that time
        </Button>
      </div>
      <p className={styles.quiet}>
        {at === undefined ? 'The handler gets the time in scheduledAt (scheduled_at in Python and Ruby).' : `The handler gets ${utc(at)} as its time.`}
      </p>
    </Section>
  )
}
