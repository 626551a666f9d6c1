/** Groups that are read in parts, in the bridge as a process. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { FakeHost, makeProject, type Members, step } from '../tests/fake-host.ts'

const FILES: Record<string, string> = {
  'steps/whole.step.ts': step(`return [await ctx.state.getGroup('g'), await ctx.streams.chat.getGroup(7)]`),
  'steps/one.step.ts': step(`return [
    await ctx.state.getGroup('g', { cursor: 'here', limit: 2 }), await ctx.state.getGroup('g', { cursor: null, keysOnly: true }),
    await ctx.streams.chat.getGroup('g', {}), await ctx.state.getGroup('g', 5).catch((error: any) => [error.name, error.message])]`),
  'steps/unawaited.step.ts': step(`void ctx.state.getGroup('g'); return 'early'`),
}

void describe('a host that reads groups in parts', () => {
  let project: string
  let host: FakeHost
  before(async () => {
    project = makeProject(FILES)
    host = new FakeHost(project)
    await host.hello({ features: ['pages'] })
    for (const file of Object.keys(FILES)) await host.load(file)
    host.answers['state.page'] = ({ cursor }: Members) => (cursor === undefined ? { items: [1, 2], cursor: 'c' } : { items: [3] })
    host.answers['streams.page'] = () => ({ items: [] })
  })
  after(async () => {
    host.end()
    try { await host.exit() } finally { host.kill() }
    rmSync(project, { recursive: true })
  })

  void it('is asked for page after page of a whole group', async () => {
    host.calls.length = 0
    assert.deepEqual(await host.run('steps/whole.step.ts', null, { run: 'R' }), [[1, 2, 3], []])
    assert.deepEqual(host.calls, [
      ['state.page', { run: 'R', group: 'g', only: 'values' }],
      ['state.page', { run: 'R', group: 'g', only: 'values', cursor: 'c' }],
      ['streams.page', { run: 'R', stream: 'chat', group: '7', only: 'values' }],
    ])
  })

  void it('is asked for one page, whose cursor is null at the end', async () => {
    host.calls.length = 0
    assert.deepEqual(await host.run('steps/one.step.ts', null, { run: 'R' }), [
      { items: [3], cursor: null }, { items: [1, 2], cursor: 'c' }, { items: [], cursor: null },
      ['invalid_params', 'state.page: getGroup(group, page) takes { cursor?, limit?, keysOnly? }, not 5.'],
    ])
    assert.deepEqual(host.calls, [
      ['state.page', { run: 'R', group: 'g', cursor: 'here', limit: 2 }],
      ['state.page', { run: 'R', group: 'g', only: 'keys' }],
      ['streams.page', { run: 'R', stream: 'chat', group: 'g' }],
    ])
  })

  void it('hears the end of a run after all pages that it reads without waiting', async () => {
    host.calls.length = 0
    assert.equal(await host.run('steps/unawaited.step.ts', null, { run: 'R' }), 'early')
    assert.equal(host.calls.length, 2)
  })

  void it('is told of a page that it refuses', async () => {
    const answered = host.answers['state.page']
    host.answers['state.page'] = ({ cursor }: Members) => {
      if (cursor === undefined) return { items: [1], cursor: 'c' }
      // What a host sends is a map, not an Error.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw { code: 5, name: 'frame_too_large', message: 'One value.', retryable: false, data: { key: 'k' } }
    }
    for (const file of ['steps/whole.step.ts', 'steps/unawaited.step.ts']) {
      const error = await host.fails(file, null)
      assert.deepEqual([error.name, error.data.name], ['step_failed', 'frame_too_large'])
    }
    if (answered !== undefined) host.answers['state.page'] = answered
  })
})

void describe('a host that reads groups as a whole', () => {
  void it('is not asked for pages', async () => {
    const file = 'steps/p.step.ts'
    const project = makeProject({ [file]: step(`return ctx.state.getGroup('g', { limit: 1 })`) })
    const host = new FakeHost(project)
    await host.hello()
    await host.load(file)
    assert.match((await host.fails(file, null)).data.message, /This host reads groups as a whole/)
    assert.deepEqual(host.calls, [])
    host.end()
    try { await host.exit() } finally { host.kill() }
    rmSync(project, { recursive: true })
  })
})
