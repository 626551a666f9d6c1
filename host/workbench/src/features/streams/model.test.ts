import { expect, it } from 'vitest'
import { NO_CHANGES, cellOf, columnsOf, dataOf, follow, itemOf, itemsOf, oneItemOf } from './model.ts'

const ITEM = itemOf('{"id":"m1","text":"hi","at":9007199254740992.0,"tags":["a"],"_createdAt":1}')

it('reads a part of a group', () => {
  const { items, cursor } = itemsOf('{"cursor": "m1", "items": [{"id": "m1", "n": 1.0}, {"id": "m2"}]}')
  expect(items.map((each) => [each.id, each.source])).toEqual([
    ['m1', '{"id":"m1","n":1.0}'],
    ['m2', '{"id":"m2"}'],
  ])
  expect(cursor).toBe('m1')
  expect(itemsOf('{"items":[],"cursor":null}')).toEqual({ items: [], cursor: null })
})

it('writes an item without its id and with every digit', () => {
  expect(dataOf(ITEM)).toBe('{\n  "text": "hi",\n  "at": 9007199254740992.0,\n  "tags": [\n    "a"\n  ]\n}')
  expect(dataOf(oneItemOf('{"item":{"id":"x"}}'))).toBe('{}')
})

it('takes the columns from the schema, else from the items', () => {
  expect(columnsOf({ properties: { id: {}, author: {}, text: {} } }, [ITEM])).toEqual(['author', 'text'])
  expect(columnsOf(null, [ITEM])).toEqual(['text', 'at', 'tags'])
  expect(columnsOf('odd', [])).toEqual([])
})

it('shows members as short texts', () => {
  expect(['text', 'at', 'tags', 'none'].map((name) => cellOf(ITEM, name))).toEqual(['hi', '9007199254740992.0', '["a"]', ''])
  expect(cellOf(itemOf(`{"text":"${'x'.repeat(500)}"}`), 'text')).toHaveLength(121)
})

it('knows what has changed since the last look, and nothing at the first', () => {
  const [one, two] = [itemOf('{"id":"1","n":1}'), itemOf('{"id":"2","n":1}')]
  const first = follow(NO_CHANGES, [one], 10)
  expect(first.get('1')?.changedAt).toBe(0)
  const second = follow(first, [one, two], 20)
  expect([second.get('1')?.changedAt, second.get('2')?.changedAt]).toEqual([0, 20])
  const third = follow(second, [itemOf('{"id":"1","n":2}'), two], 30)
  expect([third.get('1')?.changedAt, third.get('2')?.changedAt]).toEqual([30, 20])
})
