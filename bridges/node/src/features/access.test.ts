/** Rules about who may use streams: how they are loaded and asked, and configs of Motia whose packages are not installed. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { packageOf, stubOf } from '../adapters/stub.ts'
import { FakeHost, makeProject, type Members, type WireError } from '../tests/fake-host.ts'

const RULE = `
export const contextSchema = { type: 'object' }
export const authenticate = async ({ headers, url }) => (headers.user === 'nobody' ? undefined : { user: headers.user, url })`
const CONFIG = `
import { defineConfig, config as same } from 'motia'
import statesPlugin, { type Options, extra as more } from '@motiadev/plugin-states/plugin'
import * as everything from '@motiadev/plugin-logs/plugin'
import { RedisStateAdapter } from '@motiadev/adapter-redis-state'
import own from './plugins/own'
const endpointPlugin = require('@motiadev/plugin-endpoint/plugin')
class Events extends RedisStateAdapter { constructor() { super({ host: 'localhost' }) } }
export default defineConfig(same({
  app: () => undefined, redis: { useMemoryServer: true }, port: 3000,
  plugins: [statesPlugin, more({ a: 1 }), everything.default, endpointPlugin.default, own, () => undefined],
  adapters: { state: new RedisStateAdapter({}), events: new Events() },
  streamAuth: { contextSchema: { type: 'object' }, authenticate: () => null },
}))`
const OWN = `import { anything } from '@motiadev/plugin-example'\nexport default function ownPlugin() { return anything() }`
const FILES: Record<string, string> = {
  'steps/who.access.ts': RULE,
  'steps/none.access.js': 'export const other = 1',
  'steps/text.access.js': `export const authenticate = 'yes'`,
  'steps/guarded.stream.ts': `export const config = { name: 's', canAccess: async (who, auth) => [who, auth === undefined] }`,
  'steps/open.stream.ts': `export const config = { name: 'o', canAccess: undefined }`,
  'steps/typing-error.stream.ts': `export const config = { name: 't', can_access: () => true }`,
  'steps/no-function.stream.ts': `export const config = { name: 'n', canAccess: true }`,
  'steps/client.step.ts': `import { Stream } from '@motiadev/stream-client-node'\nexport const config = { name: Stream }`,
  'plugins/own.ts': OWN,
}
const named = { statesPlugin: '@motiadev/plugin-states/plugin', logsPlugin: '@motiadev/plugin-logs/plugin' }

void describe('rules', () => {
  let project = '', host: FakeHost
  before(async () => {
    project = makeProject(FILES)
    host = new FakeHost(project)
    await host.hello()
  })
  after(() => {
    host.kill()
    rmSync(project, { recursive: true })
  })
  const load = (file: string, kind: string): Promise<Members> => host.call('step.load', { file, kind }) as Promise<Members>
  const refused = async (file: string, kind: string): Promise<string> => {
    try { await load(file, kind) } catch (error) { return (error as WireError).message }
    return assert.fail('the file loaded')
  }

  void it('asks authenticate with headers and URL, and answers nil for nobody', async () => {
    const file = 'steps/who.access.ts'
    assert.deepEqual(await load(file, 'access'), { config: { contextSchema: { type: 'object' } }, handler: true, warnings: [] })
    const ask = (user: string): Promise<unknown> => host.run(file, { headers: { user }, url: '/x' }, { type: 'authenticate' })
    assert.deepEqual([await ask('ada'), await ask('nobody')], [{ user: 'ada', url: '/x' }, null])
    assert.equal((await host.fails(file, {}, { type: 'event' })).name, 'invalid_params')
  })

  void it('asks canAccess, and answers true or false', async () => {
    const file = 'steps/guarded.stream.ts'
    assert.deepEqual((await load(file, 'stream'))['config'], { name: 's', canAccess: true })
    assert.equal(await host.run(file, { subscription: { groupId: 'g' }, context: null }, { type: 'can_access' }), true)
  })

  void it('answers an error where there is no rule, never a value', async () => {
    assert.deepEqual((await load('steps/open.stream.ts', 'stream'))['config'], { name: 'o' })
    assert.equal((await host.fails('steps/open.stream.ts', { subscription: {} }, { type: 'can_access' })).name, 'invalid_params')
  })

  void it('refuses files whose rule would not be asked', async () => {
    assert.match(await refused('steps/none.access.js', 'access'), /exports no authenticate/)
    assert.match(await refused('steps/text.access.js', 'access'), /authenticate of steps\/text.access.js is not a function/)
    assert.match(await refused('steps/typing-error.stream.ts', 'stream'), /can_access would not be asked: write canAccess/)
    assert.match(await refused('steps/no-function.stream.ts', 'stream'), /canAccess must be a function/)
  })

  void it('does not stand in for the stream clients', async () => {
    assert.match(await refused('steps/client.step.ts', 'step'), /Cannot find (package|module) '@motiadev\/stream-client-node'/)
  })
})

void describe('motia.config', () => {
  for (const type of ['module', 'commonjs']) {
    void it(`is read without the packages that it imports, as ${type}`, async () => {
      const project = makeProject({ ...FILES, 'motia.config.ts': CONFIG, 'package.json': JSON.stringify({ type }) })
      const host = new FakeHost(project)
      try {
        await host.hello()
        const answer = (await host.call('step.load', { file: 'motia.config.ts', kind: 'access' })) as Members
        assert.deepEqual(answer, {
          config: {
            contextSchema: { type: 'object' },
            motia: {
              app: true, redis: true, unknown: ['port'], adapters: ['state', 'events'],
              plugins: [named.statesPlugin, named.logsPlugin, '@motiadev/plugin-endpoint/plugin', 'ownPlugin', 'plugin 6'],
            },
          },
          handler: true, warnings: [],
        })
        assert.equal(await host.run('motia.config.ts', { headers: {}, url: '/' }, { type: 'authenticate' }), null)
      } finally {
        host.kill()
        rmSync(project, { recursive: true })
      }
    })
  }

  const wrong: [name: string, text: string, message: RegExp][] = [
    ['no default export', 'export const a = 1', /has no default export/],
    ['a rule that is no function', 'export default { streamAuth: { authenticate: true } }', /needs a function authenticate/],
    ['a rule that is missing', 'export default { streamAuth: {} }', /needs a function authenticate/],
    ['a package that is missing', `import jwt from 'no-such-jwt'\nexport default {}`, /Cannot find package 'no-such-jwt'/],
  ]
  for (const [name, text, message] of wrong) {
    void it(`is refused with ${name}`, async () => {
      const project = makeProject({ 'motia.config.js': text, 'package.json': '{"type":"module"}' })
      const host = new FakeHost(project)
      try {
        await host.hello()
        await assert.rejects(host.call('step.load', { file: 'motia.config.js', kind: 'access' }), (error: WireError) => message.test(error.message))
      } finally {
        host.kill()
        rmSync(project, { recursive: true })
      }
    })
  }
})

void describe('stubs', () => {
  void it('may be used as whatever they stand for', async () => {
    const stub = stubOf('@motiadev/plugin-x') as new (..._: unknown[]) => { a: { b: () => unknown } }
    class Extended extends stub {}
    assert.equal(packageOf(new Extended().a.b()), '@motiadev/plugin-x')
    assert.equal(await Promise.resolve(stub), stub)
    assert.equal(packageOf(() => undefined), undefined)
  })
})
