import cronstrue from 'cronstrue'
import type { TickRow } from '../../api/results.ts'
import type { Tone } from '../../ui/Status.tsx'
import { duration } from '../../ui/time.ts'

export const TICKS: Record<TickRow['status'], { tone: Tone; word: string }> = {
  running: { tone: 'running', word: 'Running' },
  completed: { tone: 'ok', word: 'Done' },
  failed: { tone: 'failed', word: 'Failed' },
  rejected: { tone: 'warning', word: 'Rejected' },
}

/** Cron expression in words; the empty text for one that has none. The host alone decides when a step fires. */
export function cronWords(expression: string): string {
  try {
    return cronstrue.toString(expression, { use24HourTimeFormat: true })
  } catch {
    return ''
  }
}

const LATE_MS = 1000
/** A tick that began so much later than its time was run by hand for that time. */
const AS_AT_MS = 60_000

/** How a tick began beside the time for which it was due: late, early, or as at another time. */
export function lateWords({ scheduledAt, startedAt }: Pick<TickRow, 'scheduledAt' | 'startedAt'>): string {
  if (scheduledAt === null) return ''
  const late = startedAt - scheduledAt
  if (Math.abs(late) < LATE_MS) return ''
  return late > 0 && late < AS_AT_MS ? `late by ${duration(late)}` : 'ran as at another time'
}

/** How late ticks began, at most of 95 in 100; the empty text of none. Runs as at another time count for nothing. */
export function driftWords(ticks: readonly Pick<TickRow, 'scheduledAt' | 'startedAt'>[]): string {
  const late = ticks
    .flatMap(({ scheduledAt, startedAt }) => (scheduledAt === null ? [] : [startedAt - scheduledAt]))
    .filter((each) => each >= 0 && each < AS_AT_MS)
    .sort((a, b) => a - b)
  const p95 = late[Math.ceil(late.length * 0.95) - 1]
  return p95 === undefined ? '' : `Late by at most ${duration(p95)} in 95 of 100 (of the last ${late.length})`
}

/** What a clock did between two moments in its time zone: changes of summer and winter time. */
export function clockChange(before: number, at: number, timeZone: string | null): string {
  const shift = offsetMs(at, timeZone) - offsetMs(before, timeZone)
  if (shift === 0) return ''
  return `clocks ${shift > 0 ? 'forward' : 'back'} by ${duration(Math.abs(shift))} before it`
}

/** Milliseconds east of UTC; 0 where the browser does not know the zone. */
function offsetMs(at: number, timeZone: string | null): number {
  try {
    const parts = new Intl.DateTimeFormat('en-US', { ...(timeZone !== null && { timeZone }), timeZoneName: 'longOffset' }).formatToParts(at)
    const found = /GMT([+-])(\d\d):(\d\d)/.exec(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '')
    return found === null ? 0 : (found[1] === '-' ? -1 : 1) * (Number(found[2]) * HOUR_MS + Number(found[3]) * 60_000)
  } catch {
    return 0
  }
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const longDuration = (ms: number): string =>
  ms < 2 * DAY_MS ? duration(ms) : `${Math.floor(ms / DAY_MS)} d ${Math.floor((ms % DAY_MS) / HOUR_MS)} h`

/** Time until something, in words; "now" when it is due. */
export const untilWords = (at: number, now: number): string => (at <= now ? 'now' : `in ${longDuration(at - now)}`)

/** Moment in a time zone; the empty text when the browser does not know the zone. */
export function zoned(at: number, timeZone: string): string {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'medium', timeStyle: 'medium' }).format(at)
  } catch {
    return ''
  }
}

export const utc = (at: number): string => `${new Date(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`
