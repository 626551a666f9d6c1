import { expect, it } from 'vitest'
import { countWords } from './counts.ts'

it('says how much waits, and nothing of nothing', () => {
  expect([countWords(0), countWords(7), countWords(999), countWords(1000), countWords(20, true)]).toEqual(['', '7', '999', '999+', '20+'])
})
