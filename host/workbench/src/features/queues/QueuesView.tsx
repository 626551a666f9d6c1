import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ParkedRow, QueueRow } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { queuesQuery, stepsQuery } from '../../services/queries.ts'
import { useAct } from '../../services/useAct.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Button } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Status } from '../../ui/Status.tsx'
import { counted, duration, moment } from '../../ui/time.ts'
import { useNow } from '../../ui/useNow.ts'
import type { QueueActs } from './acts.ts'
import { STATES, STATE_WORDS, ageWords, rowsOf } from './model.ts'
import { QueuePanel } from './QueuePanel.tsx'
import styles from './queues.module.css'
import type { QueuesSearch } from './search.ts'

interface Props {
  search: QueuesSearch
  onSearch: (change: Partial<QueuesSearch>) => void
}

/** What waits for each step, by state; a step can be paused, its queue emptied, and what waits looked at. */
export function QueuesView({ search, onSearch }: Props) {
  const queues = useQuery(queuesQuery())
  const steps = useQuery(stepsQuery())
  const [emptying, setEmptying] = useState<QueueRow | null>(null)
  const pause = useAct('pause')
  const resume = useAct('resume')
  const purge = useAct('purge')
  const failure = pause.error ?? resume.error ?? purge.error
  const rows = queues.data ? rowsOf(queues.data, steps.data) : []

  const now = useNow()
  const close = (): void => { onSearch({ step: '', state: '', fifoKey: undefined, after: '', id: undefined }) }
  const acts = useQueueActs(search.step, () => { onSearch({ id: undefined }) })
  useActions(search.step ? [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Queues', perform: close }] : [])

  return (
    <Page
      title="Queues"
      asideLabel="Selected queue"
      aside={search.step && <QueuePanel key={search.step} search={search} acts={acts} onSearch={onSearch} onClose={close} />}
    >
      {failure && <Failed error={failure} />}
      {queues.error && !queues.data && <Failed error={queues.error} retry={() => void queues.refetch()} />}
      {queues.isPending && <Loading what="queues" />}
      {queues.data && steps.data && rows.length === 0 && (
        <Empty title="No step has a queue">
          <p>Event and cron steps have one. Save a step that subscribes to a topic, and it is listed here.</p>
        </Empty>
      )}
      {rows.length > 0 && (
        <div className={styles.scroll}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Step</th>
                {STATES.map((state) => (
                  <th key={state} scope="col" title={STATE_WORDS[state][1]}>
                    {STATE_WORDS[state][0]}
                  </th>
                ))}
                <th scope="col" title="since the first of those that are ready or blocked became due">
                  Oldest
                </th>
                <th scope="col">
                  <span className={styles.hidden}>Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row
                  key={row.step}
                  row={row}
                  now={now}
                  selected={row.step === search.step}
                  onOpen={() => { onSearch({ step: row.step, state: '', fifoKey: undefined, after: '', id: undefined }) }}
                  onPause={() => {
                    if (row.pausedAt === null) pause.mutate({ step: row.step })
                    else resume.mutate({ step: row.step })
                  }}
                  onEmpty={() => {
                    setEmptying(row)
                  }}
                />
              ))}
            </tbody>
          </table>
          {queues.data && queues.data.parked.length > 0 && <Parked parked={queues.data.parked} />}
        </div>
      )}
      {emptying && (
        <Confirm
          title={`Empty the queue of ${emptying.step}?`}
          act={`Remove ${counted(emptying.waiting - emptying.running, 'event')}`}
          danger
          onClose={() => {
            setEmptying(null)
          }}
          onAct={() => {
            purge.mutate({ step: emptying.step })
          }}
        >
          What waits is removed for good and cannot be replayed. What runs goes on.
        </Confirm>
      )}
    </Page>
  )
}

interface RowProps {
  row: QueueRow
  now: number
  selected: boolean
  onOpen: () => void
  onPause: () => void
  onEmpty: () => void
}

function Row({ row, now, selected, onOpen, onPause, onEmpty }: RowProps) {
  const paused = row.pausedAt !== null
  return (
    <tr data-selected={selected}>
      <th scope="row">
        <button type="button" className={styles.open} aria-pressed={selected} onClick={onOpen}>
          {row.step}
        </button>
        {row.pausedAt !== null && (
          <span title={`Since ${moment(row.pausedAt)}`}>
            <Status tone="warning" word="Paused" />
          </span>
        )}
      </th>
      {STATES.map((state) => (
        <td key={state} data-some={row[state] > 0} data-label={STATE_WORDS[state][0]}>
          {row[state].toLocaleString('en')}
        </td>
      ))}
      <td data-label="Oldest" data-some={row.oldestAt !== null}>
        {ageWords(row.oldestAt, now) || '–'}
      </td>
      <td className={styles.actions}>
        <Button onClick={onPause} aria-label={`${paused ? 'Resume' : 'Pause'} ${row.step}`}>
          {paused ? 'Resume' : 'Pause'}
        </Button>
        <Button onClick={onEmpty} disabled={row.waiting - row.running <= 0} aria-label={`Empty the queue of ${row.step}`}>
          Empty…
        </Button>
      </td>
    </tr>
  )
}

/** Events that wait for a subscriber whose file does not load. */
function Parked({ parked }: { parked: readonly ParkedRow[] }) {
  return (
    <section className={styles.parked} aria-label="Parked events">
      <h2>Parked events</h2>
      <p>Nobody who is loaded subscribes to these topics; a file that does not load may. They are delivered when it does.</p>
      <ul>
        {parked.map((each) => (
          <li key={each.topic}>
            <code>{each.topic}</code> {counted(each.waiting, 'event')}, the oldest for {duration(each.oldestMs)}
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Asked here, not in the panel: the feed may close a row before the host has answered. */
function useQueueActs(step: string, onRemoved: () => void): QueueActs {
  const tryNow = useAct('try_now')
  const drop = useAct('drop')
  return {
    isPending: tryNow.isPending || drop.isPending,
    error: tryNow.error ?? drop.error,
    tryNow: (id) => {
      drop.reset()
      tryNow.mutate({ step, ...(id === null ? {} : { id }) })
    },
    remove: (id) => {
      tryNow.reset()
      drop.mutate({ step, id }, { onSuccess: onRemoved })
    },
  }
}
