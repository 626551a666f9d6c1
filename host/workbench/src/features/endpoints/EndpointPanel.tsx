import { Link } from '@tanstack/react-router'
import { Send as SendIcon } from 'lucide-react'
import { useState } from 'react'
import type { CheckRow, StepRow } from '../../api/results.ts'
import { useMemory } from '../../services/memory.ts'
import { useVerdict, type Sent } from '../../services/tryout.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { pretty } from '../../ui/exact.ts'
import type { Problem } from '../../ui/form/SchemaForm.tsx'
import { Json } from '../../ui/Json.tsx'
import { jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { clock, duration } from '../../ui/time.ts'
import { Problems, TwoFaces } from '../../ui/TwoFaces.tsx'
import { statusTone, statusWords } from './answer.ts'
import { AnswerView } from './AnswerView.tsx'
import { fetchOf, httpxOf } from './code.ts'
import { curlOf } from './curl.ts'
import shared from '../../ui/tryout.module.css'
import styles from './endpoints.module.css'
import { addressOf, draftOf, gapsOf, isJson, on, requestOf, takesBody, valuesOf, type Draft } from './model.ts'
import { Pairs } from './Pairs.tsx'
import { TABS, type EndpointsSearch, type Tab } from './search.ts'
import { drafts, send, sends, type Send } from './sends.ts'

interface Props {
  step: StepRow
  search: EndpointsSearch
  onSearch: (change: Partial<EndpointsSearch>) => void
}

const TAB_WORDS = { body: 'Body', parameters: 'Parameters', headers: 'Headers', schemas: 'Schemas' } as const

/** One endpoint: the request that is written, and beside it what came back. */
export function EndpointPanel({ step, search, onSearch }: Props) {
  const [kept, setDraft] = useMemory(drafts, step.name)
  const draft = kept ?? draftOf(step)
  const [sent = []] = useMemory(sends, step.name)
  const [pending, setPending] = useState<AbortController | null>(null)
  const { verdict, check, asJson, readable } = useDraftVerdict(step, draft)
  const gaps = gapsOf(draft)
  const ready = readable && gaps.length === 0 && pending === null
  const start = (): void => {
    if (!ready) return
    const controller = new AbortController()
    setPending(controller)
    void send(step, draft, controller.signal).then(() => { setPending(null) })
  }
  const put = (change: Partial<Draft>): void => { setDraft({ ...draft, ...change }) }
  const newest = sent.find((each) => each.answer !== null || each.error !== null)

  return (
    <div
      className={shared.panel}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) start()
      }}
    >
      <div className={shared.request}>
        <Title step={step} onBack={() => { onSearch({ step: '' }) }} />
        <div className={styles.sending}>
          <code className={styles.address}>
            <strong>{step.method}</strong> {addressOf(step.path ?? '/', draft)}
          </code>
          {pending === null ? (
            <Button primary disabled={!ready} onClick={start} title="Send (Ctrl or ⌘ and Enter)">
              <SendIcon size={14} aria-hidden /> Send
            </Button>
          ) : (
            <Button onClick={() => { pending.abort() }}>Stop waiting</Button>
          )}
        </div>
        <CopyAs sent={requestOf(step, draft)} />
        <Said gaps={gaps} check={check} current={verdict.current} readable={readable} error={verdict.error} withBody={takesBody(step)} />
        <div role="group" aria-label="Part of the request" className={styles.tabs}>
          {TABS.map((each) => (
            <Button key={each} quiet aria-pressed={search.tab === each} onClick={() => { onSearch({ tab: each }) }}>
              {TAB_WORDS[each]} {countOf(each, draft)}
            </Button>
          ))}
        </div>
        <div className={styles.part}>
          {search.tab === 'body' && <BodyPart step={step} draft={draft} asJson={asJson} problems={ofPart(check, 'data')} search={search} onSearch={onSearch} put={put} onSubmit={start} />}
          {search.tab === 'parameters' && <Parameters draft={draft} check={check} put={put} />}
          {search.tab === 'headers' && <Pairs what="Header" pairs={draft.headers} onChange={(headers) => { put({ headers }) }} />}
          {search.tab === 'schemas' && <Schemas step={step} />}
        </div>
        {kept && <p className={styles.foot}><Button quiet onClick={() => { setDraft(draftOf(step)) }}>Begin again with the sample</Button></p>}
      </div>
      <div className={shared.answer}>
        {pending !== null && <p className={shared.waiting} role="status">Waiting for the response…</p>}
        <Newest sent={newest} waiting={pending !== null} />
        <History sent={sent} onUse={(chosen) => { setDraft(chosen.draft) }} />
      </div>
    </div>
  )
}

/** The request as others send it: a command or a program that holds all of it, secrets too. */
function CopyAs({ sent }: { sent: Sent }) {
  return (
    <div role="group" aria-label="Copy as" className={styles.copyAs}>
      <span>Copy as</span>
      <Copy what="as curl" label="curl" text={curlOf(location.origin, sent)} />
      <Copy what="as fetch (JavaScript)" label="fetch" text={fetchOf(location.origin, sent)} />
      <Copy what="as httpx (Python)" label="httpx" text={httpxOf(location.origin, sent)} />
    </div>
  )
}

function useDraftVerdict(step: StepRow, draft: Draft) {
  const asJson = takesBody(step) && isJson(draft)
  const readable = !asJson || draft.body === '' || jsonProblem(draft.body) === null
  const pathParams = valuesOf(draft.path.map((each) => ({ ...each, on: each.on || each.required })))
  const source = asJson && draft.body !== '' ? draft.body : 'null'
  const verdict = useVerdict({ step: step.name, queryParams: valuesOf(draft.query), pathParams }, source, readable)
  return { verdict, check: verdict.checks[0], asJson, readable }
}

function countOf(tab: Tab, draft: Draft): string {
  const count = tab === 'parameters' ? draft.path.length + on(draft.query).length : tab === 'headers' ? on(draft.headers).length : 0
  return count === 0 ? '' : `(${count})`
}

const ofPart = (check: CheckRow | undefined, part: CheckRow['issues'][number]['part']): Problem[] =>
  (check?.issues ?? []).filter((each) => each.part === part).map((each) => ({ path: each.path as Problem['path'], message: each.message }))

function Title({ step, onBack }: { step: StepRow; onBack: () => void }) {
  return (
    <>
      <Button quiet className={shared.back} onClick={onBack}>← All endpoints</Button>
      <h2 className={styles.title}>{step.name}</h2>
      <p className={shared.quiet}>
        {step.description && <>{step.description} · </>}
        <Link to="/steps" search={{ step: step.name }}>{step.file}</Link>
        {(step.emits ?? []).length > 0 && <> · emits {(step.emits ?? []).join(', ')}</>}
      </p>
    </>
  )
}

interface SaidProps {
  gaps: readonly string[]
  check: CheckRow | undefined
  current: boolean
  readable: boolean
  error: Error | null
  withBody: boolean
}

/** Whether the request fits, in one line; and by path what does not. */
function Said({ gaps, check, current, readable, error, withBody }: SaidProps) {
  const problems = (check?.issues ?? []).map((each) => ({ path: (each.part === 'data' ? ['body', ...each.path] : [each.part, ...each.path]) as Problem['path'], message: each.message }))
  if (!readable) return <Status tone="failed" word="The body is no JSON: it cannot be sent as JSON" />
  if (gaps.length > 0) return <Problems title="This is missing" problems={gaps.map((message) => ({ path: ['request'], message }))} />
  if (error) return <Failed error={error} />
  if (!check || !current) return <Status tone="waiting" word="Checking…" plain />
  if (problems.length > 0) return <Problems title="This does not fit the schema; the host will refuse it with 400" problems={problems} />
  const words = check.hasSchema ? 'Fits the schema' : withBody ? 'The step declares no schema for the body: it takes any' : 'Ready'
  return <Status tone="ok" word={check.native ? `${words}; the step's own library checks it again` : words} plain />
}

interface BodyProps extends Props {
  draft: Draft
  asJson: boolean
  problems: readonly Problem[]
  put: (change: Partial<Draft>) => void
  onSubmit: () => void
}

function BodyPart({ step, draft, asJson, problems, search, onSearch, put, onSubmit }: BodyProps) {
  if (!takesBody(step)) return <p className={shared.quiet}>A {step.method} request has no body.</p>
  if (!asJson) {
    return (
      <label className={styles.plain}>
        <span className={shared.quiet}>Sent as it is, by the content-type among the headers</span>
        <textarea aria-label="Body as text" rows={10} spellCheck={false} value={draft.body} onChange={({ target }) => { put({ body: target.value }) }} />
      </label>
    )
  }
  return (
    <TwoFaces
      label="Body"
      schema={step.bodySchema}
      text={draft.body}
      face={search.as}
      problems={problems}
      onText={(body) => { put({ body }) }}
      onFace={(as) => { onSearch({ as }) }}
      onSubmit={onSubmit}
    />
  )
}

function Parameters({ draft, check, put }: { draft: Draft; check: CheckRow | undefined; put: (change: Partial<Draft>) => void }) {
  return (
    <>
      {draft.path.length > 0 && (
        <>
          <h3 className={styles.subtitle}>In the path</h3>
          <Pairs what="Path parameter" fixed pairs={draft.path} problems={ofPart(check, 'pathParams')} onChange={(path) => { put({ path }) }} />
        </>
      )}
      <h3 className={styles.subtitle}>In the query</h3>
      <Pairs what="Query parameter" pairs={draft.query} problems={ofPart(check, 'queryParams')} onChange={(query) => { put({ query }) }} />
    </>
  )
}

function Schemas({ step }: { step: StepRow }) {
  const all: [string, unknown][] = [
    ...(step.bodySchema ? [['Body', step.bodySchema] as [string, unknown]] : []),
    ...Object.entries(step.responseSchema ?? {}).map(([status, schema]): [string, unknown] => [`Response ${status}`, schema]),
  ]
  if (all.length === 0) return <p className={shared.quiet}>The step declares no schema: give its config a bodySchema or a responseSchema.</p>
  return all.map(([title, schema]) => (
    <div key={title} className={styles.schema}>
      <h3 className={styles.subtitle}>{title} <Copy text={pretty(JSON.stringify(schema))} what={`schema: ${title}`} /></h3>
      <Json value={schema} label={`Schema: ${title}`} />
    </div>
  ))
}

function Newest({ sent, waiting }: { sent: Send | undefined; waiting: boolean }) {
  if (sent?.error) return <Failed error={sent.error} />
  if (sent?.answer) return <AnswerView key={sent.at} answer={sent.answer} />
  if (waiting) return null
  return (
    <Section title="Response">
      <p className={shared.quiet}>Nothing is sent yet. Send the request, and its response and its trace are shown here.</p>
    </Section>
  )
}

/** The last requests of this tab; they are gone when it is closed. */
function History({ sent, onUse }: { sent: readonly Send[]; onUse: (sent: Send) => void }) {
  if (sent.length === 0) return null
  return (
    <Section title="Sent from this tab">
      <ul className={shared.history}>
        {sent.map((each) => (
          <li key={each.at}>
            <span className={shared.quiet}>{clock(each.at)}</span>
            {each.answer && <Status tone={statusTone(each.answer.status)} word={statusWords(each.answer.status)} />}
            {each.error && <Status tone="failed" word="No response" />}
            {!each.answer && !each.error && <Status tone="running" word="Sending" />}
            <span className={shared.quiet}>{each.answer ? duration(each.answer.durationMs) : ''}</span>
            {each.answer?.traceId && <Link to="/traces/$id" params={{ id: each.answer.traceId }} search={{}}>Trace</Link>}
            <Button quiet onClick={() => { onUse(each) }}>Use again</Button>
          </li>
        ))}
      </ul>
    </Section>
  )
}
