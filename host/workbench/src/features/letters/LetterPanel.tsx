import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { letterQuery, replayLetter } from '../../services/letters.ts'
import { failureOf } from '../../services/shapes.ts'
import { useAct } from '../../services/useAct.ts'
import { useChange } from '../../services/useChange.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { compact, parseExact, pretty } from '../../ui/exact.ts'
import { FailureView } from '../../ui/FailureView.tsx'
import { Json } from '../../ui/Json.tsx'
import { JsonEditor, jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { counted, moment } from '../../ui/time.ts'
import styles from './letters.module.css'
import { letterOf, type Letter } from './model.ts'

interface Props {
  id: number
  acts: LetterActs
  onClose: () => void
  onStep: (step: string) => void
  onError: (fingerprint: string) => void
}

/** Replay and discard of the letter that is shown. */
export interface LetterActs {
  isPending: boolean
  error: Error | null
  replay: (letter: Letter, source: string | null) => void
  discard: (letter: Letter) => void
}

/** Asked by the view, not by the panel: the feed may close that before the host has answered. */
export function useLetterActs(onDiscarded: () => void): LetterActs {
  const navigate = useNavigate()
  const replay = useChange(replayLetter)
  const discard = useAct('discard')
  return {
    isPending: replay.isPending || discard.isPending,
    error: replay.error ?? discard.error,
    replay: ({ id, traceId }, source) => {
      discard.reset()
      replay.mutate({ id, source }, { onSuccess: () => void navigate({ to: '/traces/$id', params: { id: traceId }, search: {} }) })
    },
    discard: ({ id }) => {
      replay.reset()
      discard.mutate({ id }, { onSuccess: onDiscarded })
    },
  }
}

/** One dead letter: its error, its data, and replay as it is or edited. */
export function LetterPanel({ id, acts, onClose, onStep, onError }: Props) {
  const { data, error } = useQuery(letterQuery(id))
  const letter = useMemo(() => (data === undefined ? null : letterOf(data)), [data])
  if (error) {
    const isGone = 'status' in error && error.status === 404
    return (
      <Panel title={`Dead letter ${id}`} onClose={onClose}>
        <Failed error={isGone ? new Error('It is no dead letter any more: it was replayed or discarded.') : error} />
      </Panel>
    )
  }
  if (letter === null) return <Loading what="the dead letter" />
  return (
    <Panel
      title={letter.step}
      about={
        <>
          <code>{letter.topic}</code> {counted(letter.attempts, 'attempt')}, died {moment(letter.diedAt)}
          {letter.fifoKey !== null && <span>FIFO key <code>{letter.fifoKey}</code></span>}
        </>
      }
      doors={
        <>
          <Link to="/traces/$id" params={{ id: letter.traceId }} search={{ span: letter.runId }}>
            Show in its trace
          </Link>
          <Button onClick={() => { onStep(letter.step) }}>Only {letter.step}</Button>
          <Button onClick={() => { onError(letter.fingerprint) }}>Only this error</Button>
        </>
      }
      onClose={onClose}
    >
      <FailureView failure={failureOf(letter.error)} />
      <Data letter={letter} acts={acts} />
    </Panel>
  )
}

function Data({ letter, acts }: { letter: Letter; acts: LetterActs }) {
  const whole = useMemo(() => pretty(letter.source), [letter.source])
  const value = useMemo(() => parseExact(letter.source), [letter.source])
  const [text, setText] = useState<string | null>(null)
  const [asking, setAsking] = useState(false)
  const problem = text === null ? null : jsonProblem(text)
  const edited = text !== null && (problem !== null || compact(text) !== compact(whole))
  const send = (): void => { acts.replay(letter, edited ? text : null) }
  return (
    <Section title="Data" action={<Copy text={whole} what="data" />}>
      {text === null ? <Json value={value} label="Data" /> : <JsonEditor label="Data of the event" value={text} onChange={setText} onSubmit={send} />}
      {acts.error && <Failed error={acts.error} />}
      <div className={styles.buttons}>
        <Button disabled={acts.isPending || problem !== null} onClick={send}>
          {edited ? 'Replay edited' : 'Replay'}
        </Button>
        <Button onClick={() => { setText(text === null ? whole : null) }}>{text === null ? 'Edit first' : 'Leave as it was'}</Button>
        <Button disabled={acts.isPending} onClick={() => { setAsking(true) }}>Discard…</Button>
      </div>
      {asking && (
        <Confirm title="Discard this dead letter?" act="Discard for good" danger onClose={() => { setAsking(false) }} onAct={() => { acts.discard(letter) }}>
          It is removed with its data and cannot be replayed.
        </Confirm>
      )}
    </Section>
  )
}
