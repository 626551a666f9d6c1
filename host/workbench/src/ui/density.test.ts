// @vitest-environment jsdom
import { afterEach, expect, it } from 'vitest'
import { density, rowPx } from './density.ts'

afterEach(() => {
  density.choose('pointer')
})

it('goes by the pointer until the reader chooses', () => {
  expect([rowPx(28, false, false), rowPx(28, true, false), rowPx(28, false, true)]).toEqual([28, 44, 44])
})

it('keeps the choice, but two lines need their height', () => {
  density.choose('compact')
  expect(localStorage.getItem('polystep.density')).toBe('compact')
  expect([rowPx(32, false, false), rowPx(32, true, false), rowPx(32, true, true)]).toEqual([26, 26, 44])
  density.choose('coarse')
  expect(rowPx(28, false, false)).toBe(44)
})
