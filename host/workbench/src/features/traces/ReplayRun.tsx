import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { use, useState } from 'react'
import { type Reach, replayRun, runTextQuery } from '../../services/replays.ts'
import type { Run } from '../../services/shapes.ts'
import { useChange } from '../../services/useChange.ts'
import { Changes } from '../../ui/Changes.tsx'
import { Button, Select } from '../../ui/Controls.tsx'
import { compact, membersOf, parseExact, pretty } from '../../ui/exact.ts'
import { JsonEditor, jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import { AgainContext } from './again.ts'
import styles from './panel.module.css'
import { Refused } from './Refused.tsx'

type Again = Pick<Run, 'runId' | 'step' | 'trigger'>

/** Run the event or the request of a run again, as it was or edited; the new trace is opened. */
export function ReplayRun({ run }: { run: Again }) {
  const [open, setOpen] = use(AgainContext)
  return (
    <Section title="Run again">
      {open ? (
        <Editor run={run} onClose={() => { setOpen(false) }} />
      ) : (
        <Button title="Run again (r)" onClick={() => { setOpen(true) }}>Run again, with this or another input</Button>
      )}
    </Section>
  )
}

/** How far a replay goes. */
const reaches = ({ step, trigger }: Again): [Reach, string][] => [
  ['step', trigger.kind === 'http' ? `${step}, and what follows` : `${step} alone of the subscribers, and what follows`],
  ...(trigger.kind === 'http' ? [] : [['subscribers', `Every subscriber of ${String(trigger.topic)}, and what follows`] as [Reach, string]]),
  ['only', `Only ${step}: its events are not sent`],
]

/** The editor is below what the panel says of the run: whoever opens it is brought to it. */
function arriveAt(form: HTMLDivElement | null): void {
  form?.scrollIntoView({ block: 'nearest' })
  form?.querySelector('textarea')?.focus({ preventScroll: true })
}

function Editor({ run, onClose }: { run: Again; onClose: () => void }) {
  const { data: whole, error } = useQuery(runTextQuery(run.runId))
  const [text, setText] = useState<string | null>(null)
  const [to, setTo] = useState<Reach>('step')
  const navigate = useNavigate()
  const replay = useChange(replayRun)
  if (error) return <Failed error={error} />
  if (whole === undefined) return <Loading what="the whole input" />
  const kept = membersOf(whole).get('input')
  const before = kept === undefined ? '' : pretty(kept)
  const shown = text ?? before
  const problem = jsonProblem(shown)
  const edited = problem !== null || kept === undefined || compact(shown) !== compact(kept)
  const isRequest = run.trigger.kind === 'http'
  const send = (): void => {
    replay.mutate(
      { runId: run.runId, to, source: edited ? shown : null },
      { onSuccess: ({ traceId }) => void navigate({ to: '/traces/$id', params: { id: traceId }, search: {} }) },
    )
  }
  return (
    <div ref={arriveAt}>
      {kept === undefined && (
        <p className={styles.quiet}>The input was not kept whole: it is too large to replay, or holds a secret. Give one to run the step with it.</p>
      )}
      {isRequest && <p className={styles.quiet}>Headers that are secret were not kept: add those that the step needs.</p>}
      <JsonEditor label="Input of the new run" value={shown} onChange={setText} onSubmit={send} />
      <Select label="What runs" value={to} choices={reaches(run)} onChoose={(value) => { setTo(value as Reach) }} />
      {edited && problem === null && kept !== undefined && (
        <>
          <h4 className={styles.quiet}>Against the input of this run</h4>
          <Changes label="Changes of the input" before={parseExact(kept)} after={parseExact(shown)} />
        </>
      )}
      {replay.error && <Refused error={replay.error} />}
      <div className={styles.buttons}>
        <Button disabled={problem !== null || replay.isPending} onClick={send}>
          {replay.isPending ? 'Running…' : edited ? 'Run again edited' : 'Run again'}
        </Button>
        {text !== null && kept !== undefined && <Button onClick={() => { setText(null) }}>As it was</Button>}
        <Button onClick={onClose}>Cancel</Button>
      </div>
      <p className={styles.quiet}>
        {to === 'only'
          ? 'A new trace is opened. It shows what the run emits; no event is sent. What the run writes is written.'
          : 'A new trace is opened. What the run emits and writes happens too.'}
      </p>
    </div>
  )
}
