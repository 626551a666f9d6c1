import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ParkedRow, QueueRow } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { queuesQuery, stepsQuery } from '../../services/queries.ts'
import { useAct } from '../../services/useAct.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { counted, duration } from '../../ui/time.ts'
import { useNow } from '../../ui/useNow.ts'
import hidden from '../../ui/hidden.module.css'
import type { QueueActs } from './acts.ts'
import { STATES, STATE_WORDS, rowsOf } from './model.ts'
import { OUT_MINUTES, STILL, movingWords, type Moving } from './moving.ts'
import { QueuePanel } from './QueuePanel.tsx'
import { QueueRowView } from './QueueRow.tsx'
import styles from './queues.module.css'
import type { QueuesSearch } from './search.ts'
import { useMoving } from './useMoving.ts'

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
  const moving = useMoving()
  const close = (): void => { onSearch({ step: '', state: '', fifoKey: undefined, after: '', id: undefined }) }
  const acts = useQueueActs(search.step, () => { onSearch({ id: undefined }) })
  const focus = useRowFocus(rows.length)
  useActions([
    ...focus.actions('Queues'),
    ...(search.step ? [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Queues', perform: close }] : []),
  ])

  return (
    <Page
      title="Queues"
      asideLabel="Selected queue"
      aside={search.step && <QueuePanel key={search.step} search={search} acts={acts} moves={movesOf(rows, moving, search.step)} onSearch={onSearch} onClose={close} />}
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
                <th scope="col" title="not attempted any more">
                  Dead
                </th>
                <th scope="col" title="since the first of those that are ready or blocked became due">
                  Oldest
                </th>
                <th scope="col" className={styles.moves} title={`a minute: events that came in the last one, while this page looks, and runs that ended in the last ${OUT_MINUTES}`}>
                  In / out a min
                </th>
                <th scope="col" className={styles.moves} title="when what is due will have run, if both rates stay">
                  Drained
                </th>
                <th scope="col">
                  <span className={hidden.visually}>Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row, at) => (
                <QueueRowView
                  key={row.step}
                  at={at}
                  row={row}
                  moving={moving.get(row.step) ?? STILL}
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

function movesOf(rows: readonly QueueRow[], moving: ReadonlyMap<string, Moving>, step: string): string {
  const row = rows.find((each) => each.step === step)
  return row === undefined ? '' : movingWords(row, moving.get(step) ?? STILL)
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
