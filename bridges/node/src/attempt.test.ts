/** Runs of handlers in the bridge as a process: what they are given, what they call and print, how they end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, describe, it } from 'node:test'
import { pack } from './codec.ts'
import { CHILDREN, descriptorsIn, FakeHost, makeProject, type Members, step } from './tests/fake-host.ts'

async function addressOf(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

// One handler per behaviour, so that one process serves most tests.
const FILES: Record<string, string> = {
  'steps/echo.step.ts': step('return { input, traceId: ctx.traceId, flows: ctx.flows, attempt: ctx.attempt, keys: Object.keys(ctx) }'),
  'steps/calls.step.ts': step(`
    const value = { n: 1 }
    return {
      same: (await ctx.state.set('g', 5, value)) === value,
      got: await ctx.state.get('g', 'k'), old: await ctx.state.delete('g', 'k'), all: await ctx.state.getGroup('g'),
      cleared: (await ctx.state.clear('g')) === undefined,
      emitted: (await ctx.emit({ topic: 't', data: { at: new Date(0) }, messageGroupId: 'm' })) === undefined,
      older: (await ctx.emit({ type: 'o', data: 1 })) === undefined,
      item: await ctx.streams.chat.set('g', 'i', { a: undefined, b: 1 }), one: await ctx.streams['chat'].get('g', 'i'),
      items: await ctx.streams.chat.getGroup('g'), gone: await ctx.streams.chat.delete('g', 'i'),
      sent: (await ctx.streams.chat.send({ groupId: 'g' }, { type: 'ping', data: 1 })) === undefined,
    }`),
  'steps/proxy.step.ts': step(`
    const awaited = await ctx.streams
    return [awaited === ctx.streams, typeof ctx.streams.then, String(ctx.streams), require('util').inspect(ctx.streams), JSON.stringify({ s: ctx.streams })]`),
  'steps/throw.step.ts': step(`throw new RangeError('too far', { cause: new Error('deep') })`),
  'steps/throw-text.step.ts': step(`throw 'only text'`),
  'steps/throw-several.step.ts': step(`
    throw new AggregateError([
      new TypeError('one'), 'two'], 'many')`),
  'steps/throw-class.step.ts': step(`class CardDeclined extends Error {}; throw new CardDeclined('no cover')`),
  'steps/wrong.step.ts': step(`await Promise.resolve(); await eval(input)`),
  'steps/floating.step.ts': step(`void ctx.emit({ topic: 'a' }).then(() => ctx.emit({ topic: 'b' })); ctx.state.set('g', 'k', 1); return 'early'`),
  'steps/floating-late.step.ts': step(`const call = ctx.emit({ topic: 'a' }); await ctx.state.get('g', 'k'); await delay(5); try { await call } catch (e: any) { return [e instanceof Error, e.name, e.code, e.data] }`),
  'steps/floating-caught.step.ts': step(`ctx.emit({ topic: 'a' }).catch(() => undefined); return 'ok'`),
  'steps/exit.step.ts': step(`if (input === 'caught') { try { process.exit(3) } catch {} return 'went on' } if (input === 'later') { setTimeout(() => process.exit(), 1); await new Promise(() => {}) } process.exit(1)`),
  'steps/uncaught.step.ts': step(`setTimeout(() => { throw new Error('in a timer') }, 1); await new Promise(() => {})`),
  'steps/rejected.step.ts': step(`void Promise.reject(new Error('nobody looks')); await delay(1); return 'ok'`),
  'steps/hang.step.ts': step(`ctx.signal.addEventListener('abort', () => { console.log('aborted: ' + ctx.signal.reason.message) }); console.log('hanging'); await new Promise(() => {})`),
  'steps/slow.step.ts': step(`console.log('slow'); await ctx.state.get('g', 'k'); return 'done'`),
  'steps/print.step.ts': step(`
    console.log('a %s', 'b', { c: 1 }); console.warn('careful'); console.error('bad'); console.debug('fine')
    process.stdout.write('half '); await delay(1); process.stdout.write('line\\ntail')
    process.stdout.write(Buffer.from('é').subarray(0, 1)); process.stdout.write(Buffer.from('é').subarray(1))
    console.error('x'.repeat(20000))`),
  'steps/log.step.ts': step(`
    const heard: unknown[] = []; ctx.logger.addListener((...all: unknown[]) => heard.push(all))
    ctx.logger.info('hi', { a: 1, e: new TypeError('t'), n: 10n }); ctx.logger.error('failed', new Error('direct')); ctx.logger.warn('bare'); ctx.logger.debug('n', 5)
    return heard.length`),
  'steps/odd.step.ts': step(`return { map: new Map([['a', 1]]), count: 1n }`),
  'steps/too-large.step.ts': step(`return { status: 200, body: 'x'.repeat(input) }`),
  'steps/ask-model.step.ts': step(`
    const { url, how } = input
    const response = await fetch(url, { method: 'POST', body: '{"model":"m","stream":false}' })
    if (how === 'json') return JSON.stringify(await response.json())
    if (how === 'text') return response.text()
    if (how === 'arrayBuffer') return new TextDecoder().decode(await response.arrayBuffer())
    if (how === 'none') return null
    let text = ''
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) text += chunk
    return text
  `),
  'steps/fetch.step.ts': step(`
    const http = require('node:http')
    await (await fetch(input + '/fetched?key=secret', { method: 'POST', body: 'x' })).text()
    await new Promise((done) => http.get(input.replace('//', '//user:pass@') + '/got?key=secret', (r: any) => { r.resume(); r.on('end', done) }))
    await fetch(ctx.flows[0] + '/refused').catch(() => undefined)`),
  'steps/children.step.ts': CHILDREN,
  'steps/emit.step.ts': step(`if (input === 'rethrow') await ctx.emit({ topic: 'a' }); else ctx.emit({ topic: 'a' })`),
  'steps/hostile.step.ts': step(`
    const fail = (): never => { throw new Error('no') }
    if (input === 'nothing') throw undefined
    if (input === 'long') throw Object.assign(new Error('é'.repeat(40_000)), { name: 'N'.repeat(2000) })
    throw new Proxy(new Error('x'), { get: fail })`),
  'steps/void.step.ts': step(`await null`),
  'steps/none.step.ts': `export const config = { type: 'noop', name: 'N' }`,
  'steps/sync.step.ts': `export const config = { type: 'api', name: 'S' }; export const handler = (req: any) => ({ status: 200, body: req.body })`,
  'steps/cron.step.ts': `export const config = { type: 'cron', name: 'C', cron: '* * * * *' }; export const handler = async (ctx: any) => ctx.emit({ topic: ctx.traceId, data: ctx.scheduledAt?.toISOString() })`,
  'steps/layers.step.ts': `
const layer = (name: string) => async (req: any, ctx: any, next: any) => { req.path.push(name); const answer = await next(); return { ...answer, body: [...answer.body, name] } }
const guard = async (req: any, ctx: any, next: any) => { if (req.twice) { await next(); return next() } return req.stop ? { status: 401, body: ['stopped'] } : next() }
export const config = { type: 'api', name: 'L', middleware: [layer('outer'), guard, layer('inner')] }
export const handler = (req: any) => ({ status: 200, body: [...req.path] })`,
}

void describe('a runner process', () => {
  let project: string
  let host: FakeHost
  before(async () => {
    project = makeProject(FILES)
    host = new FakeHost(project)
    await host.hello()
    for (const file of Object.keys(FILES)) await host.load(file)
  })
  afterEach(() => {
    host.calls.length = host.notes.length = 0
    for (const method of Object.keys(host.answers)) Reflect.deleteProperty(host.answers, method)
  })
  after(async () => {
    host.end()
    try { await host.exit() } finally { host.kill() }
    rmSync(project, { recursive: true })
  })
  const denied = (name: string) => (): never => {
    // What a host sends is a map, not an Error.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw { code: 23, name, message: 'Not in emits.', retryable: false, data: { topic: 'a' } }
  }

  void it('gives the handler its input and context', async () => {
    assert.deepEqual(await host.run('steps/echo.step.ts', { a: [1] }, { attempt: 2 }), {
      input: { a: [1] }, traceId: 'trace', flows: ['f'], attempt: 2,
      keys: ['traceId', 'flows', 'logger', 'state', 'emit', 'once', 'sleep', 'ask', 'callback', 'waitFor', 'call', 'answer', 'streams', 'attempt', 'signal'],
    })
  })

  void it('makes every call of the context as the protocol says', async () => {
    const all: Record<string, unknown> = { 'state.get': 1, 'state.get_group': [1], 'streams.set': { b: 1, id: 'i' }, 'streams.get_group': [], emit: 'x' }
    for (const [method, answer] of Object.entries(all)) host.answers[method] = () => answer
    assert.deepEqual(await host.run('steps/calls.step.ts', null, { run: 'R' }), {
      same: true, got: 1, old: null, all: [1], cleared: true, emitted: true, older: true, item: { b: 1, id: 'i' }, one: null, items: [], gone: null, sent: true,
    })
    const stream = { run: 'R', stream: 'chat', group: 'g' }
    assert.deepEqual(host.calls, [
      ['state.set', { run: 'R', group: 'g', key: '5', value: { n: 1 } }],
      ['state.get', { run: 'R', group: 'g', key: 'k' }],
      ['state.delete', { run: 'R', group: 'g', key: 'k' }],
      ['state.get_group', { run: 'R', group: 'g' }],
      ['state.clear', { run: 'R', group: 'g' }],
      ['emit', { run: 'R', topic: 't', data: { at: '1970-01-01T00:00:00.000Z' }, message_group_id: 'm' }],
      ['emit', { run: 'R', topic: 'o', data: 1 }],
      ['streams.set', { ...stream, id: 'i', data: { b: 1 } }],
      ['streams.get', { ...stream, id: 'i' }],
      ['streams.get_group', stream],
      ['streams.delete', { ...stream, id: 'i' }],
      ['streams.send', { ...stream, event: { type: 'ping', data: 1 } }],
    ])
  })

  void it('lets streams be awaited, printed and packed without becoming something else', async () => {
    assert.deepEqual(await host.run('steps/proxy.step.ts', null), [true, 'undefined', '[object Object]', '{}', '{"s":{}}'])
  })

  void it('answers a throw with name, message, the frames of the step, and the cause', async () => {
    const error = await host.fails('steps/throw.step.ts', null)
    assert.deepEqual([error.name, error.message, error.data.message, error['retryable']], ['step_failed', 'RangeError: too far', 'too far', true])
    assert.match(error.data.stack, /^RangeError: too far\n\s+at .*steps\/throw\.step\.ts:4:\d+/)
    assert.match(error.data.stack, /\nCaused by: Error: deep\n/)
    assert.doesNotMatch(error.data.stack, /bridges\/node\/src|node:internal|node:async_hooks/)
    const several = await host.fails('steps/throw-several.step.ts', null)
    assert.match(several.data.stack, /^AggregateError: many\n.*throw-several\.step\.ts:5:\d+.*\nError 1 of 2: TypeError: one\n.*\.ts:6:.*\nError 2 of 2: two$/s)
    const text = await host.fails('steps/throw-text.step.ts', null)
    assert.deepEqual(text.data, { name: 'string', message: 'only text', stack: '' })
    const unnamed = await host.fails('steps/throw-class.step.ts', null)
    assert.deepEqual([unnamed.data.name, unnamed.data.message], ['CardDeclined', 'no cover'])
  })

  const wrong: [call: string, message: RegExp][] = [
    [`ctx.emit('topic', {})`, /^emit: emit takes one object: await emit\(\{ topic: .* it was given 'topic'/],
    [`ctx.emit({ data: 1 })`, /^emit: emit takes one object.* it was given \{ data: 1 \}/],
    [`ctx.emit({ topic: 't', data: { items: [{}, { total: NaN }] } })`, /^emit: data\.items\[1\]\.total cannot be carried: NaN/],
    [`ctx.state.set('g', 'k', undefined)`, /^state\.set: the value must not be undefined/],
    [`ctx.state.get('g')`, /^state\.get: key must be a string, not undefined/],
    [`ctx.state.set('g', 'k', 1n)`, /^state\.set: value cannot be carried: BigInt/],
    [`ctx.streams.chat.set('g', 'i', new Set())`, /^streams\.set: data cannot be carried: Set/],
    [`ctx.streams.chat.send('g', { type: 'x' })`, /^streams\.send: groupId must be a string/],
    [`ctx.emit({ topic: 't', data: { get x() { throw new Error('getter') } } })`, /^emit: reading the value threw: Error: getter/],
  ]
  for (const [call, message] of wrong) {
    void it(`rejects ${call}`, async () => {
      const error = await host.fails('steps/wrong.step.ts', call)
      assert.match(error.data.message, message)
      assert.deepEqual(host.calls, [])
    })
  }

  void it('waits for calls that the handler did not await, and for those that they lead to', async () => {
    assert.equal(await host.run('steps/floating.step.ts', null), 'early')
    assert.deepEqual(host.calls.map(([method, params]) => params['topic'] ?? method), ['a', 'state.set', 'b'])
  })

  void it('fails the run when a call that nobody looks at is refused', async () => {
    host.answers['emit'] = denied('topic_not_declared')
    const error = await host.fails('steps/floating.step.ts', null)
    assert.deepEqual([error.name, error.data.name], ['step_failed', 'topic_not_declared'])
    assert.equal(error.data.message, 'A call that the handler did not await failed: Not in emits.')
    assert.deepEqual(host.notes, [])
  })

  void it('does not fail the run when the refusal was caught, at once or later', async () => {
    host.answers['emit'] = denied('topic_not_declared')
    assert.equal(await host.run('steps/floating-caught.step.ts', null), 'ok')
    assert.deepEqual(await host.run('steps/floating-late.step.ts', null), [true, 'topic_not_declared', 23, { topic: 'a' }])
    assert.deepEqual(host.notes, [])
  })

  for (const [input, message] of [['now', 'process.exit(1)'], ['caught', 'process.exit(3)'], ['later', 'process.exit()']] as const) {
    void it(`takes process.exit (${input}) as the failure of that run only`, async () => {
      const error = await host.fails('steps/exit.step.ts', input)
      assert.equal(error.name, 'step_failed')
      assert.ok(error.data.message.startsWith(`${message} was called in a handler`), error.message)
      assert.equal(await host.run('steps/void.step.ts', null), null)
    })
  }

  void it('fails the run of an exception in a timer, and logs it', async () => {
    const error = await host.fails('steps/uncaught.step.ts', null, { run: 'U' })
    assert.equal(error.data.message, 'in a timer')
    const line = await host.logged('Uncaught exception in steps/uncaught.step.ts: Error: in a timer')
    assert.deepEqual([line['run'], line['level'], line['source']], ['U', 'error', 'output'])
  })

  void it("logs an unhandled rejection of user code's own promise with its run", async () => {
    assert.equal(await host.run('steps/rejected.step.ts', null, { run: 'J' }), 'ok')
    assert.equal((await host.logged('Unhandled rejection in steps/rejected.step.ts: Error: nobody looks'))['run'], 'J')
  })

  void it('answers a cancelled run at once and fires its signal', async () => {
    const run = host.run('steps/hang.step.ts', null, { run: 'H' })
    await host.logged('hanging')
    host.send([2, 'cancel', { run: 'unknown', reason: 'x' }])
    host.send([2, 'cancel', { run: 'H', reason: 'it took too long' }])
    await assert.rejects(run, { code: 11, name: 'cancelled', message: 'The run was cancelled: it took too long.' })
    assert.equal((await host.logged('aborted: The run was cancelled: it took too long.'))['run'], 'H')
  })

  void it('answers drain when the open runs are answered', async () => {
    const order: string[] = []
    const run = host.run('steps/slow.step.ts', null).then(() => order.push('run'))
    const drained = host.call('drain', {}).then(() => order.push('drain'))
    await Promise.all([run, drained])
    assert.deepEqual(order, ['run', 'drain'])
    assert.equal(await host.call('drain', {}), null)
  })

  void it('runs the next runs while one waits', async () => {
    const results = await Promise.all(Array.from({ length: 100 }, (_, n) => host.run('steps/echo.step.ts', n)))
    assert.deepEqual(results.map((result) => (result as Members)['input']), Array.from({ length: 100 }, (_, n) => n))
  })

  void it('attributes what is printed to its run, by level and line', async () => {
    await host.run('steps/print.step.ts', null, { run: 'P' })
    const lines = host.notes.map(([, line]) => [line['run'], line['level'], line['message'], line['source']].join(' '))
    assert.deepEqual(lines, [
      'P info a b { c: 1 } output',
      'P warn careful output',
      'P error bad output',
      'P debug fine output',
      'P info half line output',
      `P error ${'x'.repeat(16_384)} output`,
      `P error ${'x'.repeat(3616)} output`,
      'P info tailé output',
    ])
    assert.deepEqual([host.stdout, host.stderr], ['', ''])
  })

  void it('sends log lines with errors and odd values as fields', async () => {
    assert.equal(await host.run('steps/log.step.ts', null, { run: 'L' }), 4)
    const [info, failed, bare, number] = host.notes.map(([, line]) => line) as [Members, Members, Members, Members]
    const { e, ...fields } = info['fields'] as { e: Members }
    assert.deepEqual([info['message'], info['level'], info['run'], info['source'], fields], ['hi', 'info', 'L', 'logger', { a: 1, n: '10n' }])
    assert.deepEqual([e['name'], e['message'], typeof e['stack']], ['TypeError', 't', 'string'])
    assert.equal((failed['fields'] as { error: Members }).error['message'], 'direct')
    assert.equal('fields' in bare, false)
    assert.deepEqual(number['fields'], { data: 5 })
  })

  void it('refuses odd values of api handlers by path', async () => {
    const error = await host.fails('steps/odd.step.ts', null)
    assert.deepEqual([error.name, error.data], ['invalid_value', { type: 'Map', path: 'result.map' }])
  })

  void it('refuses an answer above the frame limit by name and goes on', async () => {
    const error = await host.fails('steps/too-large.step.ts', 17 * 1024 * 1024)
    assert.equal(error.name, 'frame_too_large')
    const large = (await host.run('steps/too-large.step.ts', 8 * 1024 * 1024)) as { body: string }
    assert.equal(large.body.length, 8 * 1024 * 1024)
  })

  void it('refuses a request above the frame limit by its id and goes on', async () => {
    const body = Buffer.from(pack([0, 9_999, 'step.run', { input: 'x'.repeat(16_777_216) }]))
    const head = Buffer.alloc(4)
    head.writeUInt32BE(body.length)
    host.raw(Buffer.concat([head, body]))
    assert.deepEqual(await host.run('steps/void.step.ts', null), null)
  })

  void it('reports outgoing HTTP calls without query and credentials', async () => {
    const server = createServer((request, response) => { request.resume().on('end', () => response.writeHead(201).end('body')) })
    const address = await addressOf(server)
    const closed = createServer()
    const nobody = `http://${await addressOf(closed)}`
    await new Promise((resolve) => closed.close(resolve))
    await host.run('steps/fetch.step.ts', `http://${address}`, { run: 'F', flows: [nobody] })
    const spans = await host.until(() => {
      const found = host.notes.filter(([method]) => method === 'span').map(([, span]) => span)
      return found.length === 3 ? found : undefined
    }, 'three spans')
    server.close()
    server.closeAllConnections()
    const [fetched, got, refused] = spans as [Members, Members, Members]
    assert.deepEqual([fetched['run'], fetched['type'], fetched['name']], ['F', 'http', `POST ${address}/fetched`])
    assert.deepEqual(fetched['attributes'], { method: 'POST', url: `http://${address}/fetched`, status: 201 })
    assert.deepEqual(got['attributes'], { method: 'GET', url: `http://${address}/got`, status: 201 })
    assert.deepEqual([refused['attributes'], typeof refused['error']], [{ method: 'GET', url: `${nobody}/refused` }, 'string'])
    assert.ok(Number(fetched['duration_ms']) > 0 && Number(fetched['start_ms']) > 1.6e12)
  })

  void it('tells of a call that lasts, and of a model again as its answer grows', async () => {
    let write: (text: string) => void = () => undefined
    let finish: () => void = () => undefined
    const server = createServer((request, response) => {
      request.resume().on('end', () => { response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders() })
      write = (text) => response.write(text)
      finish = () => { response.end() }
    })
    const address = await addressOf(server)
    const told = (count: number) => host.until(() => {
      const found = host.notes.filter(([method, { run }]) => method === 'span.open' && run === 'L').map(([, open]) => open)
      return found.length >= count ? found : undefined
    }, `${count} notices`)
    const running = host.run('steps/ask-model.step.ts', { url: `http://${address}/v1/chat/completions`, how: 'body' }, { run: 'L' })
    const [first] = await told(1)
    assert.deepEqual([first?.['received'], first?.['type'], first?.['name']], [0, 'http', `POST ${address}/v1/chat/completions`])
    assert.deepEqual(first?.['attributes'], { method: 'POST', url: `http://${address}/v1/chat/completions` })
    write('{"model"')
    const [, second] = await told(2)
    assert.deepEqual([second?.['received'], second?.['open']], [8, first['open']])
    write(':"m"}')
    finish()
    await running
    const span = await host.until(() => host.notes.find(([method, { run }]) => method === 'span' && run === 'L')?.[1], 'the span')
    assert.equal(span['open'], first['open'])
    server.close()
    server.closeAllConnections()
  })

  void it('keeps what a model was asked and answered', async () => {
    const server = createServer((request, response) => { request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{"model":"m"}')) })
    const address = await addressOf(server)
    for (const how of ['json', 'text', 'arrayBuffer', 'body', 'none']) {
      const got = await host.run('steps/ask-model.step.ts', { url: `http://${address}/v1/chat/completions`, how }, { run: how })
      assert.equal(got, how === 'none' ? null : '{"model":"m"}', how)
    }
    const spans = await host.until(() => {
      const found = host.notes.filter(([method]) => method === 'span').map(([, span]) => span)
      return found.length === 5 ? found : undefined
    }, 'five spans')
    server.close()
    server.closeAllConnections()
    for (const { run, exchange } of spans as { run: string, exchange: Members }[]) {
      assert.deepEqual([exchange['request'], exchange['response']], ['{"model":"m","stream":false}', run === 'none' ? '' : '{"model":"m"}'], run)
    }
  })

  void it('calls middleware from the outside in, each with its own next', async () => {
    assert.deepEqual(await host.run('steps/layers.step.ts', { path: [] }), { status: 200, body: ['outer', 'inner', 'inner', 'outer'] })
    assert.deepEqual(await host.run('steps/layers.step.ts', { path: [], stop: true }), { status: 401, body: ['stopped', 'outer'] })
    const error = await host.fails('steps/layers.step.ts', { path: [], twice: true })
    assert.equal(error.data.message, 'next() was called twice in middleware 2 of steps/layers.step.ts; call it once.')
  })

  void it('takes handlers that are not async, and cron handlers with the context only', async () => {
    assert.deepEqual(await host.run('steps/sync.step.ts', { body: Buffer.from('b') }), { status: 200, body: Buffer.from('b') })
    await host.run('steps/cron.step.ts', null, { type: 'cron', trace_id: 'alone' })
    assert.deepEqual(host.calls.map(([method, { topic }]) => [method, topic]), [['emit', 'alone']])
  })

  void it('tells a cron handler for which time it runs', async () => {
    await host.run('steps/cron.step.ts', null, { type: 'cron', trace_id: 'alone', scheduled_ms: 1_700_000_000_000 })
    assert.deepEqual(host.calls.map(([, { data }]) => data), ['2023-11-14T22:13:20.000Z'])
  })

  void it('says what is missing: the handler, the load, the method', async () => {
    const none = await host.fails('steps/none.step.ts', null)
    assert.match(none.message, /^steps\/none\.step\.ts exports no handler/)
    assert.equal(none.name, 'invalid_params')
    const unloaded = await host.fails('steps/nowhere.step.ts', null)
    assert.deepEqual([unloaded.name, unloaded.message], ['invalid_params', 'steps/nowhere.step.ts is not loaded in this runner; send step.load first.'])
    await assert.rejects(host.run('steps/echo.step.ts', null, { run: null }), { name: 'invalid_params', message: 'step.run needs "run", of type text.' })
    await assert.rejects(host.call('state.peek', {}), { name: 'method_not_found', code: 2 })
  })

  void it('gives the error of a call the line of the handler that awaits it', async () => {
    host.answers['emit'] = denied('topic_not_declared')
    const refused = await host.fails('steps/emit.step.ts', 'rethrow')
    assert.match(refused.data.stack, /^topic_not_declared: .*\n\s+at async .*steps\/emit\.step\.ts:\d+:\d+/)
    const own = await host.fails('steps/wrong.step.ts', `ctx.state.get('g')`)
    assert.match(own.data.stack, /^invalid_params: .*\n.*steps\/wrong\.step\.ts:\d+:\d+/s)
  })

  void it('keeps what the host says of trying again, and answers what cannot be described', async () => {
    host.answers['emit'] = denied('topic_not_declared')
    const refused = await host.fails('steps/emit.step.ts', 'rethrow')
    assert.deepEqual([refused.name, refused['retryable'], refused.data.name], ['step_failed', false, 'topic_not_declared'])
    assert.equal((await host.fails('steps/emit.step.ts', 'floating'))['retryable'], false)
    const own = await host.fails('steps/wrong.step.ts', `ctx.state.get('g')`)
    assert.deepEqual([own.name, own['retryable'], own.data.name], ['step_failed', false, 'invalid_params'])
    assert.deepEqual((await host.fails('steps/hostile.step.ts', 'getters')).data, { name: '', message: '', stack: '' })
    assert.deepEqual((await host.fails('steps/hostile.step.ts', 'nothing')).data, { name: 'undefined', message: 'undefined', stack: '' })
    const long = (await host.fails('steps/hostile.step.ts', 'long')).data
    assert.deepEqual([long.name.length, long.message.length, long.stack.length], [1000, 16_384, 32_768])
  })

  void it('does not fail a run whose value has no meaning, however large or odd', async () => {
    for (const type of ['event', 'cron']) {
      for (const file of ['odd', 'void', 'too-large']) assert.equal(await host.run(`steps/${file}.step.ts`, 17 * 1024 * 1024, { type }), null)
    }
  })

  void it('sends text for numbers, and refuses other keys', async () => {
    await host.run('steps/wrong.step.ts', `Promise.all([ctx.emit({ topic: 5, messageGroupId: 7n }), ctx.streams.s.send({ groupId: 1, id: 2 }, { type: 3 }), ctx.state.set('g', 'k', () => 1), ctx.streams.s.set('g', 'i')])`)
    assert.deepEqual(host.calls.map(([, { run, ...params }]) => [typeof run, params]), [
      ['string', { topic: '5', data: null, message_group_id: '7' }],
      ['string', { stream: 's', group: '1', id: '2', event: { type: '3', data: null } }],
      ['string', { group: 'g', key: 'k', value: null }],
      ['string', { stream: 's', group: 'g', id: 'i', data: null }],
    ])
    for (const key of ['true', 'null', '{}', '[]']) {
      assert.match((await host.fails('steps/wrong.step.ts', `ctx.state.get('g', ${key})`)).data.message, /^state\.get: key must be a string, not /)
    }
    assert.match((await host.fails('steps/wrong.step.ts', `ctx.state.get('\\ud800', 'k')`)).data.message, /^state\.get: group cannot be carried: string/)
  })

  void it('refuses params that are not what a method needs, and a run that is open', async () => {
    const invalid = { name: 'invalid_params', code: 3, retryable: false }
    await assert.rejects(host.hello(), invalid)
    await assert.rejects(host.call('step.load', { kind: 'step' }), invalid)
    await assert.rejects(host.call('step.load', { file: 5, kind: 'step' }), invalid)
    for (const more of [{ file: null }, { type: 5 }, { attempt: '1' }, { trace_id: null }]) {
      await assert.rejects(host.run('steps/echo.step.ts', null, more), invalid)
    }
    for (const params of [[], Buffer.from('x'), null]) await assert.rejects(host.call('drain', params as never), invalid)
    await assert.rejects(host.call(5 as never, {}), { name: 'method_not_found' })
    for (const message of [[2, 5, {}], [2, 'cancel', []]]) host.send(message)
    const run = host.run('steps/hang.step.ts', null, { run: 'O' })
    await assert.rejects(host.run('steps/hang.step.ts', null, { run: 'O' }), { ...invalid, message: 'The run O is open already.' })
    host.send([2, 'cancel', { run: 'O', reason: 'x' }])
    await assert.rejects(run, { name: 'cancelled' })
  })

  void it('answers an id below 0 with an error', async () => {
    host.send([0, -1, 'drain', {}])
    const error = await host.until(() => host.refusals.get(-1), 'the refusal')
    assert.equal(error.name, 'invalid_params')
  })

  void it('gives child processes neither the channel nor its name', { skip: process.platform !== 'linux' }, async () => {
    const listing = String(await host.run('steps/children.step.ts', null))
    assert.deepEqual(descriptorsIn(listing), [0, 1, 2, 3])
    assert.match(listing, / 3 -> \/proc\//)
    assert.match(listing, /channel=\n/)
  })
})
