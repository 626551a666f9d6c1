import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Check, Circle } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { RequestFailed } from '../../services/http.ts'
import { firstTraceQuery, startersQuery, stepsQuery } from '../../services/queries.ts'
import type { Starters } from '../../services/shapes.ts'
import { sendRequest, useRuns } from '../../services/tryout.ts'
import { useAct } from '../../services/useAct.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { FailureView } from '../../ui/FailureView.tsx'
import { Lines } from '../../ui/Lines.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { languageWords } from '../../ui/names.ts'
import { Page } from '../../ui/Page.tsx'
import { FIRST_REQUEST, HTTP_STEP, LANGUAGES, factsOf, type Facts, type Language } from './model.ts'
import styles from './start.module.css'

interface Props {
  search: { language: Language }
  onSearch: (change: { language: Language }) => void
}

/** From an empty folder to the first trace, in four facts that the host reports. */
export function StartView({ search, onSearch }: Props) {
  const starters = useQuery(startersQuery())
  const steps = useQuery(stepsQuery())
  const traces = useQuery(firstTraceQuery(HTTP_STEP))
  const error = starters.error ?? steps.error ?? traces.error
  const found = starters.data && steps.data && traces.data ? factsOf(starters.data, steps.data, traces.data.traces) : null
  return (
    <Page title="First steps">
      <div className={styles.page}>
        {error && !found && <Failed error={error} retry={() => { void starters.refetch(); void steps.refetch(); void traces.refetch() }} />}
        {!error && !found && <Loading what="the project" />}
        {found && starters.data && steps.data && (
          <>
            <p className={styles.lead}>
              {steps.data.steps.length === 0
                ? 'This project has no steps yet. Make two files, send a request, and see its trace. It takes a minute.'
                : 'Make two files, send a request, and see its trace. A tick marks what is done.'}
            </p>
            <ol className={styles.facts}>
              <Files found={found} starters={starters.data} language={found.written ?? search.language} onLanguage={(language) => { onSearch({ language }) }} />
              <Loaded found={found} />
              <Tried found={found} />
              <Traced found={found} />
            </ol>
          </>
        )}
      </div>
    </Page>
  )
}

function Fact({ done, title, children }: { done: boolean; title: string; children?: ReactNode }) {
  return (
    <li className={styles.fact} data-done={done}>
      <h2>
        {done ? <Check size={18} aria-label="Done:" role="img" /> : <Circle size={18} aria-label="Not yet:" role="img" />}
        {title}
      </h2>
      {children}
    </li>
  )
}

interface FilesProps {
  found: Facts
  starters: Starters
  language: Language
  onLanguage: (language: Language) => void
}

function Files({ found, starters, language, onLanguage }: FilesProps) {
  const create = useAct('create_starter')
  const shown = starters.starters.find((each) => each.language === language)
  const taken = shown?.files.filter((each) => each.exists) ?? []
  return (
    <Fact done={found.written !== null || found.loaded} title="Two files in your steps folder">
      <p className={styles.quiet}>
        {found.written === null ? 'Their folder:' : 'They are in'} <code>{starters.folder}</code> <Copy text={starters.folder} what="folder" />
      </p>
      <div role="group" aria-label="Language" className={styles.languages}>
        {LANGUAGES.map((each) => (
          <Button key={each} aria-pressed={each === language} disabled={found.written !== null} onClick={() => { onLanguage(each) }}>
            {languageWords(each)}
          </Button>
        ))}
      </div>
      <div className={styles.files}>
        {shown?.files.map((each) => (
          <figure key={each.file}>
            <figcaption>
              <code>{each.file}</code> {each.exists && <span className={styles.quiet}>is there</span>} <Copy text={each.text} what={each.file} />
            </figcaption>
            <pre tabIndex={0} role="group" aria-label={each.file}>{each.text}</pre>
          </figure>
        ))}
      </div>
      {create.error && <Failed error={create.error} />}
      {found.written === null && !found.loaded && (
        <p className={styles.act}>
          <Button primary disabled={create.isPending || taken.length > 0} onClick={() => { create.mutate({ language }) }}>
            Create it
          </Button>
          <span className={styles.quiet}>
            {taken.length > 0 ? `${taken.map((each) => each.file).join(', ')} is there already, and nothing is overwritten.` : 'Writes these two files, and overwrites nothing. Or save them yourself.'}
          </span>
        </p>
      )}
    </Fact>
  )
}

function Loaded({ found }: { found: Facts }) {
  return (
    <Fact done={found.loaded} title="polystep has loaded them">
      {found.loaded && <p className={styles.quiet}>Hello answers POST /hello. Greet follows its event, hello.said.</p>}
      {!found.loaded && found.failures.length === 0 && (
        <p className={styles.quiet}>{found.written === null ? 'This page notices by itself when they are saved.' : 'The files are there. Waiting for the host to load them…'}</p>
      )}
      {!found.loaded && found.failures.map((each) => {
        const [message = '', ...rest] = each.error.split('\n')
        return <FailureView key={each.file} failure={{ name: each.file, message, frame: rest.join('\n'), stack: '', place: null }} />
      })}
    </Fact>
  )
}

function Tried({ found }: { found: Facts }) {
  const [state, setState] = useState<'ready' | 'sending' | RequestFailed>('ready')
  const begin = (): void => {
    setState('sending')
    sendRequest(FIRST_REQUEST).then(
      () => { setState('ready') },
      (error: unknown) => { setState(error instanceof RequestFailed ? error : new RequestFailed(0, String(error))) },
    )
  }
  return (
    <Fact done={found.trace !== null} title="A request has come in">
      {state instanceof RequestFailed && <Failed error={state} />}
      <p className={styles.act}>
        <Button primary={found.trace === null} disabled={!found.loaded || state === 'sending'} onClick={begin}>
          {found.trace === null ? 'Try it' : 'Try it again'}
        </Button>
        <code className={styles.quiet}>POST /hello {FIRST_REQUEST.body}</code>
      </p>
    </Fact>
  )
}

function Traced({ found }: { found: Facts }) {
  const runs = useRuns(found.trace?.traceId ?? null)
  const ended = found.trace !== null && found.trace.status !== 'running'
  return (
    <Fact done={ended} title="The first trace is here">
      {found.trace === null && <p className={styles.quiet}>It shows the request, the event that it emitted, and the step that followed.</p>}
      {found.trace !== null && (
        <>
          <Lines label="Runs" lines={runs} />
          <p className={styles.doors}>
            <Link to="/traces/$id" params={{ id: found.trace.traceId }} search={{}}>Open the trace</Link>
            <Link to="/endpoints" search={{ step: HTTP_STEP }}>Write another request</Link>
            <Link to="/steps" search={{}}>All steps</Link>
          </p>
        </>
      )}
    </Fact>
  )
}
