import { expect, it } from 'vitest'
import { fieldOf, timeOf } from './TimeField.tsx'

it('reads and writes the time of a field', () => {
  expect(timeOf('')).toBeUndefined()
  expect(timeOf('nonsense')).toBeUndefined()
  const ms = new Date(2026, 4, 17, 8, 30).getTime()
  expect(fieldOf(ms)).toBe('2026-05-17T08:30')
  expect(timeOf(fieldOf(ms))).toBe(ms)
  expect(fieldOf(undefined)).toBe('')
})
