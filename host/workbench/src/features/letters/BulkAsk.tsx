import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { DeadLetterCount } from '../../api/results.ts'
import { countQuery, paramsOf, type BulkStart, type LetterFilter } from '../../services/letters.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Button } from '../../ui/Controls.tsx'
import { Field } from '../../ui/Field.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { counted } from '../../ui/time.ts'
import styles from './letters.module.css'
import { aboutWords, patchProblem } from './model.ts'
import { Patch } from './Patch.tsx'

/** Question that is open: what is to be done with which letters. */
export interface Asking {
  act: 'replay' | 'discard'
  filter: LetterFilter
  /** Ids that the reader has selected; null for all that match. */
  ids: readonly number[] | null
}

interface Props {
  asking: Asking
  onClose: () => void
  onStart: (start: BulkStart) => void
}

/** Question before a bulk: the number is counted by the host now, and a bulk with another one does not begin. */
export function BulkAsk({ asking, onClose, onStart }: Props) {
  const { ids, filter } = asking
  const { data, error } = useQuery({ ...countQuery(filter), enabled: ids === null })
  if (ids !== null) return <Question asking={asking} count={ids.length} start={{ act: asking.act, ids: [...ids] }} onClose={onClose} onStart={onStart} />
  if (!data) {
    return (
      <Confirm title="Counting…" act="Wait" disabled onClose={onClose} onAct={onClose}>
        {error ? <Failed error={error} /> : <Loading what="the number" />}
      </Confirm>
    )
  }
  const chosen = paramsOf(filter)
  const all = Object.values(chosen).every((each) => each === null)
  const start: BulkStart = { act: asking.act, ...chosen, ...(all ? { all } : {}), count: data.count, uptoId: data.uptoId }
  return <Question asking={asking} count={data.count} found={data} start={start} onClose={onClose} onStart={onStart} />
}

interface QuestionProps extends Props {
  count: number
  found?: DeadLetterCount
  start: BulkStart
}

function Question({ asking, count, found, start, onClose, onStart }: QuestionProps) {
  const [typed, setTyped] = useState('')
  const [rate, setRate] = useState('')
  const [patch, setPatch] = useState<string | null>(null)
  const isDiscard = asking.act === 'discard'
  const perSecond = rate.trim() === '' ? null : Number(rate)
  const rateIsFine = perSecond === null || (Number.isInteger(perSecond) && perSecond >= 1 && perSecond <= 10_000)
  const { act: _act, count: _count, patchSource: _source, perSecond: _rate, ...choice } = start
  const which = counted(count, 'dead letter')
  return (
    <Confirm
      title={isDiscard ? `Discard ${which}?` : `Replay ${which}?`}
      act={isDiscard ? `Discard ${which} for good` : patch === null ? `Replay ${which}` : `Change and replay ${which}`}
      wide={patch !== null}
      danger={isDiscard}
      disabled={count === 0 || !rateIsFine || (patch !== null && patchProblem(patch) !== null) || (isDiscard && typed.trim() !== String(count))}
      onClose={onClose}
      onAct={() => { onStart({ ...start, ...(perSecond === null || isDiscard ? {} : { perSecond }), ...(patch === null ? {} : { patchSource: patch }) }) }}
    >
      {found && <p>{aboutWords(found)}</p>}
      {found && found.steps.length > 1 && <Steps found={found} />}
      <p>
        {isDiscard
          ? 'They are removed with their data and cannot be replayed.'
          : 'Each becomes an event again for its step, in the order in which they died, behind what waits there. Those that die meanwhile are not in it.'}
      </p>
      {isDiscard ? (
        <Field label={`Type ${count} to discard them`} value={typed} onType={setTyped} />
      ) : (
        <>
          {patch !== null && <Patch choice={choice} text={patch} onText={setPatch} />}
          <p className={styles.change}>
            <Button aria-expanded={patch !== null} onClick={() => { setPatch(patch === null ? '{}' : null) }}>
              {patch === null ? 'Change their data first' : 'Leave their data as it is'}
            </Button>
          </p>
          <Field label="At most so many a second (empty: as fast as it goes)" value={rate} onType={setRate} />
        </>
      )}
    </Confirm>
  )
}

function Steps({ found }: { found: DeadLetterCount }) {
  return (
    <ul className={styles.steps}>
      {found.steps.slice(0, 8).map((each) => (
        <li key={each.step}>
          {each.step} <span>{each.count.toLocaleString('en')}</span>
        </li>
      ))}
      {found.steps.length > 8 && <li>and {found.steps.length - 8} steps more</li>}
    </ul>
  )
}
