import { Link } from '@tanstack/react-router'
import { Send as SendIcon } from 'lucide-react'
import type { CheckRow, StepRow } from '../../api/results.ts'
import { useMemory } from '../../services/memory.ts'
import { useRuns, useVerdict } from '../../services/tryout.ts'
import { Button, Select } from '../../ui/Controls.tsx'
import { Field } from '../../ui/Field.tsx'
import type { Problem } from '../../ui/form/SchemaForm.tsx'
import { jsonProblem } from '../../ui/JsonEditor.tsx'
import { Lines } from '../../ui/Lines.tsx'
import { languageWords } from '../../ui/names.ts'
import { Failed } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { clock } from '../../ui/time.ts'
import { Problems, TwoFaces, sampleText } from '../../ui/TwoFaces.tsx'
import shared from '../../ui/tryout.module.css'
import styles from './emit.module.css'
import { formOf, type Topic } from './model.ts'
import type { EmitSearch } from './search.ts'
import { drafts, send, sends, type Draft, type Send } from './sends.ts'

interface Props {
  topic: Topic
  search: EmitSearch
  onSearch: (change: Partial<EmitSearch>) => void
}

/** One topic: who gets the event, its data, and the traces that it began. */
export function EmitPanel({ topic, search, onSearch }: Props) {
  const { subscribers } = topic
  const chosen = subscribers.find((each) => each.name === search.step)
  const form = chosen ?? formOf(subscribers, search.form)
  const [kept, setDraft] = useMemory(drafts, topic.topic)
  const [sent = []] = useMemory(sends, topic.topic)
  const draft = kept ?? { data: sampleText(form?.input), fifoKey: '' }
  const readable = jsonProblem(draft.data) === null
  const verdict = useVerdict({ topic: topic.topic, step: chosen?.name ?? null }, draft.data, readable)
  const ready = readable && subscribers.length > 0 && !isSending(sent[0])
  const start = (): void => {
    if (ready) void send(topic.topic, chosen?.name ?? '', draft)
  }
  const put = (change: Partial<Draft>): void => { setDraft({ ...draft, ...change }) }
  const own = verdict.checks.find((each) => each.step === form?.name)
  return (
    <div
      className={shared.panel}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) start()
      }}
    >
      <div className={shared.request}>
        <Button quiet className={shared.back} onClick={() => { onSearch({ topic: '' }) }}>← All topics</Button>
        <h2 className={styles.title}>{topic.topic}</h2>
        <Who topic={topic} checks={verdict.checks} current={verdict.current} readable={readable} only={chosen} />
        {subscribers.length > 0 && <Choices subscribers={subscribers} chosen={chosen} form={form} onSearch={onSearch} />}
        <TwoFaces
          label="Data"
          schema={form?.input}
          text={draft.data}
          face={search.as}
          problems={problemsOf(own)}
          onText={(data) => { put({ data }) }}
          onFace={(as) => { onSearch({ as }) }}
          onSubmit={start}
        />
        <Field label="FIFO key, when events with one key shall run one after the other" value={draft.fifoKey} onType={(fifoKey) => { put({ fifoKey }) }} />
        {verdict.checks.map((each) => (
          <Problems key={each.step} title={`${each.step} cannot take this`} problems={problemsOf(each)} />
        ))}
        {verdict.error && <Failed error={verdict.error} />}
        <div className={styles.send}>
          <Button primary disabled={!ready} onClick={start} title="Emit (Ctrl or ⌘ and Enter)">
            <SendIcon size={14} aria-hidden /> Emit
          </Button>
          {subscribers.length === 0 && <span className={shared.quiet}>Nobody would get it.</span>}
          {kept && <Button quiet onClick={() => { setDraft({ data: sampleText(form?.input), fifoKey: '' }) }}>Begin again with the sample</Button>}
        </div>
      </div>
      <div className={shared.answer}>
        <Newest sent={sent[0]} />
        <History sent={sent} onUse={setDraft} />
      </div>
    </div>
  )
}

const isSending = (sent: Send | undefined): boolean => sent?.emitted === null && sent.error === null

interface ChoicesProps {
  subscribers: readonly StepRow[]
  chosen: StepRow | undefined
  form: StepRow | undefined
  onSearch: Props['onSearch']
}

/** Who gets the event, and whose schema makes the form. */
function Choices({ subscribers, chosen, form, onSearch }: ChoicesProps) {
  const several = subscribers.length > 1 && !chosen
  return (
    <div className={styles.choices}>
      <Select label="For" value={chosen?.name ?? ''} choices={[['', 'everybody'], ...subscribers.map((each) => [each.name, `${each.name} alone`] as const)]} onChoose={(step) => { onSearch({ step }) }} />
      {several && <Select label="Form of" value={form?.name ?? ''} choices={subscribers.map((each) => [each.name, each.name] as const)} onChoose={(name) => { onSearch({ form: name }) }} />}
    </div>
  )
}

const problemsOf = (check: CheckRow | undefined): Problem[] =>
  (check?.issues ?? []).map((each) => ({ path: each.path as Problem['path'], message: each.message }))

interface WhoProps {
  topic: Topic
  checks: readonly CheckRow[]
  current: boolean
  readable: boolean
  only: StepRow | undefined
}

/** The subscribers, each with what the host says of the data. */
function Who({ topic, checks, current, readable, only }: WhoProps) {
  if (topic.subscribers.length === 0) {
    return (
      <p className={styles.nobody}>
        <Status tone="warning" word="Nobody consumes this topic" />{' '}
        {topic.emitters.length > 0 ? `${topic.emitters.join(', ')} emits it, and the event is kept for no one.` : ''} Save an event step that subscribes to it.
      </p>
    )
  }
  return (
    <ul className={styles.who} aria-label="Subscribers">
      {topic.subscribers.map((each) => {
        const check = checks.find((one) => one.step === each.name)
        const left = only !== undefined && only.name !== each.name
        return (
          <li key={each.name} data-left={left}>
            <Link to="/steps" search={{ step: each.name }}>{each.name}</Link>
            <span className={shared.quiet}>{languageWords(each.language)}</span>
            {left ? <span className={shared.quiet}>does not get it</span> : <Verdict check={check} current={current && readable} />}
          </li>
        )
      })}
    </ul>
  )
}

function Verdict({ check, current }: { check: CheckRow | undefined; current: boolean }) {
  if (!check || !current) return <Status tone="waiting" word="Checking…" plain />
  if (!check.hasSchema) return <span className={shared.quiet}>takes anything: no input schema</span>
  if (!check.fits) return <Status tone="failed" word="Does not fit" />
  return <Status tone="ok" word={check.native ? 'Fits; its own library checks again' : 'Fits'} plain />
}

function Newest({ sent }: { sent: Send | undefined }) {
  const runs = useRuns(sent?.emitted?.traceId ?? null)
  if (!sent) {
    return (
      <Section title="What it begins">
        <p className={shared.quiet}>Nothing is emitted yet. Emit the event, and the trace that it begins is shown here.</p>
      </Section>
    )
  }
  if (sent.error) return <Failed error={sent.error} />
  if (!sent.emitted) return <p className={shared.waiting} role="status">Emitting…</p>
  const { deliveries, parked, traceId } = sent.emitted
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

function History({ sent, onUse }: { sent: readonly Send[]; onUse: (draft: Draft) => void }) {
  if (sent.length === 0) return null
  return (
    <Section title="Emitted from this tab">
      <ul className={shared.history}>
        {sent.map((each) => (
          <li key={each.at}>
            <span className={shared.quiet}>{clock(each.at)}</span>
            {each.error ? <Status tone="failed" word="Refused" /> : each.emitted ? <Status tone="ok" word="Stored" /> : <Status tone="running" word="Emitting" />}
            {each.step && <span className={shared.quiet}>for {each.step} alone</span>}
            {each.emitted && <Link to="/traces/$id" params={{ id: each.emitted.traceId }} search={{}}>Trace</Link>}
            <Button quiet onClick={() => { onUse(each.draft) }}>Use again</Button>
          </li>
        ))}
      </ul>
    </Section>
  )
}
