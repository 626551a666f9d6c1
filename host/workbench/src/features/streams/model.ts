import { elementsOf, membersOf, pretty } from '../../ui/exact.ts'

/** Item of a stream: its id, and the JSON text of the whole of it. */
export interface Item {
  id: string
  source: string
  members: ReadonlyMap<string, string>
}

export function itemOf(source: string): Item {
  const members = membersOf(source)
  return { id: textOf(members.get('id')), source, members }
}

/** Source texts of the items of a part of a group, and the cursor of the next part. */
export function partOf(result: string): { items: readonly string[]; cursor: string | null } {
  const members = membersOf(result)
  return { items: elementsOf(members.get('items') ?? '[]'), cursor: JSON.parse(members.get('cursor') ?? 'null') as string | null }
}

export function itemsOf(result: string): { items: readonly Item[]; cursor: string | null } {
  const { items, cursor } = partOf(result)
  return { items: items.map(itemOf), cursor }
}

/** Text of the result of reading or writing one item. */
export const oneItemOf = (result: string): Item => itemOf(membersOf(result).get('item') ?? '{}')

/** Members that the host adds to what a step wrote. */
const ADDED = new Set(['id', '_createdAt'])

/** Data of an item as it is written: all of it but what the host adds. */
export function dataOf(item: Item): string {
  const parts = [...item.members].filter(([name]) => !ADDED.has(name)).map(([name, source]) => `${JSON.stringify(name)}:${source}`)
  return pretty(`{${parts.join(',')}}`)
}

const COLUMNS_MAX = 4
const CELL_MAX = 120

/** Members shown as columns: those of the schema, or without one those of the first items. */
export function columnsOf(schema: unknown, items: readonly Item[]): readonly string[] {
  const declared = propertiesOf(schema)
  const seen = items.slice(0, 20).flatMap((each) => [...each.members.keys()])
  const all = declared.length > 0 ? declared : [...new Set(seen)]
  return all.filter((name) => !ADDED.has(name)).slice(0, COLUMNS_MAX)
}

export function propertiesOf(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return []
  return typeof schema.properties === 'object' && schema.properties !== null ? Object.keys(schema.properties) : []
}

/** Short text of a member for a cell of the table; a text stands there without its quotes. */
export function cellOf(item: Item, name: string): string {
  const source = item.members.get(name)
  if (source === undefined) return ''
  const text = source.startsWith('"') ? textOf(source) : source
  return text.length > CELL_MAX ? `${text.slice(0, CELL_MAX)}…` : text
}

/** Whether an item holds every word of a filter, in any case. */
export function matches(source: string, q: string): boolean {
  const text = source.toLowerCase()
  return q.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

const textOf = (source: string | undefined): string => (source?.startsWith('"') ? (JSON.parse(source) as string) : (source ?? ''))

/** Items by id with the time of their last change that the reader could have seen; 0 for what was there at first. */
export type Changes = ReadonlyMap<string, { source: string; changedAt: number }>

export const NO_CHANGES: Changes = new Map()

/** Follow a list that was read again: what is new or differs has changed now. */
export function follow(before: Changes, items: readonly Item[], now: number): Changes {
  const isFirst = before === NO_CHANGES
  return new Map(
    items.map(({ id, source }) => {
      const known = before.get(id)
      if (known?.source === source) return [id, known]
      return [id, { source, changedAt: isFirst ? 0 : now }]
    }),
  )
}
