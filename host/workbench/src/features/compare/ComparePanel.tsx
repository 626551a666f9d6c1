import { Link } from '@tanstack/react-router'
import { Changes } from '../../ui/Changes.tsx'
import { Json } from '../../ui/Json.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { duration } from '../../ui/time.ts'
import hidden from '../../ui/hidden.module.css'
import styles from './compare.module.css'
import { delta, type Row, type Side } from './model.ts'
import { deltaWords, MARKS, usualOf } from './words.ts'

interface Props {
  row: Row
  /** Ids of both traces. */
  a: string
  b: string
  onClose: () => void
}

/** One row of both traces: what it was given, what it gave, how it failed, and the times of each. */
export function ComparePanel({ row, a, b, onClose }: Props) {
  const { before, after } = row
  return (
    <Panel
      title={row.name}
      about={`${MARKS[row.mark].word} · ${row.detail}`}
      doors={
        <>
          {before && <Door id={a} side={before} words="Show before" />}
          {after && <Door id={b} side={after} words="Show after" />}
        </>
      }
      onClose={onClose}
    >
      <Section title="Times">
        <table className={styles.times}>
          <thead>
            <tr>
              <th scope="col">
                <span className={hidden.visually}>What</span>
              </th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
              <th scope="col">Difference</th>
              <th scope="col">Usual</th>
            </tr>
          </thead>
          <tbody>
            {row.kind === 'run' && <Times name="Wait" before={before?.waitMs} after={after?.waitMs} usual={row.usual?.waitMs} />}
            <Times name="Work" before={before?.workMs} after={after?.workMs} usual={row.usual?.workMs} />
          </tbody>
        </table>
        {row.usual && <p className={styles.usual}>{usualOf(row)}</p>}
      </Section>
      <Part title={row.kind === 'run' ? 'Input' : 'What it did'} part="input" row={row} />
      {row.kind === 'run' && <Part title="Output" part="output" row={row} />}
      <Part title="Error" part="error" row={row} />
    </Panel>
  )
}

function Door({ id, side, words }: { id: string; side: Side; words: string }) {
  return (
    <Link to="/traces/$id" params={{ id }} search={{ span: side.runId }}>
      {words}
    </Link>
  )
}

type Ms = number | null | undefined

function Times({ name, before, after, usual }: { name: string; before: Ms; after: Ms; usual: Ms }) {
  const words = (ms: Ms): string => (typeof ms === 'number' ? duration(ms) : '–')
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{words(before)}</td>
      <td>{words(after)}</td>
      <td>{deltaWords(delta(before, after)) || '–'}</td>
      <td>{words(usual)}</td>
    </tr>
  )
}

function Part({ title, part, row }: { title: string; part: 'input' | 'output' | 'error'; row: Row }) {
  const { before, after } = row
  const only = before ?? after
  if (part === 'error' && !before?.error && !after?.error) return null
  return (
    <Section title={title}>
      {before && after ? (
        <Changes label={`Differences of the ${title.toLowerCase()}`} before={before[part]} after={after[part]} />
      ) : (
        <Json value={only?.[part]} label={title} />
      )}
    </Section>
  )
}
