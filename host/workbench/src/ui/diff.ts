import { ExactNumber } from './exact.ts'

// Difference of two JSON values by keys and positions; numbers count as they are written.

export interface Change {
  path: readonly (string | number)[]
  /** Missing where there was nothing. */
  before?: unknown
  after?: unknown
}

export const CHANGES_MAX = 200

/** What changes from one value to another, the first so many; objects by key, lists by position. */
export function changesOf(before: unknown, after: unknown, most = CHANGES_MAX): Change[] {
  const found: Change[] = []
  const compare = (a: unknown, b: unknown, path: readonly (string | number)[]): void => {
    if (found.length >= most || isSame(a, b)) return
    if (Array.isArray(a) && Array.isArray(b)) {
      for (let at = 0; at < Math.max(a.length, b.length); at++) member(a, b, at, at < a.length, at < b.length, path)
    } else if (isMap(a) && isMap(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
        member(a, b, key, Object.hasOwn(a, key), Object.hasOwn(b, key), path)
      }
    } else found.push({ path, before: a, after: b })
  }
  const member = (a: object, b: object, key: string | number, inA: boolean, inB: boolean, path: readonly (string | number)[]): void => {
    if (found.length >= most) return
    const left: unknown = Reflect.get(a, key)
    const right: unknown = Reflect.get(b, key)
    if (inA && inB) compare(left, right, [...path, key])
    else if (inA) found.push({ path: [...path, key], before: left })
    else found.push({ path: [...path, key], after: right })
  }
  compare(before, after, [])
  return found
}

/** Path in the words of a reader: `body.items[2].name`. */
export function pathWords(path: readonly (string | number)[]): string {
  if (path.length === 0) return 'the whole value'
  return path.reduce<string>((words, part) => {
    if (typeof part === 'number') return `${words}[${part}]`
    const name = /^[\w$]+$/.test(part) ? part : JSON.stringify(part)
    return words === '' ? name : `${words}.${name}`
  }, '')
}

/** A value on one line, cut where it is long. */
export function valueWords(value: unknown, most = 300): string {
  const text = value instanceof ExactNumber ? value.source : value === undefined ? 'nothing' : JSON.stringify(value, exactly)
  return text.length > most ? `${text.slice(0, most)}… (${(text.length - most).toLocaleString('en')} more characters)` : text
}

const exactly = (_: string, value: unknown): unknown => (value instanceof ExactNumber ? value.source : value)
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)

function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof ExactNumber && b instanceof ExactNumber) return a.source === b.source
  return Object.is(a, b) || (typeof a !== 'object' && a === b)
}
