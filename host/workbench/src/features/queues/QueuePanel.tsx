import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { keysQuery, queueQuery } from '../../services/queue.ts'
import { Button, Select } from '../../ui/Controls.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Pager } from '../../ui/Pager.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { counted } from '../../ui/time.ts'
import type { QueueActs } from './acts.ts'
import { DeliveryRow } from './DeliveryRow.tsx'
import { STATES, STATE_WORDS, deliveriesOf } from './model.ts'
import styles from './panel.module.css'
import type { QueuesSearch } from './search.ts'

interface Props {
  search: QueuesSearch
  acts: QueueActs
  /** How the queue moves. */
  moves: string
  onSearch: (change: Partial<QueuesSearch>) => void
  onClose: () => void
}

const ANY = ['', 'any state'] as const

/** What waits or runs of a step, in the order in which it is due, and its FIFO keys. */
export function QueuePanel({ search, acts, moves, onSearch, onClose }: Props) {
  const { step, state, fifoKey, after } = search
  const { data, error } = useQuery({
    ...queueQuery({ step, state: state || null, fifoKey: fifoKey ?? null, after }),
    placeholderData: keepPreviousData,
  })
  const found = useMemo(() => (data === undefined ? null : deliveriesOf(data)), [data])
  const later = found?.deliveries.some((each) => each.state === 'delayed' || each.state === 'retrying') ?? false
  return (
    <Panel
      title={step}
      about={`What waits or runs, as it is due${moves && ` · ${moves}`}`}
      doors={
        <>
          <Link to="/steps" search={{ step }}>Step</Link>
          <Link to="/dead-letters" search={{ step }}>Dead letters</Link>
          <Link to="/logs" search={{ step }}>Logs</Link>
        </>
      }
      onClose={onClose}
    >
      {error && !found && <Failed error={error} />}
      {!found && !error && <Loading what="the queue" />}
      {found && (
        <Section
          title={fifoKey === undefined ? 'Deliveries' : `Deliveries of the FIFO key ${fifoKey}`}
          action={
            <Select
              label="State"
              value={state}
              choices={[ANY, ...STATES.map((each) => [each, STATE_WORDS[each][0]] as const)]}
              onChoose={(value) => { onSearch({ state: STATES.find((each) => each === value) ?? '', after: '', id: undefined }) }}
            />
          }
        >
          {acts.error && <Failed error={acts.error} />}
          <div className={styles.tools}>
            {fifoKey !== undefined && <Button onClick={() => { onSearch({ fifoKey: undefined, after: '', id: undefined }) }}>All keys</Button>}
            {later && <Button disabled={acts.isPending} onClick={() => { acts.tryNow(null) }}>Try all that are due later now</Button>}
          </div>
          {found.deliveries.length === 0 && <p className={styles.quiet}>{state || fifoKey !== undefined ? 'Nothing matches.' : 'Nothing waits or runs.'}</p>}
          <ul className={styles.list}>
            {found.deliveries.map((each) => (
              <DeliveryRow
                key={each.id}
                delivery={each}
                open={each.id === search.id}
                acts={acts}
                onOpen={(open) => { onSearch({ id: open ? each.id : undefined }) }}
              />
            ))}
          </ul>
          <Pager
            what="deliveries"
            shown={found.deliveries.length}
            isFirst={after === ''}
            more={found.cursor !== null}
            onFirst={() => { onSearch({ after: '' }) }}
            onNext={() => { onSearch({ after: found.cursor ?? '' }) }}
          />
        </Section>
      )}
      {fifoKey === undefined && <Keys step={step} onKey={(key) => { onSearch({ fifoKey: key, state: '', after: '', id: undefined }) }} />}
    </Panel>
  )
}

/** FIFO keys that have something: each runs one delivery after the other. */
function Keys({ step, onKey }: { step: string; onKey: (key: string) => void }) {
  const { data } = useQuery(keysQuery(step))
  if (!data || data.keys.length === 0) return null
  return (
    <Section title="FIFO keys">
      <ul className={styles.keys}>
        {data.keys.map((each) => (
          <li key={each.key}>
            <Button quiet onClick={() => { onKey(each.key) }}>
              <code>{each.key === '' ? '(empty)' : each.key}</code>
            </Button>
            <span className={styles.quiet}>
              {each.count === 1 ? '1 delivery' : `1 and ${counted(each.count - 1, 'delivery').replace('deliverys', 'deliveries')} behind it`}
            </span>
          </li>
        ))}
      </ul>
      {data.cursor !== null && <p className={styles.quiet}>There are more keys than are listed.</p>}
    </Section>
  )
}
