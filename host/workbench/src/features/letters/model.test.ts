import { expect, it } from 'vitest'
import { ExactNumber, writeExact } from '../../ui/exact.ts'
import { aboutWords, between, chosenWords, fitWords, letterOf, patchProblem, patchedOf, toggled } from './model.ts'

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

it('reads what a patch makes of letters, with numbers as they are written', () => {
  const [letter] = patchedOf('{"letters":[{"id":7,"step":"Pack","topic":"t","before":{"far":9007199254740993},"after":{"far":9007199254740993,"n":1.0},"refusal":null}],"refused":0}')
  expect(writeExact(letter?.after)).toBe('{"far":9007199254740993,"n":1.0}')
  expect((letter?.before as { far: unknown }).far).toBeInstanceOf(ExactNumber)
})

it('takes a patch that is an object and changes something', () => {
  expect(['{"a": null}', '{}', '[1]', 'null', '7'].map((each) => patchProblem(each) === null)).toEqual([true, false, false, false, false])
  expect(patchProblem('{"a"')).toMatch(/JSON/)
})

it('says how many of the first would fit', () => {
  const letter = (refusal: string | null) => ({ id: 1, step: 's', before: 1, after: 2, refusal })
  expect([[], [letter(null)], [letter(null), letter(null)], [letter('no'), letter(null)], [letter('a'), letter('b')]].map(fitWords)).toEqual([
    'None of them is a dead letter any more.',
    'It fits.',
    'The first 2 fit.',
    '1 of the first 2 does not fit and would stay dead.',
    '2 of the first 2 do not fit and would stay dead.',
  ])
})
