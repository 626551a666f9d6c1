import { expect, it, vi } from 'vitest'
import { EXPORTED_MAX, exported, fileName, fileText } from './exported.ts'
import { matches } from './model.ts'

const part = (cursor: string | null, ...items: string[]): string => JSON.stringify({ items: [], cursor }).replace('[]', `[${items.join(',')}]`)

it('reads part after part and keeps every digit', async () => {
  const parts: Record<string, string> = { '': part('b', '{"id":"a","n":9007199254740993}'), b: part(null, '{"id":"b","n":1.0}') }
  const read = vi.fn((cursor: string | null) => Promise.resolve(parts[cursor ?? ''] ?? ''))
  const { items, cut } = await exported(read, '')
  expect(read.mock.calls).toEqual([[null], ['b']])
  expect(cut).toBe(false)
  expect(fileText(items, 'ndjson')).toBe('{"id":"a","n":9007199254740993}\n{"id":"b","n":1.0}\n')
  expect(fileText(items, 'json')).toBe('[\n  {"id":"a","n":9007199254740993},\n  {"id":"b","n":1.0}\n]\n')
  expect([fileText([], 'json'), fileText([], 'ndjson')]).toEqual(['[]\n', ''])
})

it('has what the filter lets through, of all parts', async () => {
  const read = (cursor: string | null) => Promise.resolve(cursor === null ? part('b', '{"id":"a"}') : part(null, '{"id":"b","text":"Vase"}'))
  const { items } = await exported(read, 'vase')
  expect(items).toEqual(['{"id":"b","text":"Vase"}'])
})

it('stops at the bound and says so', async () => {
  const many = Array.from({ length: 500 }, (_, at) => `{"id":"${at}"}`)
  const { items, cut } = await exported(() => Promise.resolve(part('more', ...many)), '')
  expect([items.length, cut]).toEqual([EXPORTED_MAX, true])
})

it('finds items by every word of a filter, in any case', () => {
  const item = '{"id":"m1","text":"Blue Vase"}'
  expect(['', 'vase', ' blue  VASE ', 'm1 vase'].map((q) => matches(item, q))).toEqual([true, true, true, true])
  expect(matches(item, 'vase red')).toBe(false)
})

it('names files without what a file system takes for more', () => {
  expect(fileName(['board', 'a/../b'], 'json')).toBe('board-a-b.json')
  expect(fileName(['', '..'], 'ndjson')).toBe('-.ndjson')
  expect(fileName([], 'json')).toBe('stream.json')
})
