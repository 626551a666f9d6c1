import { expect, it } from 'vitest'
import type { Frame } from '../../services/streamFrames.ts'
import { bytesWords, framesText, kindsOf, listedFrames, rowText } from './monitor.ts'

const frame = (n: number, kind: string, text = '', way: Frame['way'] = 'in'): Frame => ({ n, at: n, way, kind, text, bytes: text.length, cut: false })
const FRAMES = [frame(1, 'opened', '', 'page'), frame(2, 'join', '{"type":"join"}', 'out'), frame(3, 'sync', '[]'), frame(4, 'update', '{"item":"Vase"}')]
const NONE = { q: '', kind: '', way: '' }
const listed = (filter: Partial<typeof NONE>, from = 0, until: number | null = null) => listedFrames(FRAMES, { ...NONE, ...filter }, from, until).map(({ n }) => n)

it('lists frames newest first by words, kind and way', () => {
  expect(listed({})).toEqual([4, 3, 2, 1])
  expect([listed({ q: 'vase' }), listed({ q: 'UPDATE item' }), listed({ q: 'cup' })]).toEqual([[4], [4], []])
  expect([listed({ kind: 'sync' }), listed({ way: 'out' }), listed({ way: 'out', kind: 'sync' })]).toEqual([[3], [2], []])
})

it('begins where a reader began anew, and ends where one paused', () => {
  expect([listed({}, 2), listed({}, 0, 3), listed({}, 3, 3)]).toEqual([[4, 3], [3, 2, 1], []])
})

it('names the kinds that there are, and sizes', () => {
  expect(kindsOf([...FRAMES, frame(5, 'sync')])).toEqual(['join', 'opened', 'sync', 'update'])
  const sized = (bytes: number): string => bytesWords({ ...frame(1, 'sync'), bytes })
  expect([sized(12), sized(1536), sized(3_145_728), bytesWords(frame(1, 'opened', '', 'page'))]).toEqual(['12 B', '1.5 KiB', '3.0 MiB', ''])
})

it('writes a file oldest first that keeps the text of each frame', () => {
  const text = framesText([{ ...frame(4, 'update', '{"n":1.0}'), cut: true }, frame(3, 'sync', '[]')])
  expect(text.trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
    { at: '1970-01-01T00:00:00.003Z', way: 'in', kind: 'sync', bytes: 2, text: '[]' },
    { at: '1970-01-01T00:00:00.004Z', way: 'in', kind: 'update', bytes: 9, text: '{"n":1.0}', cut: true },
  ])
})

it('shows of a frame what others have not', () => {
  const row = (text: string, way: Frame['way'] = 'in'): string => rowText(frame(1, 'x', text, way))
  expect(row('{"timestamp":1,"streamName":"s","groupId":"g","id":"a","event":{"type":"update","data":{"id":"a","n":1.0}}}')).toBe('{"id":"a","n":1.0}')
  expect(row('{"timestamp":1,"streamName":"s","groupId":"g","event":{"type":"event","event":{"type":"typing","data":1}}}')).toBe('{"type":"typing","data":1}')
  expect(row('{"type":"join","data":{"streamName":"s"}}', 'out')).toBe('{"streamName":"s"}')
  expect([row('{"odd":1}'), row('The host stopped.', 'page')]).toEqual(['{"odd":1}', 'The host stopped.'])
  expect(row(`{"event":{"type":"sync","data":[${'1,'.repeat(500)}1]}}`)).toHaveLength(200)
})
