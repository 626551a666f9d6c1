import { expect, it } from 'vitest'
import { logLine } from '../../test/factories.ts'
import { filterOf, downloadOf, NO_FILTER } from './search.ts'
import { fieldWords, lineJson, lineText, withWord, wordOf } from './words.ts'

it('writes a word as the host reads it', () => {
  expect(['late', 'item=vase', '-late', 'two words', 'say "hi"', 'a\\b', ''].map(wordOf)).toEqual([
    'late',
    'item=vase',
    '"-late"',
    '"two words"',
    '"say \\"hi\\""',
    'a\\b',
    '""',
  ])
})

it('adds a word once, in place of its opposite', () => {
  expect(withWord('', 'item=vase')).toBe('item=vase')
  expect(withWord('late -item=vase "two words"', 'item=vase')).toBe('late "two words" item=vase')
  expect(withWord('late item=vase', 'item=vase')).toBe('late item=vase')
})

it('makes chips of plain short values alone', () => {
  const fields = { item: 'a vase', count: 3, paid: true, note: null, deep: { a: 1 }, long: 'x'.repeat(81), 'odd name': 1, __proto__x: 'y', empty: '' }
  expect(fieldWords(fields).map(({ word }) => word)).toEqual(['"item=a vase"', 'count=3', 'paid=true', 'note=null', '__proto__x=y'])
})

it('copies a line for people and for programs', () => {
  const line = logLine(1, { message: 'Order placed', fields: { item: 'vase' }, level: 'warn' })
  expect(lineText(line)).toMatch(/^\d{4}-.*Z WARN PlaceOrder Order placed {"item":"vase"}$/)
  expect(JSON.parse(lineJson(line))).toMatchObject({ id: 1, fields: { item: 'vase' }, level: 'warn' })
})

it('asks the host for what the address says, and nothing else', () => {
  const search = { ...NO_FILTER, fold: true, line: 7 }
  expect(filterOf(search)).toEqual({})
  const filter = filterOf({ ...search, level: 'warn', q: ' late -poll ', since: 5, trace: 'abcd' })
  expect(filter).toEqual({ minLevel: 'warn', text: 'late -poll', since: 5, traceId: 'abcd' })
  expect(downloadOf(filter)).toBe('/__polystep/api/logs.ndjson?minLevel=warn&traceId=abcd&text=late+-poll&since=5')
})
