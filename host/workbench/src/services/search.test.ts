import { expect, it } from 'vitest'
import { numberOf, oneOf, parseSearch, quoted, unquoted, writeSearch } from './search.ts'

it('keeps what a reader wrote, also digits and odd characters', () => {
  const search = { q: 'a&b=c #1', trace: '0012', none: '' }
  const text = writeSearch(search)
  expect(parseSearch(text.slice(1))).toEqual({ q: 'a&b=c #1', trace: '0012' })
  expect(writeSearch({ a: undefined, b: '' })).toBe('')
})

it('falls back where the URL holds something else', () => {
  expect(oneOf(['', 'failed'], 'nonsense')).toBe('')
  expect(oneOf(['', 'failed'], 'failed')).toBe('failed')
  expect(numberOf('12.5')).toBe(12.5)
  expect(numberOf('x')).toBeUndefined()
  expect(numberOf('')).toBeUndefined()
})

it.each(['', '"', '"a', 'a b/c', ' ', '..', '{"a":1}'])('keeps the text %j, also where it is empty', (text) => {
  expect(unquoted(parseSearch(writeSearch({ key: quoted(text) }).slice(1)).key)).toBe(text)
})
