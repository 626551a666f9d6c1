import { expect, it } from 'vitest'
import { Validator, type Schema } from '@cfworker/json-schema'
import { parseExact, pretty, writeExact } from '../exact.ts'
import { sampleOf } from './sample.ts'
import { shapeOf, typeWords, variantOf, wholeOf } from './schema.ts'

const fits = (schema: unknown, value: unknown): string[] => {
  const found = new Validator(schema as Schema, '2020-12').validate(value)
  return found.errors.map((each) => `${each.instanceLocation}: ${each.error}`)
}

/** Numbers that look random and are the same at every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * sides)
  }
}

/** Schema of the host's dialect: what zod, pydantic and people write. */
function anySchema(roll: (sides: number) => number, depth = 0): Record<string, unknown> {
  const flat = [
    () => ({ type: 'string', ...(roll(2) ? { minLength: roll(20) } : {}) }),
    () => ({ type: 'string', format: ['email', 'uuid', 'date', 'date-time', 'uri', 'ipv4'][roll(6)] }),
    () => ({ type: 'integer', minimum: roll(50), maximum: 50 + roll(50), ...(roll(2) ? { multipleOf: 1 + roll(4) } : {}) }),
    () => ({ type: 'number', ...(roll(2) ? { exclusiveMinimum: roll(9) } : { maximum: -roll(9) }) }),
    () => ({ type: 'boolean' }),
    () => ({ enum: ['a', 1, null].slice(roll(3)) }),
    () => ({ const: ['x', 7, false][roll(3)] }),
    () => ({ type: ['null', 'string'] }),
    () => ({}),
  ]
  const deep = [
    () => ({ type: 'array', items: anySchema(roll, depth + 1), minItems: roll(3) }),
    () => ({ anyOf: [anySchema(roll, depth + 1), { type: 'null' }] }),
    () => ({ type: 'object', additionalProperties: anySchema(roll, depth + 1) }),
    () => ({ allOf: [objectOf(roll, depth), objectOf(roll, depth)] }),
    () => objectOf(roll, depth),
    () => objectOf(roll, depth),
  ]
  const kinds = depth > 3 ? flat : [...flat, ...deep]
  return kinds[roll(kinds.length)]?.() ?? {}
}

let given = 0

function objectOf(roll: (sides: number) => number, depth: number): Record<string, unknown> {
  // No name stands twice: parts of an `allOf` that contradict one another have no sample.
  const names = Array.from({ length: roll(4) }, () => `member${given++}`)
  return { type: 'object', properties: Object.fromEntries(names.map((name) => [name, anySchema(roll, depth + 1)])), required: names.filter(() => roll(2)) }
}

it('writes samples that fit their schema', () => {
  for (let seed = 1; seed <= 400; seed++) {
    const schema = anySchema(dice(seed))
    const sample = JSON.parse(JSON.stringify(sampleOf(wholeOf(schema)))) as unknown
    expect(fits(schema, sample), JSON.stringify({ seed, schema, sample })).toEqual([])
  }
})

it('ends with schemas that refer to themselves', () => {
  const tree = { $ref: '#/$defs/node', $defs: { node: { type: 'object', properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } }, required: ['name'] } } }
  expect(fits(tree, sampleOf(wholeOf(tree)))).toEqual([])
  const chain = { $ref: '#/$defs/link', $defs: { link: { type: 'object', properties: { next: { anyOf: [{ $ref: '#/$defs/link' }, { type: 'null' }] } }, required: ['next'] } } }
  expect(JSON.stringify(sampleOf(wholeOf(chain))).length).toBeLessThan(2000)
  expect(shapeOf(wholeOf({ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } })).kind).toBe('json')
  expect(shapeOf(wholeOf({ $ref: 'http://elsewhere.example/x' })).kind).toBe('json')
})

it('keeps every value that goes through the form and back', () => {
  const roll = dice(7)
  const anyValue = (depth: number): string => {
    const kinds = ['9007199254740993', '1.0', '-0', '1e400', '"é<b>"', 'null', 'true', '""']
    if (depth > 3 || roll(3) === 0) return kinds[roll(kinds.length)] ?? 'null'
    const parts = Array.from({ length: roll(4) }, () => anyValue(depth + 1))
    return roll(2) ? `[${parts.join(',')}]` : `{${parts.map((each, index) => `"k${index}":${each}`).join(',')}}`
  }
  for (let round = 0; round < 300; round++) {
    const text = anyValue(0)
    expect(pretty(writeExact(parseExact(text)))).toBe(pretty(text))
  }
  expect(writeExact(parseExact('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}')
})

it('chooses a variant by its mark, and names it by that', () => {
  const shape = shapeOf(wholeOf({ oneOf: [{ type: 'object', properties: { kind: { const: 'cat' } }, required: ['kind'] }, { type: 'object', properties: { kind: { const: 'dog' } }, required: ['kind'] }, { type: 'null' }] }))
  if (shape.kind !== 'union') throw new Error(shape.kind)
  expect(shape.variants.map((each) => each.words)).toEqual(['kind "cat"', 'kind "dog"', 'null'])
  expect([{ kind: 'dog' }, null, 7].map((each) => variantOf(shape.variants, each))).toEqual([1, 2, 0])
})

it('takes alternatives of fixed values for one choice, and what has no field for JSON', () => {
  expect(shapeOf(wholeOf({ anyOf: [{ const: 'low' }, { const: 'high' }] }))).toEqual({ kind: 'choice', values: ['low', 'high'] })
  expect(shapeOf(wholeOf({ type: 'array', prefixItems: [{ type: 'string' }] })).kind).toBe('json')
  expect(shapeOf(wholeOf(undefined)).kind).toBe('json')
  expect(typeWords(wholeOf({ type: 'integer', minimum: 1, maximum: 5 }))).toBe('whole number 1 to 5')
})
