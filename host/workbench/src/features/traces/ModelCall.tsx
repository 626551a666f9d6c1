import { Suspense, lazy, useSyncExternalStore } from 'react'
import type { Operation } from '../../services/shapes.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { Json } from '../../ui/Json.tsx'
import { Section } from '../../ui/Section.tsx'
import { duration } from '../../ui/time.ts'
import { modelCallOf, requestText, tokenParts, tokensPerSecond, type Message, type ModelCall as Call } from './model.ts'
import styles from './model.module.css'
import { prompts } from './prompts.ts'

const Markdown = lazy(() => import('../../ui/markdown/Markdown.tsx'))

/** Call of a language model: who answered, what it cost in tokens, and the conversation as text. */
export function ModelCall({ operation }: { operation: Operation }) {
  const call = modelCallOf(operation)
  const shown = useSyncExternalStore(prompts.subscribe, prompts.chosen)
  if (call === null) return null
  return (
    <>
      <Section title="Model">
        <dl className={styles.facts}>
          <Fact name="Model" value={call.model} />
          <Fact name="Provider" value={call.provider} />
          <Fact name="Finish reason" value={call.finishReason || 'not told'} />
          <Fact name="First part after" value={call.firstChunkMs === null ? 'not known' : duration(call.firstChunkMs)} />
          <Fact name="Speed" value={speedWords(tokensPerSecond(call))} />
          <Fact name="Streamed" value={call.streamed ? 'yes' : 'no'} />
          <Fact name="Cost" value="unknown: the host knows no prices" />
        </dl>
        <Tokens call={call} />
      </Section>
      {call.refusal && (
        <Section title="Refused">
          <pre className={styles.text}>{call.refusal}</pre>
        </Section>
      )}
      <Section
        title="Conversation"
        action={
          <>
            <Button quiet aria-pressed={shown === 'markdown'} onClick={() => { prompts.choose(shown === 'markdown' ? 'text' : 'markdown') }}>
              As Markdown
            </Button>
            <Copy text={requestText(call)} what="as request" label="As request" />
            <Copy text={plain(call)} what="conversation" />
          </>
        }
      >
        <ol className={styles.talk}>
          {call.messages.map((each, at) => (
            <Card key={at} message={each} markdown={shown === 'markdown'} />
          ))}
          {call.messagesLeftOut > 0 && <li className={styles.quiet}>{call.messagesLeftOut} messages after the first are not kept.</li>}
          {call.answer && <Card message={{ ...call.answer, role: 'answer' }} markdown={shown === 'markdown'} />}
        </ol>
        {call.cut && <p className={styles.quiet}>The call was too long to be kept whole.</p>}
        {call.tools.length > 0 && <p className={styles.quiet}>Tools on offer: {call.tools.join(', ')}</p>}
      </Section>
    </>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function Tokens({ call }: { call: Call }) {
  const parts = tokenParts(call)
  if (parts.length === 0) return <p className={styles.quiet}>The answer does not tell its tokens.</p>
  const all = parts.reduce((sum, part) => sum + part.tokens, 0)
  return (
    <div className={styles.tokens}>
      <div className={styles.bar} aria-hidden>
        {parts.map((part) => (
          <span key={part.kind} data-kind={part.kind} style={{ flexGrow: part.tokens }} />
        ))}
      </div>
      <ul aria-label="Tokens">
        {parts.map((part) => (
          <li key={part.kind} data-kind={part.kind}>
            {part.tokens.toLocaleString('en')} {part.words}
          </li>
        ))}
        <li>{all.toLocaleString('en')} tokens in all</li>
      </ul>
    </div>
  )
}

function Card({ message, markdown }: { message: Message; markdown: boolean }) {
  const plain = <pre className={styles.text}>{message.text}</pre>
  return (
    <li className={styles.card} data-role={message.role}>
      <p className={styles.role}>
        {message.role}
        {message.resultOf && <span> · result of {message.resultOf}</span>}
      </p>
      {message.text && (markdown ? <Suspense fallback={plain}><Markdown text={message.text} /></Suspense> : plain)}
      {message.calls.map((call, at) => (
        <div key={at}>
          <p className={styles.role}>
            calls {call.name} {call.id && <span>· {call.id}</span>}
          </p>
          <Json value={call.arguments} label={`Arguments of ${call.name}`} />
        </div>
      ))}
      {!message.text && message.calls.length === 0 && <p className={styles.quiet}>without text</p>}
    </li>
  )
}

const speedWords = (speed: number | null): string => (speed === null ? 'not known' : `${speed < 10 ? speed.toFixed(1) : Math.round(speed)} tokens a second`)

const plain = (call: Call): string =>
  [...call.messages, ...(call.answer ? [{ ...call.answer, role: 'answer' }] : [])]
    .map(({ role, text, calls }) => [`${role}:`, text, ...calls.map((each) => `${each.name}(${JSON.stringify(each.arguments)})`)].filter(Boolean).join('\n'))
    .join('\n\n')
