/** The life of the bridge as a process: from hello to its end, whatever user code, the channel or the host does. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { pack } from './codec.ts'
import { CHILDREN, type ChannelKind, COMMAND, descriptorsIn, FakeHost, makeProject, step, within } from './tests/fake-host.ts'

const NOISE = step(`require('node:fs').writeSync(1, 'raw\\n'); console.log('noise'); return 'quiet'`)

void describe('the life of a runner process', () => {
  const projects: string[] = []
  const hosts: FakeHost[] = []
  const start = (files: Record<string, string> = {}, kind: ChannelKind = 'private'): FakeHost => {
    const project = makeProject(files)
    projects.push(project)
    const host = new FakeHost(project, kind)
    hosts.push(host)
    return host
  }
  after(() => {
    for (const host of hosts) host.kill()
    for (const project of projects) rmSync(project, { recursive: true })
  })

  void it('answers hello first, refuses other requests before it, and names itself', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
    const host = start()
    await assert.rejects(host.call('drain', {}), { name: 'invalid_params', message: '"hello" comes first, and there is only one.' })
    assert.deepEqual(await host.hello({ protocol: '1.7', features: ['x'] }), {
      protocol: '1.0', runner: { name: 'polystep-node', version }, language: 'node', pid: host.child.pid,
      runs_max: 128, streams_max: 2048, frame_bytes_max: 16_777_216, features: ['access', 'contracts', 'durable', 'emit.options', 'heartbeat', 'integers', 'middleware', 'pages', 'response.stream', 'update'],
    })
    await assert.rejects(host.hello({ protocol: '2.0' }), { name: 'invalid_params' })
    host.end()
    assert.deepEqual(await host.exit(), [0, null])
  })

  void it('refuses another major version and says which side to update', async () => {
    const host = start()
    await assert.rejects(host.hello({ protocol: '2.0' }), { code: 6, name: 'protocol_mismatch', message: /Update this runner/ })
    await assert.rejects(host.hello({ protocol: '0.9' }), { message: /Update the host/ })
    for (const protocol of [undefined, null, 1, '1', '1.x', '1.0.0', '']) {
      await assert.rejects(host.hello({ protocol }), { name: 'protocol_mismatch', data: { protocol: '1.0' } })
    }
    await assert.rejects(host.call('nothing', {}), { name: 'invalid_params' })
    await host.hello()
    await assert.rejects(host.call('nothing', {}), { name: 'method_not_found' })
    host.end()
    assert.deepEqual(await host.exit(), [0, null])
  })

  void it('leaves with 0 after shutdown, also when an exit listener throws', async () => {
    const host = start({ 'steps/a.step.ts': `process.on('exit', () => { throw new Error('x') }); setInterval(() => {}, 1000); export const config = {}` })
    await host.hello()
    await host.load('steps/a.step.ts')
    assert.equal(await host.call('shutdown', {}), null)
    assert.deepEqual(await host.exit(), [0, null])
  })

  void it('leaves with 0 within two seconds of shutdown, whatever is open, and not at SIGINT', async () => {
    const host = start({ 'steps/hang.step.ts': step(`setInterval(() => console.log('tick'), 1); await ctx.state.get('g', 'k'); await new Promise(() => {})`) })
    host.answers['state.get'] = () => 'x'.repeat(100)
    await host.hello()
    await host.load('steps/hang.step.ts')
    host.child.kill('SIGINT')
    host.run('steps/hang.step.ts', null).catch(() => undefined)
    await host.logged('tick')
    const begun = performance.now()
    assert.equal(await host.call('shutdown', {}), null)
    assert.deepEqual(await host.exit(), [0, null])
    assert.ok(performance.now() - begun < 2000)
  })

  void it('leaves when its input ends, with timers alive and a run open', async () => {
    const host = start({ 'steps/hang.step.ts': step(`setInterval(() => {}, 1000); console.log('hanging'); await new Promise(() => {})`) })
    await host.hello()
    await host.load('steps/hang.step.ts')
    host.run('steps/hang.step.ts', null).catch(() => undefined)
    host.end()
    assert.deepEqual(await host.exit(), [0, null])
  })

  void it('leaves with 1 and a reason when the channel carries garbage', async () => {
    const host = start()
    await host.hello()
    host.raw(Buffer.from('\u0000\u0000\u0000\u0001{'))
    assert.deepEqual(await host.exit(), [1, null])
    assert.match(host.stderr, /polystep: The channel to the host is broken: a frame/)
  })

  void it('goes on after process.exit and throws at the top of a file', async () => {
    const host = start({
      'steps/exit.step.ts': 'process.exit(2)',
      'steps/timer.step.ts': `setTimeout(() => process.exit(2), 1); export const config = {}`,
      'steps/later-exit.step.ts': `setTimeout(() => process.exit(2), 1); await new Promise(() => {}); export const config = {}`,
      'steps/caught-exit.step.ts': `try { process.exit(2) } catch {} export const config = {}`,
      'package.json': '{"type": "module"}',
    })
    await host.hello()
    await assert.rejects(host.load('steps/exit.step.ts'), { name: 'load_failed', message: /process\.exit\(2\) was called outside of a handler/ })
    await host.load('steps/timer.step.ts')
    await assert.rejects(host.load('steps/later-exit.step.ts'), { name: 'load_failed', message: /^ExitCalled: process\.exit\(2\)/ })
    await assert.rejects(host.load('steps/caught-exit.step.ts'), { name: 'load_failed' })
    assert.equal(await host.call('drain', {}), null)
    host.end()
    assert.deepEqual(await host.exit(), [0, null])
  })

  void it('uses the smaller frame limit of the two sides', async () => {
    const host = start({ 'steps/a.step.ts': step('return "x".repeat(input)') })
    await host.hello({ frame_bytes_max: 2000 })
    await host.load('steps/a.step.ts')
    assert.equal(await host.run('steps/a.step.ts', 100), 'x'.repeat(100))
    assert.equal((await host.fails('steps/a.step.ts', 3000)).name, 'frame_too_large')
    host.end()
    assert.deepEqual(await host.exit(), [0, null])
  })

  for (const kind of ['sockets', 'pipes'] as const) {
    void it(`keeps everything that user code writes off a stdio channel of ${kind}`, { skip: process.platform !== 'linux' }, async () => {
      const host = start({ 'steps/noise.step.ts': NOISE, 'steps/children.step.ts': CHILDREN }, kind)
      await host.hello()
      await host.load('steps/noise.step.ts')
      await host.load('steps/children.step.ts')
      assert.equal(await host.run('steps/noise.step.ts', null), 'quiet')
      const listing = String(await host.run('steps/children.step.ts', null))
      assert.deepEqual(descriptorsIn(listing), [0, 1, 2, 3])
      assert.ok(host.notes.some(([, line]) => line['message'] === 'noise'))
      host.end()
      assert.deepEqual(await host.exit(), [0, null])
      assert.equal(host.stderr, 'raw\ninherited\n')
    })
  }

  void it('dies with its host also while user code blocks the only thread', async () => {
    const project = makeProject({ 'steps/block.step.js': `require('node:fs').writeSync(1, 'blocked'); for (;;);` })
    projects.push(project)
    const frame = (message: unknown[]): string => {
      const body = Buffer.from(pack(message))
      const head = Buffer.alloc(4)
      head.writeUInt32BE(body.length)
      return Buffer.concat([head, body]).toString('hex')
    }
    const frames = frame([0, 1, 'hello', { protocol: '1.0', host: {}, project, frame_bytes_max: 16_777_216, features: [] }]) + frame([0, 2, 'step.load', { file: 'steps/block.step.js', kind: 'step' }])
    const script = `
      const { spawn } = require('node:child_process')
      const child = spawn(process.argv[2], process.argv.slice(3), { stdio: ['ignore', 'inherit', 'ignore', 'pipe', 'pipe'], env: { ...process.env, POLYSTEP_CHANNEL: 'private' } })
      child.stdio[3].write(Buffer.from(process.argv[1], 'hex'))`
    const host = spawn(process.execPath, ['-e', script, frames, ...COMMAND], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await within(once(host.stdout, 'data'), 'the endless loop')
      // The runner holds the other end of this pipe, so it ends when the runner is dead and not before.
      const dead = once(host.stdout, 'end')
      host.kill('SIGKILL')
      await within(dead, 'the death of the runner')
    } finally {
      host.kill('SIGKILL')
      host.stdout.destroy()
    }
  })
})
