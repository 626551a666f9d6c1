const UNITS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

export const SINCE_CHOICES = [
  ['', 'Any time'],
  ['15m', 'Last 15 min'],
  ['1h', 'Last hour'],
  ['24h', 'Last 24 hours'],
] as const

/** The time that a text of the address names: `15m` before now, or Unix milliseconds; `undefined` for another text. */
export function sinceOf(text: string, nowMs: number): number | undefined {
  const [, count, unit = ''] = /^(\d{1,4})([mhd])$/.exec(text) ?? []
  if (count !== undefined) return nowMs - Number(count) * (UNITS_MS[unit] ?? 0)
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
