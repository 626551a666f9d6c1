import { useState } from 'react'
import type { Run } from '../../services/shapes.ts'
import { useActions } from '../../services/context.tsx'
import { useAct } from '../../services/useAct.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Button } from '../../ui/Controls.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import styles from './panel.module.css'
import { cancelWords } from './words.ts'

type Cancelled = Pick<Run, 'runId' | 'step' | 'endedAt' | 'attempts'>

/** Cancel a run that is queued, waits or runs, after a question; what came of it stays on the page. */
export function CancelRun({ run }: { run: Cancelled }) {
  const [asking, setAsking] = useState(false)
  const cancel = useAct('cancel')
  const goesOn = run.endedAt === null
  const ask = (): void => { setAsking(true) }
  useActions(goesOn ? [{ id: 'cancel-run', label: `Cancel this run of ${run.step}`, keys: [], group: 'Trace', perform: ask }] : [])
  if (!goesOn && !cancel.isSuccess && !cancel.error) return null
  return (
    <Section title="Cancel">
      {cancel.error && <Failed error={cancel.error.status === 404 ? new Error(GONE) : cancel.error} />}
      {cancel.isSuccess ? (
        <p role="status">{`The run of ${cancel.data.step} was cancelled. ${cancel.data.running ? 'Its handler ran, and was ended.' : 'Its handler did not run.'}`}</p>
      ) : (
        goesOn && (
          <div className={styles.buttons}>
            <Button disabled={cancel.isPending} onClick={ask}>
              {cancel.isPending ? 'Cancelling…' : 'Cancel this run…'}
            </Button>
          </div>
        )
      )}
      {asking && (
        <Confirm title={`Cancel this run of ${run.step}?`} act="Cancel the run" keep="Let it go on" danger onClose={() => { setAsking(false) }} onAct={() => { cancel.mutate({ runId: run.runId }) }}>
          {cancelWords(run.attempts.at(-1)?.status)}
        </Confirm>
      )}
    </Section>
  )
}

const GONE = 'Nothing was cancelled: the run is over, or runs at another host.'
