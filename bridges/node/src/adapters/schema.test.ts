/** JSON Schema of Zod schemas, and the values that they make. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { z as old } from 'zod/v3'
import { checkOf, describeMade, describeSchema } from './schema.ts'

function exported(schema: unknown): Record<string, unknown> {
  const warnings: string[] = []
  const described = describeSchema(schema, import.meta.filename, 'config.input', warnings) as Record<string, unknown>
  assert.deepEqual(warnings, [])
  return Object.fromEntries(Object.entries(described).filter(([key]) => key !== '$schema'))
}

async function issuesOf(schema: unknown, value: unknown): Promise<string[]> {
  return ((await checkOf(schema)?.(value))?.issues ?? []).map(({ path, code }) => `${path.join('.')} ${code}`)
}

void describe('what Zod takes fits what is exported', () => {
  const url = { type: 'string', format: 'url', pattern: '^\\s*[A-Za-z][A-Za-z0-9+.\\-]*:' }
  for (const [name, zod] of Object.entries({ 'Zod 4': z as unknown as typeof old, 'Zod 3': old })) {
    void it(`${name}: what is rewritten is not checked before`, () => {
      assert.deepEqual(exported(zod.string().trim().min(1).max(3)), { type: 'string' })
      assert.deepEqual(exported(zod.string().trim().email()), { type: 'string' })
      assert.deepEqual(exported(zod.string().max(3).trim()), { type: 'string', maxLength: 3 })
    })

    void it(`${name}: what catches or runs before takes anything, also its absence`, () => {
      assert.deepEqual(exported(zod.string().catch('x')), {})
      assert.deepEqual(exported(zod.preprocess((value) => value, zod.number())), {})
      assert.deepEqual(exported(zod.preprocess((value) => value, zod.number()).describe('n')), { description: 'n' })
      assert.equal('required' in exported(zod.object({ a: zod.preprocess((value) => value ?? 1, zod.number()) })), false)
      const { properties, required } = exported(zod.object({ a: zod.number().catch(1), b: zod.string() }))
      assert.deepEqual([properties, required], [{ a: {}, b: { type: 'string' } }, ['b']])
    })

    void it(`${name}: a URL is one as browsers take it`, () => { assert.deepEqual(exported(zod.string().url()), url) })

    void it(`${name}: no number, tuple or literal makes an invalid schema`, () => {
      assert.deepEqual(exported(zod.number().positive()), { type: 'number', exclusiveMinimum: 0 })
      assert.deepEqual(exported(zod.number().multipleOf(0.1)), { type: 'number' })
      assert.deepEqual(exported(zod.number().multipleOf(5)), { type: 'number', multipleOf: 5 })
      assert.equal('prefixItems' in exported(zod.tuple([])), false)
      assert.deepEqual(exported(zod.literal(null))['type'], 'null')
    })

    void it(`${name}: texts are made dates, also in unions, if there is such a day`, async () => {
      const schema = zod.object({ a: zod.union([zod.number(), zod.object({ at: zod.date() })]), b: zod.date() })
      const [at, day] = ['2024-02-29T12:30:00Z', '2024-03-01t00:00:00z']
      assert.deepEqual(await checkOf(schema)?.({ a: { at }, b: day }), {
        value: { a: { at: new Date(at) }, b: new Date('2024-03-01T00:00:00Z') },
      })
      for (const none of ['2024-02-30T12:30:00Z', '2024-02-29T24:00:00Z', '2024-02-29T12:30:00', '2024-02-29']) {
        assert.deepEqual(await issuesOf(schema, { a: 1, b: none }), ['b invalid_type'])
      }
    })
  }

  void it('leaves a pattern out whose flags JSON Schema cannot say', () => {
    assert.deepEqual(exported(z.string().regex(/^a/i).max(3)), { type: 'string', maxLength: 3 })
    assert.deepEqual(exported(z.string().regex(/^\p{L}$/u)), { type: 'string', pattern: '^\\p{L}$' })
    assert.deepEqual(exported(old.string().regex(/^a/i)), { type: 'string', pattern: '^[aA]' })
  })

  void it('keeps formats only where they take what Zod takes', () => {
    const formats = [z.iso.duration(), z.hostname(), z.ipv6(), z.email(), z.iso.datetime({ offset: true })]
    assert.deepEqual(formats.map((schema) => exported(schema)['format']), ['iso-duration', undefined, 'ipv6', 'email-address', 'date-time'])
    assert.equal('pattern' in exported(z.ipv6()), false)
    const texts = [old.string().time(), old.string().duration(), old.string().datetime({ local: true }), old.string().datetime()]
    assert.deepEqual(texts.map((schema) => exported(schema)['format']), ['iso-time', 'iso-duration', 'iso-date-time', 'date-time'])
    assert.deepEqual(exported(old.string().cidr()), { type: 'string' })
  })

  void it('asks a tuple for no members that catch their absence', () => {
    assert.equal(exported(z.tuple([z.string(), z.string().catch('x')]))['minItems'], 1)
    assert.equal(exported(z.array(z.string()).min(2))['minItems'], 2)
    const coerced = z.tuple([z.string(), z.coerce.boolean()])
    assert.deepEqual([exported(coerced)['minItems'], exported(coerced.rest(z.string()))['minItems']], [2, 1])
    assert.deepEqual([coerced.safeParse(['a']).success, coerced.rest(z.string()).safeParse(['a']).success], [false, true])
  })

  void it('is not misled by names that objects inherit', () => {
    assert.deepEqual(exported(z.object({ constructor: z.number() }))['required'], ['constructor'])
  })
})

void describe('Zod 3 as 2020-12', () => {
  void it('refers to what stands in tuples, and keeps names that look like keywords', () => {
    const part = old.object({ x: old.number() })
    const described = exported(old.object({ t: old.tuple([part, part]).rest(part), additionalItems: part }))
    const properties = described['properties'] as Record<string, { prefixItems?: unknown[]; items?: unknown }>
    assert.deepEqual(properties['t']?.prefixItems?.[1], { $ref: '#/properties/t/prefixItems/0' })
    assert.deepEqual(properties['t'].items, { $ref: '#/properties/t/prefixItems/0' })
    assert.deepEqual(properties['additionalItems'], { $ref: '#/properties/t/prefixItems/0' })
  })

  void it('keeps defaults as they are', () => {
    const schema = old.object({ items: old.array(old.number()) }).default({ items: [1] })
    assert.deepEqual(exported(schema)['default'], { items: [1] })
  })

  void it('never refers to what a preprocessor hides', () => {
    const part = old.object({ x: old.number() })
    const { properties } = exported(old.object({ a: old.preprocess((value) => value, part), b: part }))
    assert.deepEqual([(properties as { a: unknown }).a, (properties as { b: { type: string } }).b.type], [{}, 'object'])
  })

  void it('takes anything where one branch does', () => {
    assert.deepEqual(exported(old.union([old.coerce.number(), old.string()])), {})
    assert.deepEqual(exported(old.coerce.number().nullable()), {})
    assert.deepEqual(exported(old.union([old.string().min(2), old.any()])), { anyOf: [{ type: 'string', minLength: 2 }, {}] })
    assert.deepEqual(exported(old.null().nullable()), { type: ['null'] })
  })

  void it('keeps the place of what JSON does not have', () => {
    assert.deepEqual(exported(old.tuple([old.symbol(), old.string()]))['prefixItems'], [{}, { type: 'string' }])
  })
})

void describe('what comes out of a schema', () => {
  const made = (schema: unknown): Record<string, unknown> => describeMade(schema, import.meta.filename) as Record<string, unknown>
  for (const [name, zod] of Object.entries({ 'Zod 4': z as unknown as typeof old, 'Zod 3': old })) {
    void it(`${name}: coercions, defaults, preprocessors, pipes and dates have their type, transforms have none`, () => {
      const { properties, required } = made(zod.object({
        coerced: zod.coerce.number(), level: zod.string().default('low'), pipe: zod.string().transform(Number).pipe(zod.number()),
        at: zod.date(), day: zod.coerce.date().nullable(), prepared: zod.preprocess((value) => value, zod.boolean()),
        cut: zod.string().transform(Number), tags: zod.set(zod.string()), refined: zod.string().refine(() => true),
        caught: zod.string().optional().catch('x'), maybe: zod.string().optional(),
      }))
      const types = Object.entries(properties as Record<string, Record<string, unknown>>).map(([key, each]) => [key, each['type']])
      assert.deepEqual(Object.fromEntries(types), {
        coerced: 'number', level: 'string', pipe: 'number', at: undefined, day: undefined, prepared: 'boolean', cut: undefined,
        tags: undefined, refined: 'string', caught: 'string', maybe: 'string',
      })
      const { at, day, cut, tags } = properties as Record<string, unknown>
      assert.deepEqual([at, cut, tags], [{ 'x-made': 'Date' }, {}, {}])
      assert.deepEqual(day, { anyOf: [{ 'x-made': 'Date' }, { type: 'null' }] })
      assert.deepEqual(required, ['coerced', 'level', 'pipe', 'at', 'day', 'prepared', 'cut', 'tags', 'refined'])
    })

    void it(`${name}: is what goes in where nothing is made of it`, () => {
      const part = zod.object({ email: zod.string().email(), text: zod.string().trim().min(1), maybe: zod.string().optional() })
      for (const same of [part, part.strict(), part.passthrough(), zod.array(part), part.refine(() => true)]) {
        assert.deepEqual(made(same), describeSchema(same, import.meta.filename, 'config.input', []))
      }
    })
  }

  void it('is asked of a Standard Schema, and is anything where it refuses to say', () => {
    const standard = (output: unknown) => ({ '~standard': { validate: (value: unknown) => ({ value }), jsonSchema: { output } } })
    assert.deepEqual(made(standard(() => ({ type: 'number' }))), { type: 'number' })
    assert.deepEqual(made(standard(() => { throw new Error('transforms have none') })), {})
    assert.equal(made({ toJSONSchema: () => ({}) }), undefined)
  })
})
