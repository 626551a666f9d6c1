import { expect, it } from 'vitest'
import { difference, messageOf, subjectsOf } from './subjects.ts'

it('follows what the shown results hang on', () => {
  expect(subjectsOf(['traces', { limit: 100 }])).toEqual(['traces'])
  expect(subjectsOf(['trace', { id: 'ab' }])).toEqual(['trace:ab'])
  expect(subjectsOf(['state_value', { group: 'orders', key: 'k' }])).toEqual(['state:orders'])
  expect(subjectsOf(['something else'])).toEqual([])
})

it('subscribes and leaves, and asks for nothing twice', () => {
  expect(difference(new Set(['a', 'b']), new Set(['b', 'c']))).toEqual({ subscribe: ['c'], unsubscribe: ['a'] })
  expect(difference(new Set(['a']), new Set(['a']))).toEqual({ subscribe: [], unsubscribe: [] })
})

it.each([
  ['{"epoch":"e","seq":0,"beatS":5}', { kind: 'hello', epoch: 'e', beatS: 5 }],
  ['{"epoch":"e","seq":1,"subject":"logs","changes":[]}', { kind: 'changed', epoch: 'e', subject: 'logs' }],
  ['{"epoch":"e","seq":2,"subject":"logs","resync":true}', { kind: 'changed', epoch: 'e', subject: 'logs' }],
  ['{"epoch":"e","seq":2,"beat":true}', { kind: 'beat', epoch: 'e' }],
  ['{"epoch":"e","seq":2,"subject":"x","error":"There is no such subject."}', { kind: 'beat', epoch: 'e' }],
  ['not JSON', null],
  ['[]', null],
])('reads %s', (text, message) => {
  expect(messageOf(text)).toEqual(message)
})

it('follows the lines alone that a page of the log chooses', () => {
  expect(subjectsOf(['logs', {}])).toEqual(['logs'])
  expect(subjectsOf(['logs', { limit: 1 }])).toEqual(['logs'])
  expect(subjectsOf(['logs', { minLevel: 'warn', text: 'a b=c', since: 5 }])).toEqual(['logs:minLevel=warn&text=a+b%3Dc'])
  expect(subjectsOf(['logs', { text: 'x'.repeat(2000) }])).toEqual(['logs'])
  expect(subjectsOf(['logs', { until: 5 }])).toEqual([])
})
