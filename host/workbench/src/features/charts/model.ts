import type { Rate, RatePoint, Rates } from '../../api/results.ts'
import { duration } from '../../ui/time.ts'

export interface Line {
  label: string
  /** Custom property with its colour. */
  token: string
  dash: readonly number[]
  value: (point: RatePoint, widthS: number) => number | null
}

export interface ChartModel {
  title: string
  about: string
  lines: readonly Line[]
  words: (value: number) => string
  /** As short as a scale needs it. */
  axisWords: (value: number) => string
  /** What a stretch of time without runs has. */
  empty: 0 | null
}

const perMinute = (count: number, widthS: number): number => (count * 60) / widthS
const milliseconds = (value: number): string => duration(value)
const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })

const scaleWords = (value: number): string => (value < 10 ? `${number(value)} ms` : duration(value))

const percentiles = (kind: 'wait' | 'work'): Line[] => [
  { label: 'p50', token: '--accent-solid', dash: [], value: (point) => point[`${kind}P50`] },
  { label: 'p95', token: '--waiting-solid', dash: [6, 3], value: (point) => point[`${kind}P95`] },
  { label: 'p99', token: '--warning-solid', dash: [2, 2], value: (point) => point[`${kind}P99`] },
]

export const CHARTS: readonly ChartModel[] = [
  {
    title: 'Runs per minute',
    about: 'Retried: attempts that are tried again',
    lines: [
      { label: 'ended', token: '--running-solid', dash: [], value: (point, widthS) => perMinute(point.runs, widthS) },
      { label: 'failed', token: '--failed-solid', dash: [6, 3], value: (point, widthS) => perMinute(point.failed, widthS) },
      { label: 'retried', token: '--warning-solid', dash: [2, 2], value: (point, widthS) => perMinute(point.retried, widthS) },
    ],
    words: number,
    axisWords: number,
    empty: 0,
  },
  {
    title: 'Share that failed',
    about: 'Of the runs that ended',
    lines: [{ label: 'failed', token: '--failed-solid', dash: [], value: (point) => share(point) }],
    words: (value) => `${number(value)} %`,
    axisWords: (value) => `${number(value)} %`,
    empty: null,
  },
  { title: 'Wait', about: 'From queued to the first attempt', lines: percentiles('wait'), words: milliseconds, axisWords: scaleWords, empty: null },
  { title: 'Work', about: 'Of an attempt', lines: percentiles('work'), words: milliseconds, axisWords: scaleWords, empty: null },
]

/** Percent of the runs that failed; `null` of none. */
export const share = ({ runs, failed }: Rate): number | null => (runs === 0 ? null : (100 * failed) / runs)

/** Columns of a chart: the begin of each stretch of the whole time, in seconds, and a value of each line. */
export function columnsOf(rates: Rates, chart: ChartModel): (number | null)[][] {
  const { since, until, widthS } = rates
  const byTime = new Map(rates.points.map((point) => [point.at, point]))
  const columns: (number | null)[][] = [[], ...chart.lines.map(() => [])]
  for (let at = since; at < until; at += widthS * 1000) {
    const point = byTime.get(at)
    columns[0]?.push(at / 1000)
    chart.lines.forEach((line, index) => columns[index + 1]?.push(point === undefined ? chart.empty : line.value(point, widthS)))
  }
  return columns
}

/** What a chart shows, in one sentence, for those who do not see it. */
export function summaryOf(columns: readonly (readonly (number | null)[])[], chart: ChartModel): string {
  const parts = chart.lines.map((line, index) => {
    const values = (columns[index + 1] ?? []).filter((each) => each !== null)
    if (values.length === 0) return `${line.label} nothing`
    const last = values.at(-1) ?? 0
    return `${line.label} at most ${chart.words(Math.max(...values))}, last ${chart.words(last)}`
  })
  return `${chart.title}: ${parts.join('; ')}.`
}

/** Places of values that have none beside them: no line shows them, so each is shown as a point. */
export function lonePlaces(values: readonly (number | null | undefined)[]): number[] {
  const is = (at: number): boolean => values[at] !== null && values[at] !== undefined
  return values.flatMap((_, at) => (is(at) && !is(at - 1) && !is(at + 1) ? [at] : []))
}

/** Time of a brush as whole stretches, in milliseconds; `null` for a click. */
export function brushed(fromS: number, toS: number, widthS: number): { since: number; until: number } | null {
  if (!(toS - fromS > 0)) return null
  return { since: Math.floor(fromS / widthS) * widthS * 1000, until: Math.ceil(toS / widthS) * widthS * 1000 }
}
