import { Link } from '@tanstack/react-router'
import { Send as SendIcon } from 'lucide-react'
import { useState } from 'react'
import type { CheckRow, StepRow } from '../../api/results.ts'
import { useMemory } from '../../services/memory.ts'
import { useVerdict } from '../../services/tryout.ts'
import { Button, Select } from '../../ui/Controls.tsx'
import { parseExact } from '../../ui/exact.ts'
import { Field } from '../../ui/Field.tsx'
import type { Problem } from '../../ui/form/SchemaForm.tsx'
import { Json } from '../../ui/Json.tsx'
import { jsonProblem } from '../../ui/JsonEditor.tsx'
import { languageWords } from '../../ui/names.ts'
import { Failed } from '../../ui/Notices.tsx'
import { Status } from '../../ui/Status.tsx'
import { Problems, TwoFaces, sampleText } from '../../ui/TwoFaces.tsx'
import shared from '../../ui/tryout.module.css'
import { COPIES_MAX, NUMBER, copiesOf, copyOf, type Draft } from './copies.ts'
import styles from './emit.module.css'
import { History, Newest } from './EmitSent.tsx'
import { formOf, type Topic } from './model.ts'
import type { EmitSearch } from './search.ts'
import { drafts, send, sends } from './sends.ts'

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
  const [typed, setTyped] = useState('1')
  const draft = kept ?? { data: sampleText(form?.input), fifoKey: '' }
  const count = copiesOf(typed)
  const first = copyOf(draft, 1, count ?? 1)
  const readable = jsonProblem(first.data) === null
  const verdict = useVerdict({ topic: topic.topic, step: chosen?.name ?? null }, first.data, readable)
  const ready = readable && count !== null && subscribers.length > 0 && (sent[0]?.outcome.ended ?? true)
  const start = (): void => {
    if (ready) void send(topic.topic, chosen?.name ?? '', draft, count)
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
          judged={first.data}
          face={search.as}
          problems={problemsOf(own)}
          onText={(data) => { put({ data }) }}
          onFace={(as) => { onSearch({ as }) }}
          onSubmit={start}
        />
        <Field label="FIFO key, when events with one key shall run one after the other" value={draft.fifoKey} onType={(fifoKey) => { put({ fifoKey }) }} />
        <Copies typed={typed} count={count} first={first} readable={readable} onType={setTyped} />
        {verdict.checks.map((each) => (
          <Problems key={each.step} title={`${each.step} cannot take this`} problems={problemsOf(each)} />
        ))}
        {verdict.error && <Failed error={verdict.error} />}
        <div className={styles.send}>
          <Button primary disabled={!ready} onClick={start} title="Emit (Ctrl or ⌘ and Enter)">
            <SendIcon size={14} aria-hidden /> {count === null || count === 1 ? 'Emit' : `Emit ${count.toLocaleString('en')}`}
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

interface CopiesProps {
  typed: string
  count: number | null
  first: Draft
  readable: boolean
  onType: (typed: string) => void
}

/** How many copies are emitted, and the first of several as it goes out. */
function Copies({ typed, count, first, readable, onType }: CopiesProps) {
  return (
    <>
      <div className={styles.copies}>
        <Field label={`Copies, 1 to ${COPIES_MAX.toLocaleString('en')}`} value={typed} onType={onType} />
      </div>
      {count === null && <p className={styles.wrong}>Give a whole number from 1 to {COPIES_MAX.toLocaleString('en')}.</p>}
      {count !== null && count > 1 && (
        <>
          <p className={shared.quiet}>
            <code>{NUMBER}</code> in the data and in the FIFO key is the number of the copy: <code>&quot;user-{NUMBER}&quot;</code> in a text, <code>{NUMBER}</code> without
            quotes as a number.
          </p>
          <section className={styles.first} aria-label={`The first of ${count}`}>
            <p className={shared.quiet}>The first of {count.toLocaleString('en')}{first.fifoKey && <>, with the FIFO key <code>{first.fifoKey}</code></>}</p>
            {readable ? <Json value={parseExact(first.data)} label="Data of the first" /> : <p className={styles.wrong}>It is no JSON.</p>}
          </section>
        </>
      )}
    </>
  )
}

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
