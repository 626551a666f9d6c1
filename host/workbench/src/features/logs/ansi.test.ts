import { expect, it } from 'vitest'
import { HOSTILE_ANSI } from '../../test/factories.ts'
import { ansiParts } from './ansi.ts'

const plain = (text: string) => ansiParts(text).map((part) => part.text).join('')

it('makes parts of terminal colours', () => {
  const parts = ansiParts('a\u001b[31mred\u001b[1mbold\u001b[0m b\u001b[38;5;200mc\u001b[92md')
  expect(parts.map(({ text, colour, bold }) => [text, colour, bold])).toEqual([
    ['a', '', false],
    ['red', 'failed', false],
    ['bold', 'failed', true],
    [' b', '', false],
    ['c', '', false],
    ['d', 'ok', false],
  ])
})

it('leaves out what moves the cursor, names the window or links', () => {
  expect(plain('a\u001b[2J\u001b[10;10Hb\u001b]0;title\u0007c\u001b]8;;javascript:alert(1)\u001b\\link\u001b]8;;\u001b\\')).toBe('abclink')
})

it('takes any text, and gives names of colours alone', () => {
  const known = new Set(['', 'quiet', 'failed', 'ok', 'warning', 'accent', 'waiting', 'running'])
  for (const text of HOSTILE_ANSI) {
    for (const part of ansiParts(text)) expect(known.has(part.colour)).toBe(true)
  }
})

it('takes a long text of beginnings in one pass', () => {
  const text = '\u001b]'.repeat(200_000) + '\u001b[' + '1;'.repeat(200_000)
  expect(plain(text).length).toBeLessThanOrEqual(text.length)
})
