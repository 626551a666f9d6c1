import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pack, unpack } from './codec.ts'
import { PolystepError } from './errors.ts'
import { ANSWER, Peer } from './peer.ts'

interface Setup {
  peer: Peer
  sent: unknown[]
  heard: unknown[]
  writer: { waitingBytes: number; send: (body: Uint8Array) => void }
  owner: { open: number; errors: string[]; callStarted: () => void; callEnded: (error?: PolystepError) => void }
}

function setUp(frameBytesMax = 10_000): Setup {
  const sent: unknown[] = []
  const heard: unknown[] = []
  const writer = { waitingBytes: 0, send: (body: Uint8Array) => void sent.push(unpack(Buffer.from(body))) }
  const listener = {
    request: (...given: unknown[]) => void heard.push(['request', ...given]),
    notification: (...given: unknown[]) => void heard.push(['notification', ...given]),
    broken: (error: PolystepError) => void heard.push(['broken', error.name]),
  }
  const owner = {
    open: 0,
    errors: [] as string[],
    callStarted: () => void (owner.open += 1),
    callEnded: (error?: PolystepError) => {
      owner.open -= 1
      if (error !== undefined) owner.errors.push(error.name)
    },
  }
  return { peer: new Peer({ frameBytesMax }, writer, listener), sent, heard, writer, owner }
}

const bytes = (message: unknown[]): Buffer => Buffer.from(pack(message))

void describe('Peer', () => {
  void it('answers calls by id, in any order', async () => {
    const { peer, sent, owner } = setUp()
    const first = peer.call('state.get', { key: 'a' }, owner, ANSWER)
    const second = peer.call('emit', {}, owner, undefined)
    assert.deepEqual(sent, [[0, 1, 'state.get', { key: 'a' }], [0, 2, 'emit', {}]])
    peer.frame(bytes([1, 2, null, 'ignored']))
    peer.frame(bytes([1, 1, null, { x: 1 }]))
    assert.deepEqual([await first, await second, owner.open], [{ x: 1 }, undefined, 0])
  })

  void it("rejects with the host's error by name, code and data", async () => {
    const { peer, owner } = setUp()
    const call = peer.call('emit', {}, owner, ANSWER)
    peer.frame(bytes([1, 1, { code: 23, name: 'topic_not_declared', message: 'No.', retryable: false, data: { topic: 'x' } }, null]))
    await assert.rejects(call, { name: 'topic_not_declared', message: 'No.', code: 23, data: { topic: 'x' } })
    assert.deepEqual(owner.errors, ['topic_not_declared'])
  })

  void it('passes on requests and notifications', () => {
    const { peer, heard } = setUp()
    peer.frame(bytes([0, 7, 'step.run', { run: 'r' }]))
    peer.frame(bytes([2, 'cancel', { run: 'r' }]))
    assert.deepEqual(heard, [['request', 7, 'step.run', { run: 'r' }], ['notification', 'cancel', { run: 'r' }]])
  })

  void it('fails a call that is too large by itself and sends nothing', async () => {
    const { peer, sent, owner } = setUp(100)
    await assert.rejects(peer.call('state.set', { value: 'x'.repeat(100) }, owner, ANSWER), { name: 'frame_too_large' })
    assert.deepEqual([sent, owner.open], [[], 0])
  })

  void it('answers with frame_too_large when the answer is too large', () => {
    const { peer, sent } = setUp(300)
    peer.answer(5, 'x'.repeat(301))
    const [[kind, id, error, result]] = sent as [[number, number, { name: string; code: number }, unknown]]
    assert.deepEqual([kind, id, error.name, error.code, result], [1, 5, 'frame_too_large', 5, null])
  })

  void it('refuses an oversized request by its id', () => {
    const { peer, sent, heard } = setUp(300)
    peer.oversized(bytes([0, 70_000, 'step.run', { x: 'y' }]).subarray(0, 16), 5000)
    const [[kind, id, error]] = sent as [[number, number, { name: string }]]
    assert.deepEqual([kind, id, error.name, heard], [1, 70_000, 'frame_too_large', []])
  })

  void it('fails the call whose answer is oversized, and goes on', async () => {
    const { peer, owner } = setUp()
    const call = peer.call('state.get', {}, owner, ANSWER)
    peer.oversized(bytes([1, 1, null, 'x'.repeat(50)]).subarray(0, 16), 50_000)
    await assert.rejects(call, { name: 'frame_too_large' })
    const next = peer.call('state.get', {}, owner, ANSWER)
    peer.frame(bytes([1, 2, null, 1]))
    assert.equal(await next, 1)
  })

  void it('answers a request with an extension type by name, and goes on', () => {
    const { peer, sent, heard } = setUp()
    peer.frame(Buffer.concat([Buffer.from([0x94, 0, 9, 0xa1, 0x78, 0x81, 0xa1, 0x79]), Buffer.from('d6ff00000000', 'hex')]))
    const [[kind, id, error]] = sent as [[number, number, { name: string }]]
    assert.deepEqual([kind, id, error.name, heard], [1, 9, 'invalid_value', []])
  })

  const garbage: [name: string, body: Buffer][] = [
    ['a map', Buffer.from([0x80])],
    ['an unknown kind', bytes([3, 1, 'x', {}])],
    ['a request without params', bytes([0, 1, 'x'])],
    ['a response without an id', bytes([1, 'x', null, null])],
    ['cut bytes', Buffer.from([0x94, 0x00])],
    ['two messages in one frame', Buffer.concat([bytes([2, 'a', {}]), bytes([2, 'a', {}])])],
  ]
  for (const [name, body] of garbage) {
    void it(`breaks the channel at ${name} and fails every call`, async () => {
      const { peer, heard, owner } = setUp()
      const call = peer.call('state.get', {}, owner, ANSWER)
      peer.frame(body)
      await assert.rejects(call, { name: 'runner_gone' })
      await assert.rejects(peer.call('state.get', {}, owner, ANSWER), { name: 'runner_gone' })
      assert.deepEqual(heard, [['broken', 'runner_gone']])
    })
  }

  void it('drops notifications while the host does not read, and says how many', () => {
    const { peer, sent, writer } = setUp()
    writer.waitingBytes = 65 * 1024 * 1024
    peer.notify('log', { a: 1 })
    peer.notify('log', { a: 2 })
    assert.equal(sent.length, 0)
    writer.waitingBytes = 0
    peer.notify('log', { a: 3 })
    const [[, , note], last] = sent as [[number, string, { level: string; message: string }], unknown]
    assert.match(note.message, /^2 log lines or spans were dropped/)
    assert.deepEqual(last, [2, 'log', { a: 3 }])
  })

  void it('sends a log line without its fields when they are too large', () => {
    const { peer, sent } = setUp(400)
    peer.notify('log', { message: 'hi', fields: { text: 'x'.repeat(400) } })
    const [[, , line]] = sent as [[number, string, { message: string; fields: { note: string } }]]
    assert.equal(line.message, 'hi')
    assert.match(line.fields.note, /^The fields were left out\. The log of \d+ bytes is larger/)
  })
})
