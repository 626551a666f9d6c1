import { expect, it } from 'vitest'
import { aboutWords, between, chosenWords, letterOf, toggled } from './model.ts'

it('keeps the data of a letter as it is written', () => {
  const letter = letterOf('{"id":7,"step":"Pack","data":{"far":9007199254740993,"whole":1.0},"traceId":"a"}')
  expect(letter.id).toBe(7)
  expect(letter.source).toBe('{"far":9007199254740993,"whole":1.0}')
})

it('says what a bulk would be about', () => {
  const steps = [{ step: 'a', count: 2 }, { step: 'b', count: 1 }]
  expect(aboutWords({ count: 3, steps, fifoKeys: 0, uptoId: 9 })).toBe('3 events of 2 steps.')
  expect(aboutWords({ count: 4812, steps: steps.slice(1), fifoKeys: 17, uptoId: 9 })).toBe('4,812 events of 1 step, 17 FIFO keys whose order is kept.')
})

it('selects from one row to another', () => {
  expect(between([9, 8, 7, 6], 8, 6)).toEqual([8, 7, 6])
  expect(between([9, 8, 7, 6], 6, 9)).toEqual([9, 8, 7, 6])
  expect(between([9, 8], 5, 8)).toEqual([8])
  expect([...toggled(new Set([1, 2]), [2, 3], true)]).toEqual([1, 2, 3])
  expect([...toggled(new Set([1, 2]), [2, 3], false)]).toEqual([1])
})

it('says what was chosen', () => {
  expect(chosenWords({})).toBe('all')
  expect(chosenWords({ step: 'Pack', fingerprint: 'ab', ids: 3 })).toBe('step Pack, error ab, selected 3')
})
