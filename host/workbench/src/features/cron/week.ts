import type { Collision, CronWeek } from '../../api/results.ts'
import { counted } from '../../ui/time.ts'

const HOUR_MS = 3_600_000
const DAYS = 7

/** One hour of the week, in the reader's time. */
export interface Hour {
  at: number
  /** Ticks of the steps that do not fire often. */
  count: number
  /** Steps that fire in it, each with its ticks; null for one that fires often. */
  steps: readonly { step: string; count: number | null }[]
  /** Minutes in it in which several steps fire together. */
  collisions: number
}

export interface Day {
  at: number
  /** By the hour of the clock; undefined where the clock leaves one out. */
  hours: readonly (Hour | undefined)[]
}

/** Midnight before a moment, in the reader's time. */
export const midnight = (at: number): number => new Date(at).setHours(0, 0, 0, 0)

/** The seven days of a week. An hour that clocks repeat stands once, with the ticks of both. */
export function daysOf({ beginAt, steps, collisions }: CronWeek): Day[] {
  const firing = steps.filter((each) => !each.paused)
  const together = new Map<number, number>()
  for (const each of collisions.flatMap(({ times }) => times)) {
    const hour = Math.floor((each - beginAt) / HOUR_MS)
    together.set(hour, (together.get(hour) ?? 0) + 1)
  }
  const days = new Map<number, (Hour | undefined)[]>()
  for (let index = 0; index < (steps[0]?.counts.length ?? 0); index++) {
    const at = beginAt + index * HOUR_MS
    const hours = days.get(midnight(at)) ?? Array.from<Hour | undefined>({ length: 24 })
    days.set(midnight(at), hours)
    const found = firing.flatMap(({ step, counts, often }) => {
      const count = counts[index] ?? 0
      return count === 0 ? [] : [{ step, count: often ? null : count }]
    })
    const before = hours[new Date(at).getHours()]
    const all = [...(before?.steps ?? []), ...found]
    hours[new Date(at).getHours()] = {
      at: before?.at ?? at,
      steps: all,
      count: all.reduce((sum, each) => sum + (each.count ?? 0), 0),
      collisions: (before?.collisions ?? 0) + (together.get(index) ?? 0),
    }
  }
  return [...days].slice(0, DAYS).map(([at, hours]) => ({ at, hours }))
}

const clock = (hour: number): string => `${String(hour).padStart(2, '0')}:00`

/** What happens in an hour, in words. */
export function hourWords(hour: Hour): string {
  if (hour.steps.length === 0) return 'nothing'
  const names = hour.steps.map(({ step, count }) => `${step}${count === null ? ' often' : count > 1 ? ` ${count} times` : ''}`)
  const shared = hour.collisions === 0 ? '' : `; several in one minute${hour.collisions > 1 ? ` ${hour.collisions} times` : ''}`
  return names.join(', ') + shared
}

const HOURS_NAMED_MAX = 4

/** The hours of a day in which a step fires, in words. */
export function dayWords(day: Day, step: string): string {
  const hours = day.hours.flatMap((hour, at) => {
    const found = hour?.steps.filter((each) => each.step === step) ?? []
    return found.length === 0 ? [] : [{ at, count: found.reduce((sum, each) => sum + (each.count ?? 0), 0), often: found.some((each) => each.count === null) }]
  })
  if (hours.length === 0) return '–'
  if (hours.some((each) => each.often)) return `often, in ${counted(hours.length, 'hour')}`
  if (hours.length <= HOURS_NAMED_MAX) return hours.map((each) => `${clock(each.at)}${each.count > 1 ? ` ×${each.count}` : ''}`).join(', ')
  return counted(hours.reduce((sum, each) => sum + each.count, 0), 'time')
}

/** Which steps fire in the same minute, and how often. */
export function collisionWords({ steps, count }: Collision): string {
  const names = steps.length > 1 ? `${steps.slice(0, -1).join(', ')} and ${steps.at(-1) ?? ''}` : (steps[0] ?? '')
  return `${names} fire in the same minute ${count === 1 ? 'once' : counted(count, 'time')}`
}
