import { Link } from '@tanstack/react-router'
import type { Emitted } from '../../api/results.ts'
import { useRuns } from '../../services/tryout.ts'
import { Button } from '../../ui/Controls.tsx'
import { Lines } from '../../ui/Lines.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { clock } from '../../ui/time.ts'
import shared from '../../ui/tryout.module.css'
import { outcomeWords, type Draft } from './copies.ts'
import styles from './emit.module.css'
import type { Send } from './sends.ts'

/** What the newest event, or its copies, began. */
export function Newest({ sent }: { sent: Send | undefined }) {
  if (!sent) {
    return (
      <Section title="What it begins">
        <p className={shared.quiet}>Nothing is emitted yet. Emit the event, and the trace that it begins is shown here.</p>
      </Section>
    )
  }
  if (sent.outcome.count > 1) return <Copies sent={sent} />
  if (sent.error) return <Failed error={sent.error} />
  const [emitted] = sent.emitted
  return emitted ? <One emitted={emitted} /> : <p className={shared.waiting} role="status">Emitting…</p>
}

function One({ emitted: { deliveries, parked, traceId } }: { emitted: Emitted }) {
  const runs = useRuns(traceId)
  return (
    <Section title="What it begins" action={<Link to="/traces/$id" params={{ id: traceId }} search={{}}>Open the trace</Link>}>
      <p role="status" className={shared.quiet}>
        Stored for {deliveries.map((each) => each.step).join(', ') || 'nobody yet'}
        {parked && ', and kept for steps whose files do not load'}.
      </p>
      <Lines label="Runs" lines={runs} />
    </Section>
  )
}

/** Progress and result of several copies; each has a trace of its own. */
function Copies({ sent: { outcome, emitted, error, stop } }: { sent: Send }) {
  const { count, accepted, refused, reason, ended, stopped } = outcome
  return (
    <Section title={`${count.toLocaleString('en')} copies`} action={!ended && <Button disabled={stopped} onClick={stop}>Stop</Button>}>
      <progress className={styles.progress} max={count} value={accepted + refused} aria-label="Progress" />
      <p role="status">
        {ended ? <Status tone={accepted === count ? 'ok' : stopped && refused === 0 ? 'unknown' : 'failed'} word={outcomeWords(outcome)} plain /> : `${outcomeWords(outcome)} so far`}
      </p>
      {reason && <p className={styles.wrong}>Copy {reason.number.toLocaleString('en')}: {reason.message}</p>}
      {error && <p className={shared.quiet}>No more were sent after that.</p>}
      {emitted.length > 0 && (
        <p className={styles.traces}>
          {accepted > emitted.length ? `The first ${emitted.length} traces:` : 'Traces:'}
          {emitted.map(({ traceId }) => <Link key={traceId} to="/traces/$id" params={{ id: traceId }} search={{}}><code>{traceId.slice(0, 8)}</code></Link>)}
        </p>
      )}
    </Section>
  )
}

/** The last events of this tab; they are gone when it is closed. */
export function History({ sent, onUse }: { sent: readonly Send[]; onUse: (draft: Draft) => void }) {
  if (sent.length === 0) return null
  return (
    <Section title="Emitted from this tab">
      <ul className={shared.history}>
        {sent.map((each) => (
          <li key={each.at}>
            <span className={shared.quiet}>{clock(each.at)}</span>
            <Became sent={each} />
            {each.step && <span className={shared.quiet}>for {each.step} alone</span>}
            {each.emitted[0] && <Link to="/traces/$id" params={{ id: each.emitted[0].traceId }} search={{}}>{each.outcome.count > 1 ? 'First trace' : 'Trace'}</Link>}
            <Button quiet onClick={() => { onUse(each.draft) }}>Use again</Button>
          </li>
        ))}
      </ul>
    </Section>
  )
}

function Became({ sent: { outcome, error } }: { sent: Send }) {
  if (!outcome.ended) return <Status tone="running" word="Emitting" />
  if (outcome.count === 1) return error ? <Status tone="failed" word="Refused" /> : <Status tone="ok" word="Stored" />
  return <Status tone={outcome.accepted === outcome.count ? 'ok' : 'unknown'} word={outcomeWords(outcome)} />
}
