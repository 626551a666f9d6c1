import { useId, type ReactNode } from 'react'
import { Button } from './Controls.tsx'
import { pretty } from './exact.ts'
import { sampleOf } from './form/sample.ts'
import { wholeOf } from './form/schema.ts'
import { SchemaForm, type Problem } from './form/SchemaForm.tsx'
import { JsonEditor } from './JsonEditor.tsx'
import styles from './faces.module.css'

export type Face = 'form' | 'json'

interface Props {
  label: string
  schema: unknown
  text: string
  /** What becomes of the text, and has to be JSON, when that is not the text itself. */
  judged?: string
  face: Face
  problems: readonly Problem[]
  onText: (text: string) => void
  onFace: (face: Face) => void
  onSubmit: () => void
  tools?: ReactNode
}

/** One JSON value with two faces: a form of its schema, and its text. */
export function TwoFaces({ label, schema, text, judged, face, problems, onText, onFace, onSubmit, tools }: Props) {
  const hasForm = typeof schema === 'object' && schema !== null
  const shown = hasForm ? face : 'json'
  return (
    <div>
      <div className={styles.bar}>
        {hasForm && (
          <div role="group" aria-label="Shown as" className={styles.switch}>
            {(['form', 'json'] as const).map((each) => (
              <Button key={each} aria-pressed={shown === each} onClick={() => { onFace(each) }}>
                {each === 'form' ? 'Form' : 'JSON'}
              </Button>
            ))}
          </div>
        )}
        {hasForm && <Button onClick={() => { onText(sampleText(schema)) }}>Sample from the schema</Button>}
        {tools}
      </div>
      {shown === 'form' ? (
        <SchemaForm label={label} part={wholeOf(schema)} text={text} problems={problems} onChange={onText} />
      ) : (
        <JsonEditor label={`${label} as JSON`} value={text} judged={judged} onChange={onText} onSubmit={onSubmit} />
      )}
    </div>
  )
}

/** JSON text of a value that fits a schema; an empty object without one. */
export const sampleText = (schema: unknown): string => pretty(JSON.stringify(sampleOf(wholeOf(schema))))

/** What does not fit, each by its path. */
export function Problems({ title, problems }: { title: string; problems: readonly Problem[] }) {
  const id = useId()
  if (problems.length === 0) return null
  return (
    <section className={styles.problems} aria-labelledby={id}>
      <p id={id}>{title}</p>
      <ul>
        {problems.map((each, index) => (
          <li key={index}>
            <code>{pathWords(each.path)}</code> {each.message}
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Path of a place, as one would write it: `items[0].name`. */
export function pathWords(path: readonly (string | number)[]): string {
  const words = path.map((each) => (typeof each === 'number' ? `[${each}]` : /^[A-Za-z_]\w*$/.test(each) ? `.${each}` : `[${JSON.stringify(each)}]`)).join('')
  return words.replace(/^\./, '') || 'the whole value'
}
