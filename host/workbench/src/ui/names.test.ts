import { expect, it } from 'vitest'
import { isOdd, nameWords } from './names.ts'

it('shows names that would not be seen', () => {
  expect(['', ' ', 'orders'].map(nameWords)).toEqual(['""', '" "', 'orders'])
})

it('knows the names that a path cannot hold', () => {
  expect(['', '.', '..', '...', 'a/b'].map(isOdd)).toEqual([true, true, true, false, false])
})
