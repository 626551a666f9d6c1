import { matches, partOf } from './model.ts'

// Items of a group as a file: read part by part, and written as the host has them, digit by digit.

export const EXPORTED_MAX = 100_000
export const EXPORTED_CHARS_MAX = 128_000_000

export interface Exported {
  /** Source texts of the items. */
  items: readonly string[]
  /** The group has more than a file may hold. */
  cut: boolean
}

/** Read all items of a group that match, up to the bounds. `read` gives the part of the list after a cursor. */
export async function exported(read: (cursor: string | null) => Promise<string>, q: string): Promise<Exported> {
  const items: string[] = []
  let chars = 0
  let cursor: string | null = null
  do {
    const part = partOf(await read(cursor))
    for (const item of part.items) {
      if (!matches(item, q)) continue
      chars += item.length
      if (items.length === EXPORTED_MAX || chars > EXPORTED_CHARS_MAX) return { items, cut: true }
      items.push(item)
    }
    ;({ cursor } = part)
  } while (cursor !== null)
  return { items, cut: false }
}

export type Format = 'json' | 'ndjson'

/** Text of the file: a list, or one item a line. */
export function fileText(items: readonly string[], format: Format): string {
  if (format === 'ndjson') return items.map((each) => `${each}\n`).join('')
  return items.length === 0 ? '[]\n' : `[\n${items.map((each) => `  ${each}`).join(',\n')}\n]\n`
}

/** Name of a file for what has any names; nothing in it is special to a file system. */
export function fileName(names: readonly string[], ending: string): string {
  const safe = names.map((each) => each.replace(/[^\p{L}\p{N}_-]+/gu, '-').slice(0, 60)).filter(Boolean)
  return `${safe.join('-') || 'stream'}.${ending}`
}
