import { expect, it } from 'vitest'
import { conflicted, draftOf, keptMine, readOf, removedOf, sizeWords, valueTextOf, versionOf } from './model.ts'

const READ = readOf('{"value":{"n":9007199254740993},"version":"v1"}')

it('reads a value with every digit', () => {
  expect(READ).toEqual({ source: '{"n":9007199254740993}', version: 'v1' })
  expect(removedOf('{"group":"g","key":"k","version":"","before":[1.0]}')).toBe('[1.0]')
})

it('begins an edit with the text as it is, and saves it over that version alone', () => {
  const draft = draftOf(READ)
  expect(draft.text).toBe('{\n  "n": 9007199254740993\n}')
  expect(versionOf(draft)).toBe('v1')
  expect(versionOf({ text: '1', base: null })).toBe('')
})

it('keeps mine over theirs only when the reader says so', () => {
  const draft = conflicted({ text: '1', base: READ }, { source: '2', version: 'v2' })
  expect(versionOf(draft)).toBe('v1')
  expect(keptMine(draft)).toEqual({ text: '1', base: { source: '2', version: 'v2' } })
  expect(versionOf(keptMine(conflicted(draft, null)))).toBe('')
})

it('says sizes in short', () => {
  expect([12, 2048, 31_457_280].map(sizeWords)).toEqual(['12 B', '2.0 KiB', '30.0 MiB'])
})

it('takes the value out of a result without reading it', () => {
  expect(valueTextOf('{"value": {"version": "x"}, "version": "v1"}')).toBe('{"version": "x"}')
})
