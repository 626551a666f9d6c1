import { Link } from '@tanstack/react-router'
import type { CronHistory } from '../../api/results.ts'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { duration, moment } from '../../ui/time.ts'
import { useNow } from '../../ui/useNow.ts'
import styles from './cron.module.css'
import { TICKS, clockChange, driftWords, lateWords, untilWords, utc, zoned } from './words.ts'

/** When a step fires next: in the reader's time, in that of the step, in UTC, and how long until then. */
export function NextTimes({ data }: { data: CronHistory }) {
  const now = useNow()
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  const zone = data.timezone !== null && data.timezone !== own && !['UTC', 'Etc/UTC'].includes(data.timezone) ? data.timezone : null
  return (
    <Section title={data.pausedAt === null ? 'Fires next' : 'Would fire next'}>
      <ul className={styles.times}>
        {data.times.map((text, index) => {
          const at = Date.parse(text)
          const change = clockChange(index === 0 ? now : Date.parse(data.times[index - 1] ?? text), at, data.timezone)
          return (
            <li key={text}>
              <time dateTime={text}>{moment(at)}</time>
              {zone !== null && zoned(at, zone) !== '' && <span className={styles.quiet}>{zoned(at, zone)} {zone}</span>}
              <span className={styles.quiet}>{utc(at)}</span>
              <span className={styles.until}>{untilWords(at, now)}</span>
              {change !== '' && <span className={styles.change}>{change}</span>}
            </li>
          )
        })}
      </ul>
      {data.times.length === 0 && <p className={styles.quiet}>Never.</p>}
    </Section>
  )
}

/** The last ticks, each with its trace, and the times at which none fired. */
export function Ticks({ data }: { data: CronHistory }) {
  return (
    <>
      <Section title="Last ticks">
        <ol className={styles.strip} aria-label="The last ticks, the newest last">
          {data.ticks.toReversed().map((tick) => (
            <li key={tick.traceId}>
              <Link
                to="/traces/$id"
                params={{ id: tick.traceId }}
                search={{}}
                data-status={tick.status}
                aria-label={`${TICKS[tick.status].word}, ${moment(tick.startedAt)}`}
                title={`${TICKS[tick.status].word}, ${moment(tick.startedAt)}`}
              />
            </li>
          ))}
        </ol>
        <ul className={styles.ticks}>
          {data.ticks.map((tick) => (
            <li key={tick.traceId}>
              <Status {...TICKS[tick.status]} plain />
              <Link to="/traces/$id" params={{ id: tick.traceId }} search={{}}>
                {moment(tick.startedAt)}
              </Link>
              <span className={styles.quiet}>{duration(tick.durationMs)}</span>
              <span className={styles.quiet} title={tick.scheduledAt === null ? '' : `Due ${utc(tick.scheduledAt)}`}>
                {lateWords(tick)}
              </span>
            </li>
          ))}
        </ul>
        {driftWords(data.ticks) !== '' && <p className={styles.quiet}>{driftWords(data.ticks)}.</p>}
        {data.ticks.length === 0 && <p className={styles.quiet}>It has not fired yet, or its traces are not kept any more.</p>}
      </Section>
      {data.missed.length > 0 && (
        <Section title="Missed ticks">
          <ul className={styles.missed}>
            {data.missed.map((each) => (
              <li key={each.at}>
                <time dateTime={new Date(each.at).toISOString()} title={utc(each.at)}>{moment(each.at)}</time>
                <span className={styles.quiet}>{each.reason}</span>
              </li>
            ))}
          </ul>
          <p className={styles.quiet}>Missed ticks are not caught up. Run it as at one of these times if it has to be.</p>
        </Section>
      )}
    </>
  )
}
