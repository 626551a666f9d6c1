import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FrameReader } from './channel.ts'

function record(frameBytesMax = 1000): { reader: FrameReader; seen: string[] } {
  const seen: string[] = []
  const frame = (body: Buffer, length = body.length): void => {
    seen.push(length === body.length ? `frame ${body.toString()}` : `oversized ${length} ${body.toString()}`)
  }
  return { reader: new FrameReader({ frame, frameBytesMax }), seen }
}

function frame(text: string): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(text.length)
  return Buffer.concat([head, Buffer.from(text)])
}

void describe('FrameReader', () => {
  const stream = Buffer.concat([frame('a'), frame('bb'.repeat(40)), frame('x'.repeat(2000)), frame('c'), frame('y'.repeat(1001)), frame('d')])
  const expected = [
    'frame a',
    `frame ${'bb'.repeat(40)}`,
    `oversized 2000 ${'x'.repeat(32)}`,
    'frame c',
    `oversized 1001 ${'y'.repeat(32)}`,
    'frame d',
  ]
  for (const size of [1, 2, 3, 5, 7, 16, 64, 1999, 2004, stream.length]) {
    void it(`finds the same frames in pieces of ${size} bytes`, () => {
      const { reader, seen } = record()
      for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size))
      assert.deepEqual(seen, expected)
    })
  }

  void it('takes a frame of exactly the limit', () => {
    const { reader, seen } = record(40)
    reader.push(Buffer.concat([frame('a'.repeat(40)), frame('b'.repeat(41)), frame('ok')]))
    assert.deepEqual(seen, [`frame ${'a'.repeat(40)}`, `oversized 41 ${'b'.repeat(32)}`, 'frame ok'])
  })

  void it('passes on a frame of length 0, which breaks the channel', () => {
    const { reader, seen } = record()
    reader.push(Buffer.concat([frame('a'), Buffer.alloc(4)]))
    assert.deepEqual(seen, ['frame a', 'frame '])
  })
})
