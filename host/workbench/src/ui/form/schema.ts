// What a form shows for a JSON Schema. The host has the last word on what fits: this only chooses fields and examples.

import { ExactNumber } from '../exact.ts'

export type Schema = Readonly<Record<string, unknown>>

/** A schema with all that it refers to: `$ref` leads to parts of the root. */
export interface Part {
  schema: Schema
  root: Schema
}

export interface Member {
  name: string
  part: Part
  required: boolean
}

export type Shape =
  | { kind: 'object'; members: readonly Member[]; others: Part | null }
  | { kind: 'array'; item: Part }
  | { kind: 'text' | 'number' | 'truth' | 'nothing' | 'json' }
  | { kind: 'choice'; values: readonly unknown[] }
  | { kind: 'union'; variants: readonly { words: string; part: Part }[] }

const REFS_MAX = 32
const isObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [])

/** Schema of a config as the part that a form begins with; one that is missing or `true` takes anything. */
export const wholeOf = (schema: unknown): Part => ({ schema: isObject(schema) ? schema : {}, root: isObject(schema) ? schema : {} })

const at = ({ root }: Part, schema: unknown): Part => ({ schema: isObject(schema) ? schema : {}, root })

/** Follow references, and join what `allOf` demands: the members of objects side by side. */
export function resolved(part: Part): Schema {
  let { schema } = part
  for (let hops = 0; typeof schema.$ref === 'string' && hops < REFS_MAX; hops++) {
    const { $ref, ...beside } = schema
    schema = { ...(pointed(part.root, $ref) ?? {}), ...beside }
  }
  const all = listOf(schema.allOf)
  return all.length === 0 ? schema : all.map((each) => resolved(at(part, each))).reduce(joined, withoutAll(schema))
}

const withoutAll = ({ allOf: _all, ...rest }: Schema): Schema => rest

function joined(a: Schema, b: Schema): Schema {
  const properties = { ...(isObject(a.properties) ? a.properties : {}), ...(isObject(b.properties) ? b.properties : {}) }
  const required = [...listOf(a.required), ...listOf(b.required)]
  return { ...b, ...a, ...(Object.keys(properties).length > 0 ? { properties } : {}), ...(required.length > 0 ? { required } : {}) }
}

function pointed(root: Schema, ref: string): Schema | null {
  if (!ref.startsWith('#')) return null
  let found: unknown = root
  for (const raw of ref.slice(1).split('/').filter((each, index) => index > 0 || each !== '')) {
    const name = decodeURIComponent(raw).replaceAll('~1', '/').replaceAll('~0', '~')
    found = Array.isArray(found) ? (found as unknown[])[Number(name)] : isObject(found) && Object.hasOwn(found, name) ? found[name] : null
  }
  return isObject(found) ? found : null
}

/** Fields for a part; what no field can show is edited as JSON. */
export function shapeOf(part: Part): Shape {
  const schema = resolved(part)
  if ('const' in schema) return { kind: 'choice', values: [schema.const] }
  if (Array.isArray(schema.enum)) return { kind: 'choice', values: schema.enum as unknown[] }
  const branches = listOf(schema.anyOf).length > 0 ? listOf(schema.anyOf) : listOf(schema.oneOf)
  if (branches.length > 0) return unionOf(part, branches.map((each) => at(part, each)))
  if (Array.isArray(schema.type)) {
    return unionOf(part, (schema.type as unknown[]).map((type) => at(part, { ...schema, type })))
  }
  const type: unknown = schema.type ?? (isObject(schema.properties) ? 'object' : '')
  switch (type) {
    case 'object':
      return objectOf(part, schema)
    case 'array':
      return Array.isArray(schema.prefixItems) || !isObject(schema.items) ? { kind: 'json' } : { kind: 'array', item: at(part, schema.items) }
    case 'string':
      return { kind: 'text' }
    case 'number':
    case 'integer':
      return { kind: 'number' }
    case 'boolean':
      return { kind: 'truth' }
    case 'null':
      return { kind: 'nothing' }
    default:
      return { kind: 'json' }
  }
}

function objectOf(part: Part, schema: Schema): Shape {
  const properties = isObject(schema.properties) ? schema.properties : {}
  const required = new Set(listOf(schema.required))
  const members = Object.entries(properties).map(([name, each]) => ({ name, part: at(part, each), required: required.has(name) }))
  const others = schema.additionalProperties
  if (members.length === 0 && (others === false || others === undefined || others === true)) return { kind: 'json' }
  return { kind: 'object', members, others: isObject(others) ? at(part, others) : null }
}

function unionOf(part: Part, variants: readonly Part[]): Shape {
  const values = variants.map((each) => {
    const schema = resolved(each)
    return 'const' in schema ? { value: schema.const } : null
  })
  if (values.every((each) => each !== null)) return { kind: 'choice', values: values.map((each) => each.value) }
  const [only] = variants
  if (variants.length === 1 && only) return shapeOf(only)
  return { kind: 'union', variants: variants.map((each, index) => ({ words: variantWords(each, index), part: at(part, each.schema) })) }
}

function variantWords(part: Part, index: number): string {
  const schema = resolved(part)
  const marks = isObject(schema.properties)
    ? Object.entries(schema.properties).filter(([, each]) => isObject(each) && 'const' in each)
    : []
  const [mark] = marks
  if (mark) return `${mark[0]} ${JSON.stringify((mark[1] as Schema).const)}`
  return typeof schema.title === 'string' ? schema.title : typeWords(part) || `Variant ${index + 1}`
}

/** Type of a part in a few words, as beside its field. */
export function typeWords(part: Part): string {
  const schema = resolved(part)
  const shape = shapeOf(part)
  const format = typeof schema.format === 'string' ? schema.format : ''
  switch (shape.kind) {
    case 'text':
      return format || 'text'
    case 'number':
      return [schema.type === 'integer' ? 'whole number' : 'number', rangeWords(schema)].filter(Boolean).join(' ')
    case 'array':
      return `list of ${typeWords(shape.item) || 'values'}`
    case 'truth':
      return 'true or false'
    case 'nothing':
      return 'null'
    case 'object':
      return 'object'
    case 'choice':
      return shape.values.length === 1 ? 'fixed' : 'one of a few'
    case 'union':
      return 'one of several'
    case 'json':
      return typeof schema.type === 'string' ? schema.type : 'any value'
  }
}

function rangeWords({ minimum, maximum }: Schema): string {
  if (typeof minimum === 'number' && typeof maximum === 'number') return `${minimum} to ${maximum}`
  if (typeof minimum === 'number') return `from ${minimum}`
  return typeof maximum === 'number' ? `up to ${maximum}` : ''
}

/** Index of the variant that a value looks like; the first one when it looks like none. */
export function variantOf(variants: readonly { part: Part }[], value: unknown): number {
  return Math.max(0, variants.findIndex((each) => looksLike(each.part, value)))
}

function looksLike(part: Part, value: unknown): boolean {
  const schema = resolved(part)
  const shape = shapeOf(part)
  switch (shape.kind) {
    case 'text':
      return typeof value === 'string'
    case 'number':
      return isNumber(value) && (schema.type !== 'integer' || Number.isInteger(Number(value instanceof ExactNumber ? value.source : value)))
    case 'truth':
      return typeof value === 'boolean'
    case 'nothing':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'choice':
      return shape.values.some((each) => JSON.stringify(each) === JSON.stringify(value))
    case 'union':
      return shape.variants.some((each) => looksLike(each.part, value))
    case 'object':
      return isRecord(value) && shape.members.every(({ name, part: own, required }) => {
        if (!Object.hasOwn(value, name)) return !required
        return shapeOf(own).kind !== 'choice' || looksLike(own, value[name])
      })
    case 'json':
      return schema.type === undefined || schema.type === (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value)
  }
}

export const isNumber = (value: unknown): value is number | ExactNumber => typeof value === 'number' || value instanceof ExactNumber
export const isRecord = (value: unknown): value is Record<string, unknown> => isObject(value) && !(value instanceof ExactNumber)
