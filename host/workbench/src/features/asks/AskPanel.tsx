import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { AskDetail } from '../../api/results.ts'
import { askQuery } from '../../services/queries.ts'
import { answerAsk } from '../../services/asks.ts'
import { useAct } from '../../services/useAct.ts'
import { useChange } from '../../services/useChange.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { Field } from '../../ui/Field.tsx'
import type { Problem } from '../../ui/form/SchemaForm.tsx'
import { Json } from '../../ui/Json.tsx'
import { jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { moment } from '../../ui/time.ts'
import { Problems, TwoFaces, type Face } from '../../ui/TwoFaces.tsx'
import styles from './asks.module.css'
import { blankAnswer } from './model.ts'

interface Props {
  id: string
  onClose: () => void
}

/** One ask: what it is about, and the form of its answer. */
export function AskPanel({ id, onClose }: Props) {
  const { data: ask, error } = useQuery(askQuery(id))
  if (error && !ask) {
    return (
      <Panel title="Ask" onClose={onClose}>
        <Failed error={error} />
      </Panel>
    )
  }
  if (!ask) return <Loading what="the ask" />
  return (
    <Panel
      title={ask.title}
      about={<>{ask.step} waits for it until {moment(ask.dueAt)}</>}
      doors={
        <>
          <Link to="/traces/$id" params={{ id: ask.traceId }} search={{ span: ask.runId }}>
            Show in its trace
          </Link>
          {ask.url !== null && <Copy text={ask.url} what="link that answers it" />}
        </>
      }
      onClose={onClose}
    >
      {ask.isSensitive ? (
        <Section title="Data">
          <p className={styles.quiet}>Its handler marked it as sensitive: only the link shows it.</p>
        </Section>
      ) : (
        ask.data !== null && (
          <Section title="Data">
            <Json value={ask.data} label="Data" />
          </Section>
        )
      )}
      {ask.status === 'open' ? <Answer ask={ask} /> : <Closed ask={ask} />}
    </Panel>
  )
}

function Answer({ ask }: { ask: AskDetail }) {
  const [text, setText] = useState(() => blankAnswer(ask.schema))
  const [face, setFace] = useState<Face>('form')
  const [by, setBy] = useState('')
  const answer = useChange(answerAsk)
  const cancel = useAct('cancel_ask')
  const problems = problemsOf(answer.error?.body.issues)
  const busy = answer.isPending || cancel.isPending
  const send = (): void => {
    answer.mutate({ id: ask.id, source: text, by })
  }
  return (
    <Section title="Answer">
      <TwoFaces label="Answer" schema={ask.schema} text={text} face={face} problems={problems} onText={setText} onFace={setFace} onSubmit={send} />
      <Field label="Your name, shown to others" value={by} onType={setBy} />
      <Problems title="The answer does not fit; nothing was sent" problems={problems} />
      {answer.error && problems.length === 0 && <Failed error={answer.error} />}
      {cancel.error && <Failed error={cancel.error} />}
      <div className={styles.buttons}>
        <Button primary disabled={busy || jsonProblem(text) !== null} onClick={send}>Send the answer</Button>
        <Button disabled={busy} onClick={() => { cancel.mutate({ id: ask.id, by: by === '' ? null : by }) }}>Go on without an answer</Button>
      </div>
    </Section>
  )
}

const WORDS = { answered: 'Answered', timed_out: 'Its time is over', cancelled: 'Cancelled, or its run has ended', open: 'Open' } as const

function Closed({ ask }: { ask: AskDetail }) {
  return (
    <Section title="Closed">
      <p role="status">
        {WORDS[ask.status]}
        {ask.answeredBy !== null && ` by ${ask.answeredBy}`}
        {ask.closedAt !== null && `, ${moment(ask.closedAt)}`}
      </p>
    </Section>
  )
}

function problemsOf(issues: unknown): Problem[] {
  return Array.isArray(issues) ? (issues as Problem[]) : []
}
