// @vitest-environment jsdom
import { afterEach, expect, it, vi } from 'vitest'
import { Choice } from './choice.ts'

afterEach(() => {
  vi.restoreAllMocks()
  localStorage.clear()
})

const choice = (): Choice<'clock' | 'ago'> => new Choice('test.choice', ['clock', 'ago'])

it('starts with the first value, tells of a change and keeps it for the next page', () => {
  const first = choice()
  expect(first.chosen()).toBe('clock')
  const told = vi.fn()
  const stop = first.subscribe(told)
  first.choose('ago')
  stop()
  expect(told).toHaveBeenCalledOnce()
  expect(choice().chosen()).toBe('ago')
  first.choose('clock')
  expect(told).toHaveBeenCalledOnce()
  expect(localStorage.getItem('test.choice')).toBeNull()
})

it('takes a kept value of another version for the default', () => {
  localStorage.setItem('test.choice', 'sundial')
  expect(choice().chosen()).toBe('clock')
})

it('holds for the page where storage is switched off', () => {
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new Error('denied')
  })
  const only = choice()
  only.choose('ago')
  expect(only.chosen()).toBe('ago')
  expect(choice().chosen()).toBe('clock')
})
