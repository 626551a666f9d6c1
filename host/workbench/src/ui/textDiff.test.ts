import { expect, it } from 'vitest'
import { seeded } from '../test/flows.ts'
import { piecesOf } from './textDiff.ts'

const sides = (before: string, after: string): string[] => {
  const pieces = piecesOf(before, after)
  return (['added', 'removed'] as const).map((left) => pieces.filter(({ mark }) => mark !== left).map(({ text }) => text).join(''))
}

it('tells lines of texts with several, and words of others', () => {
  expect(piecesOf('a\nb\nc', 'a\nx\nc')).toEqual([
    { mark: 'same', text: 'a\n' },
    { mark: 'removed', text: 'b\n' },
    { mark: 'added', text: 'x\n' },
    { mark: 'same', text: 'c' },
  ])
  expect(piecesOf('Answer in one word', 'Answer in one short word').filter(({ mark }) => mark !== 'same')).toEqual([{ mark: 'added', text: 'short ' }])
  expect(piecesOf('same', 'same')).toEqual([{ mark: 'same', text: 'same' }])
  expect(piecesOf('', 'new')).toEqual([{ mark: 'added', text: 'new' }])
})

it('always makes both texts, whatever they are', () => {
  const random = seeded(7)
  const text = (): string => Array.from({ length: Math.floor(random() * 40) }, () => ['a ', 'b ', 'c\n', 'd'][Math.floor(random() * 4)]).join('')
  for (let run = 0; run < 300; run++) {
    const [before, after] = [text(), text()]
    expect(sides(before, after)).toEqual([before, after])
  }
  const [long, other] = [Array.from({ length: 4000 }, (_, at) => `${at}\n`).join(''), Array.from({ length: 4000 }, (_, at) => `${at}!\n`).join('')]
  expect(sides(long, other)).toEqual([long, other])
})
