import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pack, unpack } from './codec.ts'
import { failureOf, type PolystepError } from './errors.ts'
import { loadFile } from './loader.ts'
import type { LoadedFile } from './types.ts'
import { installStandIn } from './adapters/standin.ts'

const ROOT_MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url))

interface Answer { config: unknown; handler: boolean; warnings: string[]; contracts: string[]; made?: unknown }

/** The first step of Motia's tutorial, as its users write it. */
const SUBMIT = `
import { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'
import { randomUUID } from 'crypto'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'SubmitTicket',
  path: '/tickets',
  method: 'POST',
  bodySchema: z.object({ subject: z.string().min(1), email: z.string().email() }),
  responseSchema: { 200: z.object({ ticketId: z.string() }) },
  emits: ['ticket.submitted'],
  flows: ['ticket-triage'],
}

export const handler: Handlers['SubmitTicket'] = async (req, { emit }) => {
  await emit({ topic: 'ticket.submitted', data: req.body })
  return { status: 200, body: { ticketId: randomUUID() } }
}
`

const FILES: Record<string, string> = {
  'steps/submit.step.ts': SUBMIT,
  'steps/default.step.ts': `export default { config: { name: 'D', type: 'event' }, handler: async () => 1 }`,
  'steps/named.stream.ts': `import { z } from 'zod'; export const config = { name: 'chat', schema: z.object({ text: z.string() }), canAccess: () => true, other: () => 1 }`,
  'steps/layers.step.ts': `export const config = { name: 'L', middleware: [async () => 1, async () => 2] }; export const handler = async () => 1`,
  'steps/bad-layers.step.ts': `export const config = { name: 'L', middleware: ['x'] }`,
  'steps/kept.step.ts': `
import { z } from 'zod'
import { z as old } from 'zod/v3'
import * as mini from 'zod/mini'
export const config = {
  name: 'K',
  bodySchema: { type: 'object', properties: { a: { type: 'string' } } },
  input: z.object({ n: z.coerce.number().min(1), when: z.date(), d: z.string().default('x'), back: z.string().transform((text) => text.length) }),
  schema: old.object({ a: old.string() }),
  responseSchema: { 200: mini.object({ a: mini.string() }), 404: { toJSON: () => ({ type: 'null' }) }, 500: { '~standard': { vendor: 'x' } }, 501: null },
}`,
  'steps/standard.step.ts': `export const config = { input: { '~standard': { jsonSchema: { input: ({ target }: any) => ({ $comment: target }) } } } }`,
  'steps/no-config.step.ts': `export const handler = () => 1`,
  'steps/text-config.step.ts': `export const config = 'x'`,
  'steps/list-config.step.ts': `export const config = []`,
  'steps/text-handler.step.ts': `export const config = {}; export const handler = 'x'`,
  'steps/map-config.step.ts': `export const config = { name: 'M', deep: [{ map: new Map() }] }`,
  'steps/syntax.step.ts': `export const config = {\n  a: ,\n}`,
  'steps/throws.step.ts': `\nthrow new RangeError('at the top')`,
  'steps/missing.step.ts': `import x from '@acme/kit/sub'\nexport const config = { x }`,
  'steps/missing-file.step.ts': `import { x } from './lib/nothing'\nexport const config = { x }`,
}

// Nearly all files load the same way in both kinds of project; what they are called inside is different.
for (const type of ['commonjs', 'module']) {
  void describe(`loading in a project of type ${type}`, () => {
    let project: string
    before(() => {
      installStandIn()
      project = mkdtempSync(join(tmpdir(), 'polystep-load-'))
      mkdirSync(join(project, 'steps'))
      symlinkSync(ROOT_MODULES, join(project, 'node_modules'))
      const script =
        type === 'module'
          ? `import { ApiRouteConfig, config as wrap } from 'motia'\nexport const config = wrap({ name: 'J', kept: ApiRouteConfig })\nexport const handler = () => 'esm'`
          : `const { ApiRouteConfig, config } = require('motia')\nmodule.exports = { config: config({ name: 'J', kept: ApiRouteConfig }), handler: () => 'cjs' }`
      for (const [file, text] of Object.entries({ ...FILES, 'package.json': JSON.stringify({ type }), 'steps/script.step.js': script })) {
        writeFileSync(join(project, file), text)
      }
    })
    after(() => { rmSync(project, { recursive: true }) })

    /** The answer as the host reads it: without absent members. */
    async function load(file: string): Promise<{ loaded: LoadedFile; answer: Answer }> {
      const loaded = await loadFile(project, file)
      const [read] = unpack(Buffer.from(pack([loaded.answer]))) as [Answer]
      return { loaded, answer: read }
    }
    async function failure(file: string): Promise<PolystepError> {
      const error = await load(file).then(() => assert.fail('it loaded'), (thrown: unknown) => failureOf('load_failed', thrown))
      assert.deepEqual([error.code, error.name], [20, 'load_failed'])
      return error
    }

    void it('reads a step of the tutorial and its schemas', async () => {
      const { answer, loaded } = await load('steps/submit.step.ts')
      const { bodySchema, ...config } = answer.config as { bodySchema: { properties: { email: { format: string } }; required: string[] } }
      assert.deepEqual([bodySchema.properties.email.format, bodySchema.required], ['email-address', ['subject', 'email']])
      assert.deepEqual(config, {
        type: 'api', name: 'SubmitTicket', path: '/tickets', method: 'POST', emits: ['ticket.submitted'], flows: ['ticket-triage'],
        responseSchema: {
          200: {
            $schema: 'https://json-schema.org/draft/2020-12/schema',
            type: 'object', properties: { ticketId: { type: 'string' } }, required: ['ticketId'],
          },
        },
      })
      assert.deepEqual([answer.handler, answer.warnings, typeof loaded.handler], [true, [], 'function'])
    })

    void it('takes default exports, JavaScript, and the stand-in for motia', async () => {
      assert.deepEqual((await load('steps/default.step.ts')).answer, { config: { name: 'D', type: 'event' }, handler: true, warnings: [], contracts: [] })
      const script = await load('steps/script.step.js')
      assert.deepEqual(script.answer, { config: { name: 'J' }, handler: true, warnings: [], contracts: [] })
      assert.equal(script.loaded.handler?.(), type === 'module' ? 'esm' : 'cjs')
    })

    void it('describes functions in the config', async () => {
      const stream = (await load('steps/named.stream.ts')).answer
      const { schema, ...config } = stream.config as { schema: { required: string[] } }
      assert.deepEqual([schema.required, config, stream.handler], [['text'], { name: 'chat', canAccess: true }, false])
      const layers = await load('steps/layers.step.ts')
      assert.deepEqual([layers.answer.config, layers.loaded.middleware.length], [{ name: 'L', middleware: 2 }, 2])
    })

    void it('keeps JSON Schema, converts the input side, and says what is not enforced', async () => {
      const { config, warnings } = (await load('steps/kept.step.ts')).answer as { config: Record<string, Record<string, unknown>>; warnings: string[] }
      assert.deepEqual(config['bodySchema'], { type: 'object', properties: { a: { type: 'string' } } })
      const { properties, required } = config['input'] as { properties: unknown; required: string[] }
      assert.deepEqual(properties, { n: { minimum: 1 }, when: { type: 'string', format: 'date-time' }, d: { type: 'string', default: 'x' }, back: { type: 'string' } })
      assert.deepEqual(required, ['n', 'when', 'back'])
      const responses = config['responseSchema'] as Record<string, { type: string } | null>
      assert.deepEqual([Object.keys(responses), responses[200]?.type, responses[404], responses[501]], [['200', '404', '501'], 'object', { type: 'null' }, null])
      assert.deepEqual(config['schema'], { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: true })
      assert.deepEqual(warnings, [
        'config.responseSchema.500 cannot be turned into JSON Schema, so it is not enforced. Use Zod or a JSON Schema object.',
      ])
      assert.deepEqual((await load('steps/standard.step.ts')).answer.config, { input: { $comment: 'draft-2020-12' } })
    })

    // How they are put to the user is the host's: tests/unit/runners/test_node_failures.py.
    const raw: [file: string, name: string, message: RegExp][] = [
      ['no-config', 'LoadProblem', /^steps\/no-config\.step\.ts exports no "config"\. Add: export const config = \{ type, name, … \}$/],
      ['text-config', 'LoadProblem', /^The "config" of steps\/text-config\.step\.ts is a string, not an object\.$/],
      ['list-config', 'LoadProblem', /^The "config" of steps\/list-config\.step\.ts is an array, not an object\.$/],
      ['text-handler', 'LoadProblem', /^The "handler" of steps\/text-handler\.step\.ts is a string, not a function\.$/],
      ['bad-layers', 'LoadProblem', /^config\.middleware of steps\/bad-layers\.step\.ts must be an array of functions\.$/],
      ['map-config', 'invalid_value', /^config\.deep\[0\]\.map cannot be carried: Map \(use Object\.fromEntries\(map\)\)\.$/],
      ['syntax', 'TransformError', /^Transform failed with 1 error:\n\S+\/steps\/syntax\.step\.ts:2:5: ERROR: Unexpected ","$/],
      ['throws', 'RangeError', /^at the top$/],
      ['missing', 'Error', /^Cannot find (?:module|package) '@acme\/kit(?:\/sub)?'[^]*steps\/missing\.step\.ts/],
      ['missing-file', 'Error', /^Cannot find module '[^']*\/lib\/nothing'[^]*steps\/missing-file\.step\.ts/],
      ['gone', 'Error', /^Cannot find module '[^']+\/steps\/gone\.step\.ts'/],
    ]
    for (const [file, name, message] of raw) {
      void it(`answers what was raised in ${file}`, async () => {
        const error = await failure(`steps/${file}.step.ts`)
        assert.equal(error.data['name'], name)
        assert.match(String(error.data['message']), message)
        assert.equal(error.message, `${name}: ${String(error.data['message'])}`)
        assert.equal(error.data['stack'] === '', name === 'LoadProblem')
      })
    }

    void it('keeps the frames of user code in the stack', async () => {
      const { data } = await failure('steps/throws.step.ts')
      assert.match(String(data['stack']), /^RangeError: at the top\n\s+at .*steps\/throws\.step\.ts:2:7/)
      assert.doesNotMatch(String(data['stack']), /node:internal|node_modules\/tsx/)
    })
  })
}

void describe('the stand-in for motia', () => {
  void it('gives way to a package that is installed', async () => {
    const project = mkdtempSync(join(tmpdir(), 'polystep-motia-'))
    mkdirSync(join(project, 'node_modules/motia'), { recursive: true })
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    writeFileSync(join(project, 'node_modules/motia/package.json'), '{"type":"module","exports":"./index.js"}')
    writeFileSync(join(project, 'node_modules/motia/index.js'), `export const config = () => ({ name: 'real' })`)
    writeFileSync(join(project, 'a.step.js'), `import { config as wrap } from 'motia'; export const config = wrap()`)
    assert.deepEqual((await loadFile(project, 'a.step.js')).answer['config'], { name: 'real' })
    rmSync(project, { recursive: true })
  })
})
