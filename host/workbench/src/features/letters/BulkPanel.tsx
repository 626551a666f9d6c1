import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Bulk } from '../../api/results.ts'
import { bulkQuery } from '../../services/letters.ts'
import { useAct } from '../../services/useAct.ts'
import { useAnnounced } from '../../ui/Announcer.tsx'
import { Button } from '../../ui/Controls.tsx'
import { Json } from '../../ui/Json.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { counted, duration, moment } from '../../ui/time.ts'
import { BULK_STATUS } from './BulksList.tsx'
import styles from './letters.module.css'
import { chosenWords } from './model.ts'

/** Record of a bulk: what was chosen, how far it is, and what the replayed events have become. */
export function BulkPanel({ id, onClose }: { id: number; onClose: () => void }) {
  const { data: bulk, error } = useQuery(bulkQuery(id))
  const stop = useAct('bulk_stop')
  const progress = bulk ? progressWords(bulk) : ''
  useAnnounced('bulk', progress)
  if (!bulk) {
    return (
      <Panel title={`Bulk ${id}`} onClose={onClose}>
        {error ? <Failed error={error} /> : <Loading what="the record" />}
      </Panel>
    )
  }
  return (
    <Panel
      title={`${bulk.act === 'replay' ? 'Replay' : 'Discard'} of ${counted(bulk.total, 'dead letter')}`}
      about={
        <>
          <Status {...BULK_STATUS[bulk.status]} />
          <span>
            Began {moment(bulk.begunAt)}
            {bulk.endedAt !== null && `, took ${duration(bulk.endedAt - bulk.begunAt)}`}
          </span>
        </>
      }
      doors={
        bulk.status === 'running' && (
          <Button disabled={stop.isPending} onClick={() => { stop.mutate({ id }) }}>
            Stop
          </Button>
        )
      }
      onClose={onClose}
    >
      {stop.error && <Failed error={stop.error} />}
      <Section title="Progress">
        <progress className={styles.progress} max={Math.max(bulk.total, 1)} value={handledOf(bulk)} aria-label="Progress" />
        <p>{progress}</p>
        <Counts bulk={bulk} />
      </Section>
      <Section title="Chosen by">
        <p>{chosenWords(bulk.chosen)}</p>
        {bulk.patch !== null && (
          <div className={styles.patched}>
            <p>Their data got this merge patch</p>
            <Json value={bulk.patch} label="Merge patch" />
          </div>
        )}
        {bulk.perSecond !== null && <p>At most {bulk.perSecond.toLocaleString('en')} a second</p>}
      </Section>
      {bulk.refusals.length > 0 && (
        <Section title="Left dead, as their step does not take the changed data">
          <ul className={styles.refusals}>
            {bulk.refusals.map((each) => (
              <li key={each.id}>
                <Link to="/dead-letters" search={{ letter: String(each.id) }}>Dead letter {each.id}</Link> <span>{each.reason}</span>
              </li>
            ))}
            {bulk.refused > bulk.refusals.length && <li>and {(bulk.refused - bulk.refusals.length).toLocaleString('en')} more</li>}
          </ul>
        </Section>
      )}
    </Panel>
  )
}

const handledOf = (bulk: Bulk): number => bulk.done + bulk.missing + bulk.refused

const progressWords = (bulk: Bulk): string =>
  `${handledOf(bulk).toLocaleString('en')} of ${bulk.total.toLocaleString('en')}${bulk.status === 'stopped' ? ', the others are dead letters still' : ''}`

function Counts({ bulk }: { bulk: Bulk }) {
  const rows: readonly (readonly [string, number])[] =
    bulk.act === 'discard'
      ? [['Discarded', bulk.done], ['Gone before their turn', bulk.missing]]
      : [
          ['Replayed', bulk.done],
          ['Done', bulk.completed],
          ['Waiting', bulk.waiting],
          ['Running', bulk.running],
          ['Dead letters again', bulk.dead],
          ['Gone before their turn', bulk.missing],
          ...(bulk.patch === null ? [] : [['Left dead: does not fit', bulk.refused] as const]),
        ]
  return (
    <dl className={styles.counts}>
      {rows.map(([word, count]) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd data-failed={(word === 'Dead letters again' || word.startsWith('Left dead')) && count > 0}>{count.toLocaleString('en')}</dd>
        </div>
      ))}
    </dl>
  )
}
