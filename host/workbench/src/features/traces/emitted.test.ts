import { expect, it } from 'vitest'
import { emittedData } from './emitted.ts'

const result = (data: string): string => `{"run":{},"operation":{"type":"emit","topic":"t","data":${data}}}`

it('hands over the data of an emit as it is written', () => {
  expect(emittedData(result('{"n":9007199254740993,"x":1.0}'))).toBe('{"n":9007199254740993,"x":1.0}')
  expect(emittedData(result('[1]'))).toBe('[1]')
})

it('hands over nothing of what was cut, or is not there', () => {
  expect(emittedData(result('{"$cut":"{\\"a\\":","bytes":5000}'))).toBeNull()
  expect(emittedData('{"operation":{"type":"emit"}}')).toBeNull()
})
