import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { streamDoor } from '../../services/addresses.ts'
import { quoted } from '../../services/search.ts'
import { useRuns } from '../../services/tryout.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { saveBytes, saveText } from '../../ui/Download.tsx'
import { parseExact, pretty } from '../../ui/exact.ts'
import { Json } from '../../ui/Json.tsx'
import { Lines } from '../../ui/Lines.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { duration } from '../../ui/time.ts'
import { Problems } from '../../ui/TwoFaces.tsx'
import { problemsOf, statusTone, statusWords, streamItems, type Answer, type Body } from './answer.ts'
import shared from '../../ui/tryout.module.css'
import well from '../../ui/well.module.css'
import styles from './endpoints.module.css'

const TEXT_SHOWN_CHARS = 50_000

/** What came back: status in words, times, body, headers, and the trace that the request caused. */
export function AnswerView({ answer }: { answer: Answer }) {
  const [shown, show] = useState<'body' | 'headers'>('body')
  const facts = [duration(answer.durationMs), `first byte ${duration(answer.firstByteMs)}`, `${answer.sizeBytes.toLocaleString('en')} bytes`, answer.type].filter(Boolean)
  return (
    <>
      <Section title="Response">
        <p className={styles.status} role="status">
          <Status tone={statusTone(answer.status)} word={statusWords(answer.status)} />
          <span className={shared.quiet}>{facts.join(' · ')}</span>
        </p>
        {!answer.ended && <p className={shared.quiet}>The route was still sending after a minute, or sent too much: this is what had arrived.</p>}
        {answer.ended && answer.cut && <p className={shared.quiet}>Cut here: the body is longer.</p>}
        <Problems title="What the host refused" problems={problemsOf(answer)} />
        <div role="group" aria-label="Part of the response" className={styles.tabs}>
          <Button quiet aria-pressed={shown === 'body'} onClick={() => { show('body') }}>Body</Button>
          <Button quiet aria-pressed={shown === 'headers'} onClick={() => { show('headers') }}>Headers ({answer.headers.length})</Button>
        </div>
        {shown === 'body' ? <BodyView body={answer.body} /> : <Headers headers={answer.headers} />}
      </Section>
      {answer.traceId !== null && <Caused traceId={answer.traceId} />}
    </>
  )
}

function Headers({ headers }: { headers: Answer['headers'] }) {
  return (
    <dl className={styles.headers}>
      {headers.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function BodyView({ body }: { body: Body }) {
  switch (body.kind) {
    case 'none':
      return <p className={shared.quiet}>The response has no body.</p>
    case 'json':
      return <JsonBody source={body.source} />
    case 'events':
      return (
        <>
          <p className={shared.quiet}>{body.events.length} events of a stream</p>
          <ol className={styles.events} aria-label="Events">
            {body.events.slice(0, 500).map((each, index) => (
              <li key={index}><strong>{each.event}</strong> <code>{each.data}</code></li>
            ))}
          </ol>
        </>
      )
    case 'text':
      return (
        <>
          <div className={styles.bodyTools}>
            <Copy text={body.text} what="body" />
            <Button onClick={() => { saveText('response.txt', body.text) }}>Download</Button>
          </div>
          <pre className={well.text} tabIndex={0} role="group" aria-label="Body as text">{body.text.slice(0, TEXT_SHOWN_CHARS)}</pre>
          {body.text.length > TEXT_SHOWN_CHARS && <p className={shared.quiet}>The first {TEXT_SHOWN_CHARS.toLocaleString('en')} characters; the download has all.</p>}
        </>
      )
    case 'bytes':
      return (
        <>
          <div className={styles.bodyTools}>
            <Button onClick={() => { saveBytes('response', body.base64) }}>Download the bytes</Button>
          </div>
          {body.image === null ? (
            <p className={shared.quiet}>The body is no text.</p>
          ) : (
            <img className={styles.image} alt="Body of the response" src={`data:${body.image};base64,${body.base64}`} />
          )}
        </>
      )
  }
}

function JsonBody({ source }: { source: string }) {
  const value = parseExact(source)
  return (
    <>
      <div className={styles.bodyTools}>
        <Copy text={pretty(source)} what="body" />
        <Button onClick={() => { saveText('response.json', pretty(source)) }}>Download</Button>
        {streamItems(value).slice(0, 5).map((each) => (
          <Link key={`${each.stream} ${each.group} ${each.id}`} {...streamDoor(each.stream, { group: quoted(each.group), id: quoted(each.id) })}>
            Live item in {each.stream}
          </Link>
        ))}
      </div>
      <Json value={value} label="Body" />
    </>
  )
}

/** The trace of the request, as it happens. */
function Caused({ traceId }: { traceId: string }) {
  const runs = useRuns(traceId)
  return (
    <Section title="What it caused" action={<Link to="/traces/$id" params={{ id: traceId }} search={{}}>Open the trace</Link>}>
      {runs.length === 0 ? <p className={shared.quiet}>No run of it is known yet.</p> : <Lines label="Runs" lines={runs} />}
    </Section>
  )
}
