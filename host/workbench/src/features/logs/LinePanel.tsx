import { Link } from '@tanstack/react-router'
import type { LogLine } from '../../services/shapes.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { Json } from '../../ui/Json.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { clock, moment } from '../../ui/time.ts'
import { Ansi } from './Ansi.tsx'
import type { LogsSearch } from './search.ts'
import { fieldWords, lineJson, lineText, withWord } from './words.ts'
import styles from './logs.module.css'

interface Props {
  line: LogLine
  q: string
  onClose: () => void
  onSearch: (change: Partial<LogsSearch>) => void
}

export function LinePanel({ line, q, onClose, onSearch }: Props) {
  const { stack, ...fields } = line.fields
  const chips = fieldWords(fields)
  return (
    <Panel
      title={`${line.step ?? line.source} · ${line.level}`}
      onClose={onClose}
      about={`${moment(line.time)} · ${clock(line.time)}`}
      doors={
        <>
          {line.traceId && (
            <Link to="/traces/$id" params={{ id: line.traceId }} search={line.runId ? { span: `${line.runId}.l${line.id}` } : {}}>
              Show in its trace
            </Link>
          )}
          {line.traceId && <Button onClick={() => { onSearch({ trace: line.traceId ?? '' }) }}>Only this trace</Button>}
          {line.step && <Button onClick={() => { onSearch({ step: line.step ?? '', flow: '' }) }}>Only {line.step}</Button>}
          <Button onClick={() => { onSearch({ since: line.time }) }}>From here on</Button>
          <Button onClick={() => { onSearch({ until: line.time + 1 }) }}>Until here</Button>
        </>
      }
    >
      <Section
        title="Message"
        action={
          <span>
            <Copy text={lineText(line)} what="line" />
            <Copy text={lineJson(line)} what="line as JSON" label="JSON" />
          </span>
        }
      >
        <pre className={styles.text}>
          <Ansi text={line.message} />
        </pre>
      </Section>
      {typeof stack === 'string' && (
        <Section title="Stack" action={<Copy text={stack} what="stack" />}>
          <pre className={styles.text}>{stack}</pre>
        </Section>
      )}
      {Object.keys(fields).length > 0 && (
        <Section title="Fields" action={<Copy text={JSON.stringify(fields, null, 2)} what="fields" />}>
          {chips.length > 0 && (
            <ul className={styles.chips} aria-label="Lines with the same value">
              {chips.map(({ name, value, word }) => (
                <li key={name}>
                  <button type="button" title="Only lines with this value" onClick={() => { onSearch({ q: withWord(q, word) }) }}>
                    <span>{name}</span> {value}
                  </button>
                </li>
              ))}
            </ul>
          )}
          <Json value={fields} label="Fields" />
        </Section>
      )}
    </Panel>
  )
}
