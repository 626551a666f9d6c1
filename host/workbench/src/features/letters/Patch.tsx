import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { previewQuery, type BulkChoice } from '../../services/letters.ts'
import { useSettled } from '../../services/useSettled.ts'
import { Changes } from '../../ui/Changes.tsx'
import { JsonEditor } from '../../ui/JsonEditor.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Status } from '../../ui/Status.tsx'
import styles from './letters.module.css'
import { fitWords, patchProblem, patchedOf } from './model.ts'

const SAMPLES_SHOWN = 3

interface Props {
  choice: BulkChoice
  text: string
  onText: (text: string) => void
}

/** Change for the data of every letter of a bulk, and what it makes of the first. */
export function Patch({ choice, text, onText }: Props) {
  const problem = patchProblem(text)
  return (
    <section className={styles.patch} aria-label="Change of the data">
      <p>
        Members that you write replace those of the data, <code>null</code> removes one, objects are merged (a JSON merge patch, RFC 7386).
        Letters whose step does not take the result stay dead, with the reason.
      </p>
      <JsonEditor label="Merge patch" value={text} onChange={onText} />
      {problem === null ? <Preview choice={choice} text={text} /> : <p role="status">{problem}</p>}
    </section>
  )
}

function Preview({ choice, text }: Omit<Props, 'onText'>) {
  const settled = useSettled(text)
  const { data, error } = useQuery(previewQuery(choice, settled))
  const letters = useMemo(() => (data === undefined ? null : patchedOf(data)), [data])
  if (error) return <Failed error={error} />
  if (letters === null) return <p role="status">Looking at the first…</p>
  const fits = letters.every((each) => each.refusal === null)
  return (
    <>
      <p role="status">
        <Status tone={fits ? 'ok' : 'warning'} word={fitWords(letters)} plain />
      </p>
      <ul className={styles.samples} aria-label="The first letters">
        {letters.slice(0, SAMPLES_SHOWN).map((each) => (
          <li key={each.id}>
            <p>
              {each.step}, dead letter {each.id}
            </p>
            <Changes before={each.before} after={each.after} label={`Changes of dead letter ${each.id}`} />
            {each.refusal !== null && <p className={styles.error}>Stays dead: {each.refusal}</p>}
          </li>
        ))}
      </ul>
    </>
  )
}
