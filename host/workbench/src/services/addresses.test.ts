import { expect, it } from 'vitest'
import { flowDoor, groupDoor, isOdd, streamDoor, wholeName } from './addresses.ts'

it('knows the names that a path cannot hold', () => {
  expect(['', '.', '..', '...', 'a/b'].map(isOdd)).toEqual([true, true, true, false, false])
})

it('puts a name that a path cannot hold into the query', () => {
  expect(flowDoor('a/b', { step: 'S' })).toEqual({ to: '/flows/$flow', params: { flow: 'a/b' }, search: { step: 'S' } })
  expect(flowDoor('..', { step: 'S' })).toEqual({ to: '/flows', search: { flow: '..', step: 'S' } })
  expect(streamDoor('.')).toEqual({ to: '/streams', search: { stream: '.' } })
  expect(groupDoor('', { key: 'k' })).toEqual({ to: '/state', search: { group: '""', key: 'k' } })
})

it.each([
  ['/state/a/b', '/state/a%2Fb'],
  ['/state/a%2Fb', '/state/a%2Fb'],
  ['/__polystep/streams/100%', '/__polystep/streams/100%25'],
  ['/state/100%25', '/state/100%25'],
  ['/state/%E0%A4%A', '/state/%25E0%25A4%25A'],
  ['/flows/shop/', '/flows/shop'],
  ['/flows/', '/flows/'],
  ['/traces/a/b', '/traces/a/b'],
])('reads the name in %s', (typed, path) => {
  expect(wholeName(typed)).toBe(path)
})
