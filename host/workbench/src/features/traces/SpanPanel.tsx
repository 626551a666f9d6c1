import { Link } from '@tanstack/react-router'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { failureOf, type Attempt, type LogLine, type Run } from '../../services/shapes.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { FailureView } from '../../ui/FailureView.tsx'
import { Json } from '../../ui/Json.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { clock, duration } from '../../ui/time.ts'
import { CancelRun } from './CancelRun.tsx'
import { EmitAgain } from './EmitAgain.tsx'
import { KindIcon } from './KindIcon.tsx'
import styles from './panel.module.css'
import { ModelCall } from './ModelCall.tsx'
import { ReplayRun } from './ReplayRun.tsx'
import { RerunRun } from './RerunRun.tsx'
import { RunError } from './RunError.tsx'
import { RunSource } from './RunSource.tsx'
import { detailOf, kindOf, nameOf, statusOf, type Skeleton } from './skeleton.ts'
import type { Ref } from './useRowDetail.ts'
import { kindWords, statusWords } from './words.ts'

/** Everything about one row of a trace: input, output, error, logs. */
export function SpanPanel(props: {
  traceId: string
  skeleton: Skeleton
  row: number
  onClose: () => void
  /** What stands behind the row, once it was read. */
  reference: Ref | undefined
  children?: ReactNode
}) {
  const { skeleton, row, onClose, reference } = props
  const kind = kindOf(skeleton, row)
  const { tone, word } = statusWords(statusOf(skeleton, row))
  const start = skeleton.start[row] ?? 0
  const length = (skeleton.end[row] ?? 0) - start
  return (
    <div className={styles.panel}>
      <div className={styles.head}>
        <KindIcon kind={kind} />
        <h2>{nameOf(skeleton, row)}</h2>
        <Button quiet icon aria-label="Close the panel" title="Close the panel (Esc)" onClick={onClose}>
          <X size={16} aria-hidden />
        </Button>
      </div>
      <p className={styles.detail}>{detailOf(skeleton, row)}</p>
      <p className={styles.facts}>
        {kind === 'log' ? null : <Status tone={tone} word={word} />}
        <span>{kindWords(kind)}</span>
        <span>at +{start < 1 ? '0 ms' : duration(start)}</span>
        {length > 0 && <span>{duration(length)}</span>}
      </p>
      {props.children}
      {reference && <Body traceId={props.traceId} row={skeleton.key[row] ?? 0} reference={reference} />}
    </div>
  )
}

function Body({ traceId, row, reference }: { traceId: string; row: number; reference: Ref }) {
  const { run, attempt, operation, log } = reference
  if (log) return <LogBody log={log} />
  if (operation) {
    const { attempt: _attempt, at: _at, type: _type, error, spanId: _span, ...rest } = operation
    return (
      <>
        {error !== undefined && error !== null && <FailureView failure={failureOf(error)} />}
        <ModelCall operation={operation} />
        <EmitAgain traceId={traceId} row={row} operation={operation} />
        <Value title="What it did" value={rest} />
      </>
    )
  }
  return <RunBody run={run} attempt={attempt} />
}

function RunBody({ run, attempt }: { run: Run; attempt: Attempt | undefined }) {
  const failure = attempt?.error ?? run.error
  const logs = attempt && run.attempts.length > 1 ? [] : run.logs
  const queued = (run.startedAt ?? run.queuedAt) - run.queuedAt
  return (
    <>
      {run.trigger.kind !== 'http' && <CancelRun run={run} />}
      {failure && <RunError runId={run.runId} failure={failureOf(failure)} />}
      <Value title="Input" value={inputOf(run)} />
      {attempt && hasOutput(attempt) && <Value title="Output" value={attempt.result} />}
      {run.attempts.length > 1 && !attempt && (
        <Section title="Attempts">
          <ul className={styles.lines}>
            {run.attempts.map((each) => (
              <li key={each.attempt}>
                <Status {...statusWords(each.status)} plain /> attempt {each.attempt}, {duration(each.durationMs)}
              </li>
            ))}
          </ul>
        </Section>
      )}
      {logs.length > 0 && (
        <Section title="Logs">
          <ul className={styles.lines}>
            {logs.slice(0, LOGS_SHOWN).map((line) => (
              <li key={line.id} data-level={line.level}>
                <span className={styles.quiet}>
                  {clock(line.time)} {line.level}
                </span>{' '}
                {line.message}
              </li>
            ))}
          </ul>
          <Link to="/logs" search={{ trace: run.logs[0]?.traceId ?? '', step: run.step }}>
            {logs.length > LOGS_SHOWN ? `All ${logs.length} lines in the logs` : 'Show in the logs'}
          </Link>
        </Section>
      )}
      <RunSource step={run.step} />
      <Again run={run} />
      <Section title="Run">
        <dl className={styles.pairs}>
          <Pair name="Step">
            <Link to="/steps" search={{ step: run.step }}>
              {run.step}
            </Link>
          </Pair>
          <Pair name="Run id">
            <code>{run.runId}</code>
            <Copy text={run.runId} what="run id" />
          </Pair>
          <Pair name="Waited">{duration(queued)}</Pair>
          <Pair name="Attempts">{run.attempts.length}</Pair>
          {run.trigger.trial === true && <Pair name="Trial">Only this step: its events were not sent</Pair>}
        </dl>
      </Section>
    </>
  )
}

/** What a run can do once more: from its beginning, and when it is over from a key. */
function Again({ run }: { run: Run }) {
  const { kind } = run.trigger
  return (
    <>
      {(kind === 'event' || kind === 'http') && <ReplayRun run={run} />}
      {kind !== 'http' && run.endedAt !== null && <RerunRun run={run} />}
    </>
  )
}

const hasOutput = ({ endedAt, status }: Attempt): boolean => endedAt !== null && status !== 'failed' && status !== 'suspended'

const LOGS_SHOWN = 50

function LogBody({ log }: { log: LogLine }) {
  const { stack, ...fields } = log.fields
  return (
    <>
      <Section title="Message" action={<Copy text={log.message} what="message" />}>
        <pre className={styles.text}>{log.message}</pre>
      </Section>
      {Object.keys(fields).length > 0 && <Value title="Fields" value={fields} />}
      {typeof stack === 'string' && (
        <Section title="Stack">
          <pre className={styles.text}>{stack}</pre>
        </Section>
      )}
    </>
  )
}

function Value({ title, value }: { title: string; value: unknown }) {
  return (
    <Section title={title} action={<Copy text={JSON.stringify(value ?? null, null, 2)} what={title.toLowerCase()} />}>
      <Json value={value} label={title} />
    </Section>
  )
}

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

/** What a run was given: of an event its payload, of a request its parts without the empty ones. */
function inputOf(run: Run): unknown {
  const { trigger } = run
  if (trigger.kind === 'event') return trigger.data ?? null
  const { kind: _, ...rest } = trigger
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => !isEmpty(value)))
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
