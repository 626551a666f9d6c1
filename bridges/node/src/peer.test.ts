import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pack, unpack } from './codec.ts'
import { PolystepError } from './errors.ts'
import { Peer } from './peer.ts'

interface Setup {
  peer: Peer
  sent: unknown[]
  heard: unknown[]
  writer: { waitingBytes: number; send: (body: Uint8Array) => void }
  call: (method: string, params: Record<string, unknown>) => Promise<unknown>
  errors: (string | null)[]
}

function setUp(frameBytesMax = 10_000): Setup {
  const sent: unknown[] = []
  const heard: unknown[] = []
  const writer = { waitingBytes: 0, send: (body: Uint8Array) => void sent.push(unpack(Buffer.from(body))) }
  const listener = {
    request: (...given: unknown[]) => void heard.push(['request', ...given]),
    notification: (...given: unknown[]) => void heard.push(['notification', ...given]),
    broken: (why: string) => void heard.push(['broken', why.split(':')[0]]),
  }
  const errors: (string | null)[] = []
  const peer = new Peer(writer, listener)
  peer.frameBytesMax = frameBytesMax
  const call: Setup['call'] = (method, params) => new Promise((resolve, reject) => {
    peer.call(method, () => params, (error, answer) => {
      errors.push(error?.name ?? null)
      if (error === null) resolve(answer)
      else reject(error)
    })
  })
  return { peer, sent, heard, writer, call, errors }
}

const bytes = (message: unknown[]): Buffer => Buffer.from(pack(message))

void describe('Peer', () => {
  void it('answers calls by id, in any order', async () => {
    const { peer, sent, call, errors } = setUp()
    const first = call('state.get', { key: 'a' })
    const second = call('emit', {})
    assert.deepEqual(sent, [[0, 1, 'state.get', { key: 'a' }], [0, 2, 'emit', {}]])
    peer.frame(bytes([1, 2, null, 'given']))
    peer.frame(bytes([1, 1, null, { x: 1 }]))
    assert.deepEqual([await first, await second, errors], [{ x: 1 }, 'given', [null, null]])
  })

  void it("rejects with the host's error by name, code and data", async () => {
    const { peer, call, errors } = setUp()
    const called = call('emit', {})
    peer.frame(bytes([1, 1, { code: 23, name: 'topic_not_declared', message: 'No.', retryable: false, data: { topic: 'x' } }, null]))
    await assert.rejects(called, { name: 'topic_not_declared', message: 'No.', code: 23, data: { topic: 'x' } })
    assert.deepEqual(errors, ['topic_not_declared'])
  })

  void it('passes on requests and notifications', () => {
    const { peer, heard } = setUp()
    peer.frame(bytes([0, 7, 'step.run', { run: 'r' }]))
    peer.frame(bytes([2, 'cancel', { run: 'r' }]))
    assert.deepEqual(heard, [['request', 7, 'step.run', { run: 'r' }], ['notification', 'cancel', { run: 'r' }]])
  })

  void it('fails a call that is too large by itself and sends nothing', async () => {
    const { sent, call, errors } = setUp(100)
    await assert.rejects(call('state.set', { value: 'x'.repeat(100) }), { name: 'frame_too_large' })
    assert.deepEqual([sent, errors], [[], ['frame_too_large']])
  })

  void it('answers with frame_too_large when the answer is too large', () => {
    const { peer, sent } = setUp(300)
    peer.answer(5, 'x'.repeat(301))
    const [[kind, id, error, result]] = sent as [[number, number, { name: string; code: number }, unknown]]
    assert.deepEqual([kind, id, error.name, error.code, result], [1, 5, 'frame_too_large', 5, null])
  })

  void it('refuses an oversized request by its id', () => {
    const { peer, sent, heard } = setUp(300)
    peer.frame(bytes([0, 70_000, 'step.run', { x: 'y' }]).subarray(0, 16), 5000)
    const [[kind, id, error]] = sent as [[number, number, { name: string }]]
    assert.deepEqual([kind, id, error.name, heard], [1, 70_000, 'frame_too_large', []])
  })

  void it('fails the call whose answer is oversized, and goes on', async () => {
    const { peer, call } = setUp()
    const called = call('state.get', {})
    peer.frame(bytes([1, 1, null, 'x'.repeat(50)]).subarray(0, 16), 50_000)
    await assert.rejects(called, { name: 'frame_too_large' })
    const next = call('state.get', {})
    peer.frame(bytes([1, 2, null, 1]))
    assert.equal(await next, 1)
  })

  void it('answers a request with an extension type by name, and goes on', () => {
    const { peer, sent, heard } = setUp()
    peer.frame(Buffer.concat([Buffer.from([0x94, 0, 9, 0xa1, 0x78, 0x81, 0xa1, 0x79]), Buffer.from('d6ff00000000', 'hex')]))
    const [[kind, id, error]] = sent as [[number, number, { name: string }]]
    assert.deepEqual([kind, id, error.name, heard], [1, 9, 'invalid_value', []])
  })

  const unusable: [name: string, body: Buffer][] = [
    ['a key that is a number', Buffer.from('940009a178810101', 'hex')],
    ['bytes behind it', Buffer.concat([bytes([0, 9, 'x', {}]), Buffer.from([0xc0])])],
    ['the unused byte', Buffer.from('940009a178c1', 'hex')],
    ['less bytes than it needs', Buffer.from('dc0004cc00cd0009a1788181', 'hex')],
  ]
  for (const [name, body] of unusable) {
    void it(`answers a request with ${name} as invalid_value, and goes on`, () => {
      const { peer, sent, heard } = setUp()
      peer.frame(body)
      const [[kind, id, answer]] = sent as [[number, number, { name: string }]]
      assert.deepEqual([kind, id, answer.name, heard], [1, 9, 'invalid_value', []])
      peer.frame(bytes([0, 10, 'x', {}]))
      assert.equal(heard.length, 1)
    })
  }

  void it('fails the call whose answer cannot be read, and drops one that nobody waits for', async () => {
    const { peer, heard, call } = setUp()
    const called = call('state.get', {})
    peer.frame(Buffer.from('940163c0d6ff00000000', 'hex'))
    peer.frame(Buffer.from('940101c0d6ff00000000', 'hex'))
    await assert.rejects(called, { name: 'invalid_value' })
    assert.deepEqual(heard, [])
  })

  void it('takes an error that is no map of an error as internal, and an unknown one by its name', async () => {
    const { peer, call } = setUp()
    for (const [index, error] of ['no', { code: '1', name: 'x', message: 'y' }, []].entries()) {
      const called = call('state.get', {})
      peer.frame(bytes([1, index + 1, error, null]))
      await assert.rejects(called, { name: 'internal', code: 1, retryable: true, message: /malformed error/ })
    }
    const called = call('state.get', {})
    peer.frame(bytes([1, 4, { code: 999, name: 'new', message: 'new', retryable: true, data: {} }, null]))
    await assert.rejects(called, { name: 'new', code: 999, retryable: true })
    const bare = call('state.get', {})
    peer.frame(bytes([1, 5, {}, null]))
    await assert.rejects(bare, { name: 'internal', code: 1, message: '', retryable: true })
  })

  const notifications: [name: string, body: Buffer][] = [
    ['bytes behind it', Buffer.concat([bytes([2, 'a', {}]), bytes([2, 'a', {}])])],
    ['an extension type', Buffer.from('9302a178d6ff00000000', 'hex')],
  ]
  for (const [name, body] of notifications) {
    void it(`drops a notification with ${name}`, () => {
      const { peer, sent, heard } = setUp()
      peer.frame(body)
      peer.frame(bytes([2, 'a'.repeat(100), {}]).subarray(0, 32), 50_000)
      assert.deepEqual([sent, heard], [[], []])
    })
  }

  void it('answers what a request handler throws, an own error as it is', () => {
    const sent: unknown[] = []
    const thrown: unknown[] = [PolystepError.own('invalid_params', 'No.'), new TypeError('a mistake')]
    const listener = { request: () => { throw thrown.shift() }, notification: () => undefined, broken: () => undefined }
    const peer = new Peer({ waitingBytes: 0, send: (body) => sent.push(unpack(Buffer.from(body))) }, listener)
    peer.frame(bytes([0, 1, 'x', {}]))
    peer.frame(bytes([0, 2, 'x', {}]))
    assert.deepEqual(sent.map((message) => (message as [0, 0, { name: string }])[2].name), ['invalid_params', 'internal'])
  })

  void it('cuts errors and log lines so that they fit into the smallest frame', () => {
    const { peer, sent } = setUp(1024)
    peer.answer(1, null, PolystepError.own('step_failed', 'é'.repeat(2000), { stack: 'x'.repeat(5000) }))
    peer.notify('log', { run: 'r', level: 'info', message: 'é'.repeat(2000), time_ms: 1, source: 'output' })
    const [[, , error], [, , line]] = sent as [[number, number, { name: string }], [number, string, { message: string }]]
    assert.deepEqual([error.name, line.message], ['frame_too_large', 'é'.repeat(200)])
  })

  const garbage: [name: string, body: Buffer][] = [
    ['a map', Buffer.from([0x80])],
    ['an unknown kind', bytes([3, 1, 'x', {}])],
    ['a request without params', bytes([0, 1, 'x'])],
    ['a response without an id', bytes([1, 'x', null, null])],
    ['a request with five members', bytes([0, 1, 'x', {}, null])],
    ['cut bytes', Buffer.from([0x94, 0x00])],
    ['no bytes', Buffer.alloc(0)],
  ]
  for (const [name, body] of garbage) {
    void it(`breaks the channel at ${name} and fails every call`, async () => {
      const { peer, heard, call } = setUp()
      const called = call('state.get', {})
      peer.frame(body)
      await assert.rejects(called, { name: 'runner_gone' })
      await assert.rejects(call('state.get', {}), { name: 'runner_gone' })
      assert.deepEqual(heard, [['broken', 'The channel to the host is broken']])
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
    assert.match(line.fields.note, /^The fields were left out\. log: A message of \d+ bytes is larger/)
  })
})
