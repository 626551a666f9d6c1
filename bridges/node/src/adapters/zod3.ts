/** Zod 3, which many projects pin: its schemas have no JSON Schema of their own. Source: zod-to-json-schema 3.25. */
import { createRequire } from 'node:module'
import { isMap } from '../errors.ts'
import type { Members } from '../errors.ts'
import { CHECKED, MADE_DATE, type Side, URL_AS_TYPED, hasFractionalStep } from './zod4.ts'

type Convert = (schema: unknown, options: Members) => unknown
interface Definition extends Members { typeName?: string; checks?: Check[]; value?: unknown; shape?: () => Members }
interface Check { kind: string; local?: boolean; version?: string }
interface Converter { zodToJsonSchema: Convert; ignoreOverride: symbol }

const OPTIONS: Members = {
  effectStrategy: 'input',
  // What is not declared is dropped by Zod, not refused.
  removeAdditionalStrategy: 'strict',
  applyRegexFlags: true,
  definitionPath: '$defs',
}
/** Keywords under which members have names of the user's choice. */
const NAMED = new Set(['properties', 'patternProperties', '$defs'])
/** Keywords under which there is data. */
const DATA = new Set(['const', 'default', 'enum'])
/** Values that JSON does not have: left out where they stand, the members of a tuple after it would move up. */
const NOT_IN_JSON = new Set<unknown>(['ZodSymbol', 'ZodFunction', 'ZodVoid'])
/** Kinds that have no JSON Schema of its own on the output side: instances of classes, and what functions return. */
const NOT_TOLD = new Set<unknown>([...NOT_IN_JSON, 'ZodSet', 'ZodMap', 'ZodBigInt', 'ZodPromise'])
/** Kinds that may give out `undefined`. */
const UNDEFINED = new Set<unknown>(['ZodOptional', 'ZodUndefined', 'ZodVoid', 'ZodAny', 'ZodUnknown'])
/** Kinds that give out the value of the schema inside. */
const WRAPPERS = new Set<unknown>(['ZodNullable', 'ZodReadonly', 'ZodBranded', 'ZodCatch', 'ZodEffects', 'ZodPipeline'])
/** String checks that change the text: those after it do not see what came in. */
const REWRITING = new Set(['trim', 'toLowerCase', 'toUpperCase'])
/** Formats that Zod takes in forms that JSON Schema's do not have, as times without an offset. */
const LOOSE_FORMATS: Record<string, string> = { time: 'iso-time', duration: 'iso-duration' }

/** Report whether `value` is a schema object of Zod 3. */
export function isZod3(value: Members): boolean {
  return '_def' in value && typeof value['safeParse'] === 'function' && !('_zod' in value)
}

/** The JSON Schema (2020-12) of a Zod 3 schema, seen from one side. */
export function describeZod3(schema: unknown, side: Side): unknown {
  // Loaded when it is needed: it brings a copy of Zod along.
  const { zodToJsonSchema, ignoreOverride } = createRequire(import.meta.url)('zod-to-json-schema') as Converter
  // An override, for no reference may point into what is left out.
  const instead = side === 'input' ? anythingTaken : untold
  const override = (def: Definition): unknown => instead(def) ?? ignoreOverride
  const postProcess = side === 'input' ? widened : asMade
  const written = modern(zodToJsonSchema(schema, { ...OPTIONS, pipeStrategy: side, override, postProcess }))
  return isMap(written) ? without(written, ['$schema']) : written
}

function described({ description }: Definition): Members { return typeof description === 'string' ? { description } : {} }

function anythingTaken(def: Definition): Members | undefined { return takesAnything(def) ? described(def) : undefined }

/** Stand-in for output that JSON Schema cannot describe. */
function untold(def: Definition): Members | undefined {
  if (def.typeName === 'ZodDate') return { ...described(def), ...MADE_DATE }
  const { effect, typeName } = def
  const isTransform = typeName === 'ZodEffects' && isMap(effect) && effect['type'] === 'transform'
  return isTransform || NOT_TOLD.has(typeName) ? described(def) : undefined
}

/** Describe the output side: members that Zod fills in are there. */
function asMade(schema: unknown, def: Definition): unknown {
  const seen = widened(schema, def)
  if (def.typeName !== 'ZodObject' || !isMap(seen)) return seen
  const required = Object.entries(def.shape?.() ?? {}).filter(([, member]) => !maybeUndefined(member)).map(([name]) => name)
  return required.length === 0 ? without(seen, ['required']) : { ...seen, required }
}

function maybeUndefined(schema: unknown): boolean {
  const def = isMap(schema) ? schema['_def'] : undefined
  if (!isMap(def)) return true
  const { typeName, options, innerType, type, out, schema: inner } = def
  if (typeName === 'ZodUnion') return Array.isArray(options) && options.some(maybeUndefined)
  return UNDEFINED.has(typeName) || (WRAPPERS.has(typeName) && maybeUndefined(innerType ?? out ?? inner ?? type))
}

/** Describe kinds that take any type in: only the output of a coercion, a preprocessor or `catch` has their type. */
function takesAnything(def: Members): boolean {
  const { coerce, typeName, effect, innerType, options } = def
  if (coerce === true || typeName === 'ZodCatch' || NOT_IN_JSON.has(typeName)) return true
  if (typeName === 'ZodEffects') return isMap(effect) && effect['type'] === 'preprocess'
  if (typeName === 'ZodNullable') return takesAny(innerType)
  return typeName === 'ZodUnion' && Array.isArray(options) && options.some(takesAny)
}

function takesAny(schema: unknown): boolean { return isMap(schema) && isMap(schema['_def']) && takesAnything(schema['_def']) }

/** Widen a description to all that Zod takes. */
function widened(schema: unknown, { typeName, checks = [], value }: Definition): unknown {
  if (typeName === 'ZodLiteral' && value === null) return { type: 'null' }
  if (!isMap(schema)) return schema
  if (hasFractionalStep(schema)) return without(schema, ['multipleOf'])
  if (typeName !== 'ZodString') return schema
  const first = checks.findIndex(({ kind }) => REWRITING.has(kind))
  const rewritten = first !== -1 && checks.slice(first).some(({ kind }) => !REWRITING.has(kind))
  // Both patterns stand there, as if an address had to be of both versions.
  const doubled = checks.some(({ kind, version }) => kind === 'cidr' && version === undefined)
  return loose(without(schema, rewritten ? CHECKED : doubled ? ['allOf'] : []), checks)
}

function without(schema: Members, keywords: readonly string[]): Members {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !keywords.includes(keyword)))
}

function loose(schema: Members, checks: readonly Check[]): Members {
  const format = String(schema['format'])
  if (format === 'uri') return { ...schema, ...URL_AS_TYPED }
  const local = checks.some(({ kind, local }) => kind === 'datetime' && local === true)
  const looser = local && format === 'date-time' ? 'iso-date-time' : LOOSE_FORMATS[format]
  return looser === undefined ? schema : { ...schema, format: looser }
}

/** Tuples as 2020-12 says them: the members in `prefixItems`, what follows them in `items`. */
function modern(schema: unknown, named = false): unknown {
  if (Array.isArray(schema)) return schema.map((each) => modern(each))
  if (!isMap(schema)) return schema
  if (named) return Object.fromEntries(Object.entries(schema).map(([name, each]) => [name, modern(each)]))
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (DATA.has(key)) return [[key, value]]
    if (key === 'type' && Array.isArray(value)) return [[key, [...new Set(value)]]] // of a nullable null
    if (key === '$ref') return [[key, modernPath(String(value))]]
    if (key === 'items' && Array.isArray(value)) return value.length === 0 ? [] : [['prefixItems', modern(value)]]
    return [[key === 'additionalItems' ? 'items' : key, modern(value, NAMED.has(key))]]
  })
  return Object.fromEntries(entries)
}

/** A reference to what `modern` has moved. */
function modernPath(reference: string): string {
  const parts = reference.split('/')
  let named = false
  return parts.map((part, index) => {
    const keyword = !named
    named = keyword && NAMED.has(part)
    if (!keyword) return part
    if (part === 'items' && /^\d+$/.test(parts[index + 1] ?? '')) return 'prefixItems'
    return part === 'additionalItems' ? 'items' : part
  }).join('/')
}
