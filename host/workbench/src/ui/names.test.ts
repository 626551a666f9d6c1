import { expect, it } from 'vitest'
import { nameWords } from './names.ts'

it('shows names that would not be seen', () => {
  expect(['', ' ', 'orders'].map(nameWords)).toEqual(['""', '" "', 'orders'])
})
