import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { RunJournal } from '../../api/results.ts'
import { journalQuery, rerun, runTextQuery } from '../../services/replays.ts'
import type { Run } from '../../services/shapes.ts'
import { useChange } from '../../services/useChange.ts'
import { Changes } from '../../ui/Changes.tsx'
import { Button, Select } from '../../ui/Controls.tsx'
import { compact, membersOf, parseExact, pretty } from '../../ui/exact.ts'
import { JsonEditor, jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import styles from './panel.module.css'
import { Refused } from './Refused.tsx'
import { keyWords, rerunWords } from './words.ts'

type Over = Pick<Run, 'runId' | 'step'>

/** Begin a run that is over again from a key of what it has kept. Nothing is shown of a run that has kept nothing. */
export function RerunRun({ run }: { run: Over }) {
  const { data } = useQuery(journalQuery(run.runId))
  const [open, setOpen] = useState(false)
  if (!data?.isOver || data.keys.length === 0) return null
  return (
    <Section title="Rerun from a key">
      {open ? (
        <Editor run={run} journal={data} onClose={() => { setOpen(false) }} />
      ) : (
        <Button onClick={() => { setOpen(true) }}>Rerun from a key…</Button>
      )}
    </Section>
  )
}

function Editor({ run, journal, onClose }: { run: Over; journal: RunJournal; onClose: () => void }) {
  const { data: whole, error } = useQuery(runTextQuery(run.runId))
  if (error) return <Failed error={error} />
  if (whole === undefined) return <Loading what="the whole input" />
  return <Chosen run={run} journal={journal} onClose={onClose} kept={membersOf(whole).get('input')} />
}

/** The key and the input that a reader has chosen. `kept` is the input of the trace as text, where it is kept. */
function Chosen({ run, journal, onClose, kept }: { run: Over; journal: RunJournal; onClose: () => void; kept: string | undefined }) {
  const names = journal.keys.map(({ key }) => key)
  const [key, setKey] = useState(names.at(-1) ?? '')
  const [text, setText] = useState<string | null>(null)
  const navigate = useNavigate()
  const again = useChange(rerun)
  const before = kept === undefined ? '' : pretty(kept)
  // The host keeps the input with the journal; that of the trace is only for reading, and may be gone.
  const editing = text !== null || !journal.inputKept
  const { problem, edited } = editing ? checked(text ?? before, kept) : { problem: null, edited: false }
  const send = (): void => {
    again.mutate(
      { runId: run.runId, key, source: edited ? (text ?? before) : null },
      { onSuccess: ({ traceId }) => void navigate({ to: '/traces/$id', params: { id: traceId }, search: {} }) },
    )
  }
  return (
    <>
      <Select label="From the key" value={key} choices={journal.keys.map((each) => [each.key, keyWords(each)])} onChoose={setKey} />
      {journal.cursor !== null && <p className={styles.quiet}>The first {names.length.toLocaleString('en')} keys are listed; polystep rerun takes any.</p>}
      <p className={styles.quiet}>{rerunWords(names, key)}</p>
      {editing && !journal.inputKept && <p className={styles.quiet}>The input was too large to be kept: give one.</p>}
      {editing && <JsonEditor label="Input of the rerun" value={text ?? before} onChange={setText} onSubmit={send} />}
      {edited && problem === null && <Edited kept={kept} shown={text ?? before} />}
      {again.error && <Refused error={again.error} />}
      <div className={styles.buttons}>
        <Button primary disabled={problem !== null || again.isPending} onClick={send}>
          {again.isPending ? 'Running…' : sendWords(edited, key)}
        </Button>
        {journal.inputKept && <Button onClick={() => { setText(text === null ? before : null) }}>{text === null ? 'Edit the input' : 'Leave the input'}</Button>}
        <Button onClick={onClose}>Cancel</Button>
      </div>
      <p className={styles.quiet}>It is a new run in a new trace, of the code as it is now. What it emits and writes happens too.</p>
    </>
  )
}

function Edited({ kept, shown }: { kept: string | undefined; shown: string }) {
  if (kept === undefined) return null
  return (
    <>
      <h4 className={styles.quiet}>Against the input of this run</h4>
      <Changes label="Changes of the input" before={parseExact(kept)} after={parseExact(shown)} />
    </>
  )
}

const sendWords = (edited: boolean, key: string): string => (edited ? `Rerun edited from ${key}` : `Rerun from ${key}`)

function checked(shown: string, kept: string | undefined): { problem: string | null; edited: boolean } {
  const problem = jsonProblem(shown)
  return { problem, edited: problem !== null || kept === undefined || compact(shown) !== compact(kept) }
}
