import { useQuery } from '@tanstack/react-query'
import type { RunError as Found, SourceFrame } from '../../api/results.ts'
import { runErrorQuery } from '../../services/replays.ts'
import type { Failure } from '../../services/shapes.ts'
import { useAct } from '../../services/useAct.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { FailureView } from '../../ui/FailureView.tsx'
import styles from './error.module.css'

/** Error of a run: what it says, the code around it from the files as they are now, and the way into the editor. */
export function RunError({ runId, failure }: { runId: string; failure: Failure }) {
  const { data } = useQuery(runErrorQuery(runId))
  const frames = data?.message === failure.message ? data.frames : []
  if (!data || frames.length === 0) return <FailureView failure={failure} />
  return (
    <section className={styles.error} aria-label="Error">
      <div className={styles.head}>
        <p className={styles.message}>
          {data.name && <strong>{data.name}: </strong>}
          {data.message}
        </p>
        <Copy text={markdown(data)} what="error as Markdown" />
      </div>
      {frames.map((frame) => (
        <Frame key={frame.frame} runId={runId} frame={frame} />
      ))}
      {data.stack && (
        <details className={styles.stack}>
          <summary>Whole stack and causes</summary>
          <pre tabIndex={0} role="group" aria-label="Stack">
            {data.stack}
          </pre>
        </details>
      )}
    </section>
  )
}

function Frame({ runId, frame }: { runId: string; frame: SourceFrame }) {
  const editor = useAct('open_in_editor')
  const where = `${frame.file}:${frame.line}`
  return (
    <details open={frame.frame === 0} className={styles.frame}>
      <summary>
        <code>{where}</code>
        {frame.name && <span> in {frame.name}</span>}
      </summary>
      {frame.changed && <p className={styles.changed}>File changed since: these lines may not be those that ran.</p>}
      {frame.firstLine === null ? (
        <p>The file is gone, or too large to be shown.</p>
      ) : (
        <pre className={styles.code} tabIndex={0} role="group" aria-label={`Code around ${where}`}>
          {frame.lines.map((line, at) => (
            <Line key={at} text={line} number={(frame.firstLine ?? 0) + at} frame={frame} />
          ))}
        </pre>
      )}
      <div className={styles.acts}>
        <Button disabled={editor.isPending} onClick={() => { editor.mutate({ runId, frame: frame.frame }) }}>
          Open in editor
        </Button>
        <span role="status">
          {editor.data && `Opened in ${editor.data.editor}`}
          {editor.error && [editor.error.message, editor.error.hint].filter(Boolean).join('. ')}
        </span>
      </div>
    </details>
  )
}

function Line({ text, number, frame }: { text: string; number: number; frame: SourceFrame }) {
  const isPlace = number === frame.line
  return (
    <span className={isPlace ? styles.place : undefined}>
      {`${isPlace ? '>' : ' '} ${String(number).padStart(4)} | ${text}\n`}
      {isPlace && frame.column !== null && `       | ${' '.repeat(frame.column - 1)}^\n`}
    </span>
  )
}

/** The error for a colleague: message, the first place with its code, and the stack. */
function markdown(error: Found): string {
  const [first] = error.frames
  const code = first?.lines.map((line, at) => `${(first.firstLine ?? 0) + at === first.line ? '>' : ' '} ${(first.firstLine ?? 0) + at} | ${line}`)
  const parts = [`**${error.name}**: ${error.message}`]
  if (first && code) parts.push(`\`${first.file}:${first.line}\``, fenced(code.join('\n')))
  if (error.stack) parts.push(fenced(error.stack))
  return `${parts.join('\n\n')}\n`
}

/** Code with a fence that is longer than any in it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text}\n${fence}`
}
