// The query of a page's URL as plain texts: `?status=failed&q=order`, readable and writable by hand.

export type Search = Record<string, string | undefined>

export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text))
}

export function writeSearch(search: Record<string, unknown>): string {
  const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? '' : `?${text}`
}

/** One of a few words, or the first of them when the URL has another. */
export function oneOf<T extends string>(choices: readonly [T, ...T[]], value: unknown): T {
  return choices.find((each) => each === value) ?? choices[0]
}

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

export function numberOf(value: unknown): number | undefined {
  const text = textOf(value)
  const found = text === '' ? Number.NaN : Number(text)
  return Number.isFinite(found) ? found : undefined
}

/** Any text in the URL: as it is, or in quotes where it is empty or begins with a quote. */
export const quoted = (text: string): string => (text === '' || text.startsWith('"') ? JSON.stringify(text) : text)

export function unquoted(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  if (!value.startsWith('"')) return value
  try {
    return JSON.parse(value) as string
  } catch {
    return value
  }
}
