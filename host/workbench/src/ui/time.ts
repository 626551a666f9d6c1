// Times and durations in words that stay short and are read at a glance.

export function duration(ms: number | null): string {
  if (ms === null) return '…'
  if (ms < 1) return '< 1 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ago`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ago` : `${Math.floor(hours / 24)} d ago`
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })

export const clock = (ms: number): string => CLOCK.format(ms)
/** Day of a time as `11-30`, or with the year where it is another one; the empty text for today. */
export function day(ms: number, nowMs: number): string {
  const [at, now] = [new Date(ms), new Date(nowMs)]
  if (at.toDateString() === now.toDateString()) return ''
  const two = (value: number): string => String(value).padStart(2, '0')
  const words = `${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return at.getFullYear() === now.getFullYear() ? words : `${at.getFullYear()}-${words}`
}

export const moment = (ms: number): string => MOMENT.format(ms)
export const iso = (ms: number): string => new Date(ms).toISOString()

export const counted = (count: number, word: string, words = `${word}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? word : words}`
