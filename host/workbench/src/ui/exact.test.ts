import { describe, expect, it } from 'vitest'
import { ExactNumber, compact, elementsOf, membersOf, parseExact, pretty } from './exact.ts'

const TEXTS = [
  '{"a":9007199254740993,"b":[1.0,-0,1e400,123456789012345678901234567890],"c":{}}',
  '[]',
  '{}',
  '"a, b: {\\"c\\"} [9007199254740993] \\\\"',
  '[{"":null,"__proto__":{"x":true}},[[],[1,[2]]],"é\\u00e9\\ud800"]',
  '-12.5e-3',
  'null',
]

describe.each(TEXTS)('%s', (text) => {
  it('stays the same text over several lines and back', () => {
    expect(compact(pretty(text))).toBe(text)
    expect(pretty(pretty(text))).toBe(pretty(text))
  })

  it('is laid out as JSON.stringify does where numbers allow it', () => {
    const value: unknown = JSON.parse(text)
    if (JSON.stringify(value) === text) expect(pretty(text)).toBe(JSON.stringify(value, null, 2))
  })
})

it('keeps the digits that a number of JavaScript would lose', () => {
  const found = parseExact('{"big":9007199254740993,"small":7,"one":1.0,"half":0.5}') as Record<string, unknown>
  expect(found.big).toEqual(new ExactNumber('9007199254740993'))
  expect(found.one).toEqual(new ExactNumber('1.0'))
  expect([found.small, found.half]).toEqual([7, 0.5])
})

it('takes odd keys as keys', () => {
  const found = parseExact('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>
  expect(Object.keys(found)).toEqual(['__proto__', 'constructor'])
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

it('refuses what is no JSON, in words', () => {
  expect(() => parseExact('{"a":}')).toThrow(SyntaxError)
})

it('cuts a text into its parts', () => {
  expect([...membersOf('{"value": {"n": [1, 9007199254740993]}, "version": "v:1"}')]).toEqual([
    ['value', '{"n":[1,9007199254740993]}'],
    ['version', '"v:1"'],
  ])
  expect(membersOf('{}').size).toBe(0)
  expect(elementsOf('[{"a":1}, [2, 3], "x,y"]')).toEqual(['{"a":1}', '[2,3]', '"x,y"'])
  expect(elementsOf('[]')).toEqual([])
})
