import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { CronWeek } from '../../api/results.ts'
import { cronWeekQuery } from '../../services/queries.ts'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { moment } from '../../ui/time.ts'
import hidden from '../../ui/hidden.module.css'
import styles from './week.module.css'
import { collisionWords, dayWords, daysOf, hourWords, midnight, type Day, type Hour } from './week.ts'

const HOURS = Array.from({ length: 24 }, (_, hour) => hour)
const TIMES_SHOWN = 5
const dayName = (at: number): string => new Date(at).toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric', month: 'short' })

/** The week from today on: when cron steps fire, and which of them fire in the same minute. */
export function WeekView({ onOpen }: { onOpen: (step: string) => void }) {
  const [from] = useState(() => midnight(Date.now()))
  const { data, error, refetch } = useQuery(cronWeekQuery(from))
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />
  if (!data) return <Loading what="the week" />
  if (data.steps.length === 0) {
    return (
      <Empty title="Nothing fires in this week">
        <p>No cron step has a time in the next seven days.</p>
      </Empty>
    )
  }
  const days = daysOf(data)
  return (
    <div className={styles.week}>
      <h2 className={hidden.visually}>The week from today on</h2>
      <Section title="The next seven days, in your time">
        <Strip days={days} />
        <p className={styles.quiet}>
          Numbers are ticks in the hour; + is a step that fires often. A frame marks hours in which several steps fire in the same minute.
          {data.cut && ' There are more than are shown.'}
        </p>
      </Section>
      <Section title="In the same minute">
        <Collisions week={data} />
      </Section>
      <Section title="By step and day">
        <ByStep week={data} days={days} onOpen={onOpen} />
      </Section>
    </div>
  )
}

function Strip({ days }: { days: readonly Day[] }) {
  return (
    <table className={styles.strip} aria-label="Ticks by day and hour">
      <thead>
        <tr>
          <th scope="col">
            <span className={hidden.visually}>Day</span>
          </th>
          {HOURS.map((hour) => (
            <th key={hour} scope="col" data-minor={hour % 6 !== 0}>
              {hour}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {days.map((day) => (
          <tr key={day.at}>
            <th scope="row">{dayName(day.at)}</th>
            {day.hours.map((hour, at) => (
              <Cell key={at} hour={hour} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Cell({ hour }: { hour: Hour | undefined }) {
  if (hour === undefined) return <td title="The clock leaves this hour out" />
  const level = hour.steps.length === 0 ? 0 : hour.count <= 1 ? 1 : hour.count <= 6 ? 2 : 3
  const often = hour.steps.some((each) => each.count === null)
  return (
    <td data-level={level} data-together={hour.collisions > 0} title={`${moment(hour.at)}: ${hourWords(hour)}`}>
      <span aria-hidden>{level > 0 && `${hour.count > 0 ? hour.count : ''}${often ? '+' : ''}`}</span>
      <span className={hidden.visually}>{level > 0 && hourWords(hour)}</span>
    </td>
  )
}

function Collisions({ week }: { week: CronWeek }) {
  const often = week.steps.filter((each) => each.often).map((each) => each.step)
  return (
    <>
      {week.collisions.length === 0 && <Status tone="ok" word="No two steps fire in the same minute" plain />}
      <ul className={styles.together}>
        {week.collisions.map((each) => (
          <li key={each.steps.join('\0')}>
            <Status tone="warning" word={collisionWords(each)} plain />
            <span className={styles.quiet}>
              {each.times.slice(0, TIMES_SHOWN).map((at) => moment(at)).join(', ')}
              {each.count > TIMES_SHOWN && ', …'}
            </span>
          </li>
        ))}
      </ul>
      {often.length > 0 && <p className={styles.quiet}>{often.join(', ')} {often.length === 1 ? 'fires' : 'fire'} so often that collisions are not counted.</p>}
    </>
  )
}

function ByStep({ week, days, onOpen }: { week: CronWeek; days: readonly Day[]; onOpen: (step: string) => void }) {
  return (
    <div className={styles.scroll} role="region" aria-label="By step and day" tabIndex={0}>
      <table className={styles.steps}>
        <thead>
          <tr>
            <th scope="col">Step</th>
            {days.map((day) => (
              <th key={day.at} scope="col">{dayName(day.at)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {week.steps.map((each) => (
            <tr key={each.step}>
              <th scope="row">
                <button type="button" onClick={() => { onOpen(each.step) }}>{each.step}</button>
              </th>
              {each.paused ? <td colSpan={days.length}>Paused: it does not fire</td> : days.map((day) => <td key={day.at}>{dayWords(day, each.step)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
