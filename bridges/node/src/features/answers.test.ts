import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Answers } from './answers.ts'
import { FrameWriter } from '../channel.ts'

const MIB = 1024 * 1024
const large = { body: 'x'.repeat(MIB) }

function setUp(): { pipe: { waitingBytes: number }; answers: Answers; given: string[]; give: (name: string, value: unknown) => void } {
  const pipe = { waitingBytes: 0 }
  const answers = new Answers(pipe)
  const given: string[] = []
  return { pipe, answers, given, give: (name, value) => { answers.give(value, () => void given.push(name)) } }
}

void describe('Answers', () => {
  void it('holds large answers back while the host is behind, and lets small ones pass', () => {
    const { pipe, answers, given, give } = setUp()
    give('first', large)
    pipe.waitingBytes = 17 * MIB
    give('second', large)
    give('small', { status: 200, body: { ok: true, list: [1, 'two', null] } })
    give('nothing', null)
    give('many', Array.from({ length: 10_000 }, (_, at) => at))
    give('bytes', new Uint8Array(MIB))
    assert.deepEqual([given, answers.size], [['first', 'small', 'nothing'], 3])
    answers.written()
    assert.equal(answers.size, 3)
    pipe.waitingBytes = 16 * MIB
    answers.written()
    assert.deepEqual([given.slice(3), answers.size], [['second', 'many', 'bytes'], 0])
  })

  void it('gives only as many at once as there is room for', () => {
    const { pipe, answers } = setUp()
    pipe.waitingBytes = 17 * MIB
    for (let count = 0; count < 5; count += 1) answers.give(large, () => { pipe.waitingBytes += 10 * MIB })
    pipe.waitingBytes = 0
    answers.written()
    assert.equal(answers.size, 3)
  })
})

void describe('FrameWriter', () => {
  const write = async (frames: Uint8Array[]): Promise<{ written: number[]; waiting: number[] }> => {
    const written: number[] = []
    const waiting: number[] = []
    const output = { writableLength: 0, write: (bytes: Uint8Array) => written.push(bytes.length) > 0, end: () => output }
    const writer = new FrameWriter(output as unknown as ConstructorParameters<typeof FrameWriter>[0], () => { waiting.push(writer.waitingBytes) })
    for (const each of frames) writer.send(each)
    await new Promise(setImmediate)
    return { written, waiting }
  }

  void it('joins small frames, and writes large ones without another copy', async () => {
    assert.deepEqual(await write([Buffer.alloc(10), Buffer.alloc(20)]), { written: [38], waiting: [38, 0] })
    assert.deepEqual(await write([Buffer.alloc(10), Buffer.alloc(MIB)]), { written: [14, MIB + 4], waiting: [MIB + 18, 0] })
  })
})
